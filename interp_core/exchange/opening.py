"""One way in for dashboards of others: a file or folder of ours or Neuronpedia's, told apart by what is in it."""

import io
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from interp_core.errors import ExchangeError
from interp_core.exchange.documents import check_document
from interp_core.exchange.neuronpedia_columns import is_feature
from interp_core.exchange.neuronpedia_files import read_export
from interp_core.exchange.neuronpedia_reading import document_of
from interp_core.exchange.packed_lines import MOST_UNPACKED
from interp_core.exchange.plain_json import values_in
from interp_core.sae.dashboard import Document

_ZIP, _GZIP = b"PK", b"\x1f\x8b"


def open_dashboards(
    source: Path | bytes,
    what: str = "",
    *,
    features: Collection[int] | None = None,
    most_bytes: int = MOST_UNPACKED,
) -> Iterator[Document]:
    """The dashboards of a file, one at a time: nothing is held but the one that is given. Nothing in it is ever executed.

    Args:
        source: Our JSON; a feature as Neuronpedia's API gives it, or an array of them; or a folder of Neuronpedia's exports or a
            zip of it. Its bytes, or where it lies.
        what: Names it in messages; by its own name if absent.
        features: Only these; all if absent.
        most_bytes: That an export may unpack to.

    Raises:
        ExchangeError: It is none of these, is damaged, or holds more than is read. Raised when that is reached.
    """
    what = what or (source.name if isinstance(source, Path) else "The file")
    if isinstance(source, Path) and source.is_dir():
        yield from read_export(source, what, features, most_bytes)
        return
    with ExitStack() as stack:
        try:
            file: BufferedIOBase = stack.enter_context(
                source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
            )
            begins = file.read(64).lstrip()
            file.seek(0)
        except OSError as error:
            raise ExchangeError(f"{source} cannot be read ({error.strerror}). Check the path.") from error
        if begins.startswith(_ZIP):
            yield from read_export(file, what, features, most_bytes)
            return
        if begins.startswith((_GZIP, b"<")) or not begins:
            raise ExchangeError(f"{what} {_other_kind(begins)}")
        for value in values_in(file, what):
            document = _document(value, what)
            if features is None or document.get("feature") in features:
                yield document


def _document(value: Any, what: str) -> Document:
    if not is_feature(value):
        return check_document(value, what)
    parts = [value.get(name) or [] for name in ("activations", "explanations")]
    if not all(isinstance(part, list) and all(isinstance(row, dict) for row in part) for part in parts):
        raise ExchangeError(
            f"{what} has activations or explanations that are no lists of rows. Get it from Neuronpedia again."
        )
    source = value.get("source")
    return document_of(value, parts[0], parts[1], source if isinstance(source, dict) else None)


def _other_kind(begins: bytes) -> str:
    if not begins:
        return "is empty. Pick a JSON file, or a zip of an export of Neuronpedia."
    if begins.startswith(_GZIP):
        return "is one gzipped file of an export. Give the whole folder of the source, or a zip of it."
    return "is a page of HTML, to be looked at in a browser. Pick the JSON of the dashboard instead."
