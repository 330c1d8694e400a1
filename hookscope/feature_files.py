"""Dashboards of features as files: written for others, and opened from others."""

from collections.abc import Callable, Collection, Iterable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Literal, get_args

from hookscope.features import Harvested, harvest_of
from interp_core.errors import ExchangeError
from interp_core.exchange.choice import choose_features
from interp_core.exchange.documents import dashboards, write_documents
from interp_core.exchange.neuronpedia_writing import write_neuronpedia
from interp_core.exchange.opening import open_dashboards as _open_dashboards
from interp_core.files import disk_error, whole_file
from interp_core.jobs import finish
from interp_core.models import LoadedModel
from interp_core.sae.dashboard import Document
from interp_core.sae.features import found_config
from interp_views.feature_document import feature_view
from interp_views.feature_pages import feature_page, write_feature_set

FileKind = Literal["html", "json", "neuronpedia"]
FILE_KINDS: tuple[FileKind, ...] = get_args(FileKind)


def write_features(
    model: LoadedModel,
    sae: str,
    features: str | Iterable[int],
    path: str | Path,
    *,
    kind: FileKind = "html",
    harvest: Harvested = None,
    watch: Callable[[Iterable[Document], int], Iterable[Document]] = lambda documents, total: documents,
) -> Path:
    """Write dashboards of some features, one at a time: memory holds one, whatever the number.

    Args:
        model: The model.
        sae: The SAE.
        features: Numbers, or a text such as `"1,5-9"` or `"all"`.
        path: For `html` a .zip of pages with an index, or a .html of one feature; for `json` one file; for `neuronpedia` a new
            folder, or a .zip.
        kind: What to write.
        harvest: Where examples come from.
        watch: Is given the dashboards and how many there will be, and gives them on: a progress bar.

    Returns:
        The path. It is there only once it is whole.

    Raises:
        InterpError: There is no such SAE or feature, the harvest is damaged, or the path cannot be written.
    """
    path, found = Path(path), harvest_of(model, sae, harvest)
    d_sae = found_config(sae).d_sae
    chosen = choose_features(features, d_sae) if isinstance(features, str) else tuple(features)
    if not chosen:
        raise ExchangeError("There are no features to write: name at least one.")
    if kind not in FILE_KINDS:
        raise ExchangeError(f"{kind!r} cannot be written. Choose one of {', '.join(FILE_KINDS)}.")
    documents = watch(dashboards(model, sae, found, chosen), len(chosen))
    if kind == "neuronpedia":
        return finish(write_neuronpedia(documents, len(chosen), path, model))
    if kind == "json":
        return _made_whole(path, lambda file: write_documents(documents, file))
    if path.suffix == ".html" and len(chosen) == 1:
        return _made_whole(path, lambda file: file.write(feature_page(feature_view(*documents)).encode()))
    if path.suffix != ".zip":
        raise ExchangeError(f"Pages of {len(chosen):,} features go into one zip. Let {path.name} end in .zip.")
    title = f"{len(chosen):,} features of {sae}, {model.card.name}"
    return _made_whole(path, lambda file: write_feature_set(file, map(feature_view, documents), title))


def open_dashboards(path: str | Path, features: Collection[int] | None = None) -> Iterator[Document]:
    """The dashboards of a file of ours or Neuronpedia's, one at a time; `show_dashboard` shows one.

    Raises:
        InterpError: It is no such file, or is damaged; raised when that is reached.
    """
    return _open_dashboards(Path(path), features=features)


def _made_whole(path: Path, write: Callable[[BufferedIOBase], object]) -> Path:
    try:
        with whole_file(path) as file:
            write(file)  # type: ignore[arg-type]
    except OSError as error:
        raise disk_error(path, error) from error
    return path
