"""Neuronpedia's export layout, written from dashboards one at a time: a folder, or one zip of it, whole or not there.

    MODEL/SOURCE/release.jsonl  model.jsonl  sourceset.jsonl  source.jsonl
    MODEL/SOURCE/features/batch-0.jsonl.gz  activations/batch-0.jsonl.gz  explanations/batch-0.jsonl.gz  ...

The same dashboards give the same bytes: no file says when it was written. Rows are described in `neuronpedia_rows`.
"""

import gzip
import json
import shutil
import tempfile
import zipfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase
from itertools import chain, islice
from pathlib import Path
from typing import Any

from interp_core.errors import DiskError, ExchangeError
from interp_core.exchange.documents import dashboards
from interp_core.exchange.neuronpedia_names import SourceNames, names_of
from interp_core.exchange.neuronpedia_rows import Row, activation_rows, explanation_rows, feature_row
from interp_core.files import sync_folder
from interp_core.harvest.bundle import Harvest
from interp_core.models import LoadedModel
from interp_core.sae.dashboard import Document
from interp_core.types import Progress

BATCH = 1024
"""Features of one file, as in Neuronpedia's own exports."""
_TABLES = {
    "features": lambda document, names: [feature_row(document, names)],
    "activations": activation_rows,
    "explanations": explanation_rows,
}
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def export_neuronpedia(
    loaded: LoadedModel, name: str, harvest: Harvest | None, features: Iterable[int], out: Path
) -> Generator[Progress, None, Path]:
    """Write dashboards of an SAE's features in Neuronpedia's layout. Costs what `feature_document` does for each.

    Args:
        loaded: The model.
        name: The SAE.
        harvest: Where examples come from.
        features: Which.
        out: A folder that is not there yet, or a file that ends in `.zip`.

    Returns:
        `out`.

    Raises:
        InterpError: The SAE does not fit, lacks a feature, the harvest is damaged, or `out` is there or cannot be written.
    """
    chosen = tuple(features)
    return (yield from write_neuronpedia(dashboards(loaded, name, harvest, chosen), len(chosen), out, loaded))


def write_neuronpedia(
    documents: Iterable[Document], total: int, out: Path, loaded: LoadedModel | None = None
) -> Generator[Progress, None, Path]:
    """Write dashboards in Neuronpedia's layout; all must be of one SAE.

    Args:
        documents: Taken one at a time.
        total: How many there will be, for the progress.
        out: A folder that is not there yet, or a file that ends in `.zip`.
        loaded: The model, for its row; sizes read 0 without it.

    Raises:
        ExchangeError: There are none, they are of several SAEs, or `out` is there already.
        DiskError: It cannot be written.
    """
    remaining = iter(documents)
    first = next(remaining, None)
    if first is None:
        raise ExchangeError("There are no features to write: name at least one.")
    names, done = names_of(first), 0
    if out.suffix != ".zip" and out.exists():
        raise ExchangeError(f"{out} is there already. Give the name of a new folder, or of a file that ends in .zip.")
    try:
        with _made_whole(out) as folder:
            root = folder / names.model / names.source
            root.mkdir(parents=True)
            for file, row in _facts(first, names, loaded).items():
                (root / f"{file}.jsonl").write_bytes(_line(row))
            remaining = chain([first], remaining)
            batch = 0
            while head := list(islice(remaining, 1)):
                for document in _written(root, batch, chain(head, islice(remaining, BATCH - 1)), first):
                    done += 1
                    yield Progress(min(1.0, done / max(1, total)), f"{document['name']}, {done:,} of {total:,}")
                batch += 1
    except OSError as error:
        raise DiskError(
            f"{out} cannot be written ({error.strerror or error}). Free some space or check the rights."
        ) from error
    return out


def _written(root: Path, batch: int, documents: Iterable[Document], first: Document) -> Iterator[Document]:
    """Write one batch, and give each of its documents back once it is written. A table without a row gets no file."""
    names = names_of(first)
    with ExitStack() as stack:
        files: dict[str, BufferedIOBase] = {}
        for document in documents:
            if names_of(document) != names or document["sae_sha256"] != first["sae_sha256"]:
                raise ExchangeError(
                    f"{document['name']} is of {document['sae']}, and the first feature is of {first['sae']}. Export the features "
                    "of one SAE at a time."
                )
            for table, rows_of in _TABLES.items():
                for row in rows_of(document, names):
                    if table not in files:
                        path = root / table / f"batch-{batch}.jsonl.gz"
                        path.parent.mkdir(exist_ok=True)
                        raw = stack.enter_context(path.open("wb"))
                        files[table] = stack.enter_context(gzip.GzipFile("", "wb", 5, raw, mtime=0))  # type: ignore[assignment]
                    files[table].write(_line(row))
            yield document


def _facts(first: Document, names: SourceNames, loaded: LoadedModel | None) -> dict[str, Row]:
    """The four rows in front: of release, model, set and source."""
    card, text = loaded.card if loaded else None, first["text"] or {}
    public = {"creatorId": names.creator, "visibility": "PUBLIC"}
    what = f"{first['sae']}, {first['place']}, of {first['model']}"
    return {
        "release": {"name": names.source_set, "description": what, "descriptionShort": what, "urls": [], "creatorName": "Hookscope", **public},
        "model": {
            "id": names.model, "displayName": first["model"], "displayNameShort": first["model"], "owner": "",
            "layers": card.n_layers if card else 0, "neuronsPerLayer": card.d_mlp if card else 0,
            "instruct": bool(card and card.has_chat_template), **public,
        },
        "sourceset": {
            "modelId": names.model, "name": names.source_set, "description": what, "type": "", "creatorName": "Hookscope",
            "urls": [], "releaseName": names.source_set, "hasDashboards": True, "showCorrelated": True, **public,
        },
        "source": {
            "id": names.source, "modelId": names.model, "setName": names.source_set, "hasDashboards": True,
            "dataset": text.get("source"), "num_prompts": None, "num_tokens_in_prompt": text.get("context"),
            "notes": f"SAE {first['sae_sha256']}" if first.get("sae_sha256") else None, **public,
        },
    }  # fmt: skip


@contextmanager
def _made_whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name, or is zipped to it, when all went well."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp"))
    archive = folder.with_suffix(".zip.tmp")
    try:
        yield folder
        if out.suffix == ".zip":
            _zip(folder, archive)
            archive.replace(out)
        else:
            folder.chmod(0o755)  # a temporary folder is its owner's alone
            folder.replace(out)
        sync_folder(out.parent)
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            with (
                archive.open(zipfile.ZipInfo(file.relative_to(folder).as_posix(), _NO_DATE), "w") as target,
                file.open("rb") as source,
            ):
                shutil.copyfileobj(source, target)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
