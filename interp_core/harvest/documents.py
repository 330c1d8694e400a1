"""Documents of a corpus, one after the other: text, jsonl, Parquet, or a Hugging Face dataset.

What is no text is left out, counted and named, and never ends a harvest. No torch here.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from interp_core.errors import HarvestError

MOST_CHARACTERS = 1_000_000
"""A longer document is cut into documents of this length, so that none takes much memory at once."""
_HUB = "hub:"


@runtime_checkable
class Documents(Protocol):
    """A corpus that can be read more than once and always gives the same."""

    name: str

    def checksum(self) -> str:
        """Names the content."""
        ...

    def __iter__(self) -> Iterator[str | None]:
        """Texts; None where there should be one and there is not."""
        ...


class Texts:
    """Documents in memory."""

    def __init__(self, texts: Sequence[str], name: str = "texts") -> None:
        self.name, self._texts = name, tuple(texts)

    def checksum(self) -> str:
        return hashlib.sha256(json.dumps(self._texts).encode()).hexdigest()

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._texts)


class Files:
    """Documents of files: a `.txt` is one, a line of a `.jsonl` and a row of a `.parquet` is one each."""

    def __init__(self, path: Path, column: str = "text") -> None:
        self.name, self._column = path.name, column
        try:
            self._paths = sorted(_seen(path)) if path.is_dir() else [path]
            missing = not path.exists()
        except OSError as error:
            raise HarvestError(f"{path} cannot be read ({error.strerror}).") from error
        wrong = [found.name for found in self._paths if found.suffix.lower() not in _READERS]
        if missing or not self._paths or wrong:
            raise HarvestError(
                f"{path} {'does not exist' if missing else f'holds {wrong[0]}' if wrong else 'is empty'}. Give a .txt, .jsonl "
                f"or .parquet file, a folder of such files, a folder that datasets saved, or {_HUB}NAME."
            )

    def checksum(self) -> str:
        digest = hashlib.sha256(self._column.encode())
        for path in self._paths:
            with path.open("rb") as file:
                digest.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[str | None]:
        for path in self._paths:
            try:
                yield from _READERS[path.suffix.lower()](path, self._column)
            except OSError as error:
                raise HarvestError(f"{path} cannot be read ({error.strerror or error}).") from error


def _seen(folder: Path) -> Iterator[Path]:
    """Files under a folder without the hidden ones, which systems leave there by themselves."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


class Dataset:
    """Documents of a Hugging Face dataset: a folder that `datasets` saved, or `hub:NAME` or `hub:NAME:SPLIT`."""

    def __init__(self, where: str, column: str = "text") -> None:
        self.name, self._column = where, column
        self._rows: Any = None

    def checksum(self) -> str:
        return hashlib.sha256(f"{self._column}:{self._load()._fingerprint}".encode()).hexdigest()

    def __iter__(self) -> Iterator[str | None]:
        rows = self._load()
        if self._column not in rows.column_names:
            raise HarvestError(
                f"{self.name} has no column {self._column!r}, only {', '.join(rows.column_names)}. Name one with --column."
            )
        for row in rows:
            yield row[self._column] if isinstance(row[self._column], str) else None

    def _load(self) -> Any:
        if self._rows is None:
            import datasets  # noqa: PLC0415  takes a second, and only this source needs it

            try:
                if self.name.startswith(_HUB):
                    name, _, split = self.name.removeprefix(_HUB).partition(":")
                    self._rows = datasets.load_dataset(name, split=split or "train")
                else:
                    found = datasets.load_from_disk(self.name)
                    self._rows = found["train"] if isinstance(found, datasets.DatasetDict) else found
            except (OSError, ValueError, KeyError) as error:
                raise HarvestError(f"The dataset {self.name} cannot be had ({str(error)[:200]}).") from error
        return self._rows


def documents_of(where: str, column: str = "text") -> Documents:
    """The corpus that a path or `hub:NAME` names.

    Raises:
        HarvestError: There is none, or it is of another kind.
    """
    path = Path(where)
    saved = ("dataset_info.json", "dataset_dict.json")
    if where.startswith(_HUB) or any((path / name).is_file() for name in saved):
        return Dataset(where, column)
    return Files(path, column)


def in_pieces(text: str) -> Iterator[str]:
    """A document, cut where it is too long to be tokenised at once."""
    for start in range(0, len(text), MOST_CHARACTERS):
        yield text[start : start + MOST_CHARACTERS]


def _read_text(path: Path, column: str) -> Iterator[str | None]:
    try:
        yield path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        yield None


def _read_lines(path: Path, column: str) -> Iterator[str | None]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield _text_of(line, column)


def _text_of(line: bytes, column: str) -> str | None:
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    text = found.get(column) if isinstance(found, dict) else None
    return text if isinstance(text, str) else None


def _read_parquet(path: Path, column: str) -> Iterator[str | None]:
    import pyarrow as arrow  # noqa: PLC0415  only this source needs it
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(path) as file:
            if column not in file.schema_arrow.names:
                raise HarvestError(
                    f"{path.name} has no column {column!r}, only {', '.join(file.schema_arrow.names)}. Name one with --column."
                )
            for batch in file.iter_batches(1024, columns=[column]):
                for cell in batch.column(0):
                    yield _cell(cell)
    except arrow.ArrowException as error:
        raise HarvestError(f"{path.name} is no Parquet file that can be read ({str(error)[:200]}).") from error


def _cell(cell: Any) -> str | None:
    try:
        text = cell.as_py()
    except UnicodeDecodeError:
        return None
    return text if isinstance(text, str) else None


_READERS = {".txt": _read_text, ".jsonl": _read_lines, ".parquet": _read_parquet}
