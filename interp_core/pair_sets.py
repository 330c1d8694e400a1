"""Sets of prompt pairs: those that ship, and those that a user uploads."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from interp_core.errors import BatchError

FOLDER = Path(__file__).parent.parent / "data" / "pairs"
MOST_ROWS = 1000
MOST_BYTES = 5 * 1024 * 1024
PairFormat = Literal["csv", "jsonl"]
_COLUMNS = ("clean", "corrupted", "answer", "foil")


@dataclass(frozen=True)
class PairRow:
    """Two prompts, and how each goes on."""

    clean: str
    corrupted: str
    answer: str
    foil: str = ""


@dataclass(frozen=True)
class PairSet:
    """Rows that could be read, and why others could not."""

    rows: tuple[PairRow, ...]
    problems: tuple[str, ...] = ()
    """One sentence for each row that was left out."""


def shipped_sets() -> list[str]:
    """Names of the sets that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def read_shipped(name: str) -> PairSet:
    """A set that ships.

    Raises:
        BatchError: There is none by that name.
    """
    if name not in shipped_sets():
        raise BatchError(f"There is no pair set {name[:40]!r}. Choose one of {', '.join(shipped_sets())}.")
    return read_pairs((FOLDER / f"{name}.jsonl").read_bytes(), "jsonl")


def read_pairs(content: bytes, kind: PairFormat) -> PairSet:
    """Read pairs: columns or keys `clean`, `corrupted`, `answer` and, if there is one, `foil`; spaces in front count.

    Raises:
        BatchError: It is too large, not UTF-8, lacks a column, or holds no usable row.
    """
    if len(content) > MOST_BYTES:
        raise BatchError(f"The file has {len(content):,} bytes and the limit is {MOST_BYTES:,}. Split it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BatchError(f"The file is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    rows, problems = _csv_rows(text) if kind == "csv" else _json_rows(text)
    made: list[PairRow] = []
    for line, row in rows:
        values: dict[str, Any] = {name: row.get(name) for name in _COLUMNS}
        values["foil"] = "" if values["foil"] is None else values["foil"]  # a short row, or a null
        lacking = [name for name in _COLUMNS[:3] if not isinstance(values[name], str) or not values[name]]
        if lacking or not isinstance(values["foil"], str):
            problems.append(f"Line {line}: {', '.join(lacking) or 'foil'} is missing or is no text.")
        elif len(made) == MOST_ROWS:
            problems.append(f"Line {line} and those after it: a set may have {MOST_ROWS:,} pairs.")
            break
        else:
            made.append(PairRow(**values))
    if not made:
        first = f" The first problem: {problems[0]}" if problems else ""
        raise BatchError(
            f"The file holds no usable pair. Give the columns {', '.join(_COLUMNS[:3])} and perhaps foil.{first}"
        )
    return PairSet(tuple(made), tuple(problems))


def _csv_rows(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    """Rows by the line that each ends on. Columns may be parted by commas, semicolons or tabs."""
    header = text.partition("\n")[0]
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True, delimiter=max(",;\t", key=header.count))
        names = [_name(name) for name in reader.fieldnames or ()]
        if lacking := [name for name in _COLUMNS[:3] if name not in names]:
            raise BatchError(
                f"The file's first line is no header with {', '.join(lacking)}: it names {', '.join(names)[:200] or 'nothing'}. "
                f"Give the columns {', '.join(_COLUMNS[:3])} and perhaps foil."
            )
        return [(reader.line_num, {_name(name): value for name, value in row.items()}) for row in reader], []
    except csv.Error as error:
        raise BatchError(
            f"The file is no CSV that can be read ({error}). Save it again, with a header line."
        ) from error


def _json_rows(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    rows: list[tuple[int, dict[str, Any]]] = []
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):  # other ends of lines may stand inside a string
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append((number, {_name(name): value for name, value in row.items()}))
        else:
            problems.append(f"Line {number} is no JSON object.")
    return rows, problems


def _name(column: Any) -> str:
    return str(column).strip().lower()
