"""Sets of prompt pairs: those that ship, those that a user uploads, and which of their rows can be used on a model."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interp_core.answers import single_token
from interp_core.errors import BatchError, InterpError
from interp_core.prompts import Prompt
from interp_core.tokens import Tokenizer

FOLDER = Path(__file__).parent.parent / "data" / "pairs"
MOST_ROWS = 1000
MOST_BYTES = 5 * 1024 * 1024
PairFormat = Literal["csv", "jsonl"]
PairNeed = Literal["positions", "pairs", "clean"]
"""What must have the same number of tokens: all prompts, to compare position by position; the two of each pair; or none,
because the clean prompt alone is used."""
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


@dataclass(frozen=True)
class UsablePair:
    """A pair as one model sees it."""

    row: PairRow
    clean: tuple[int, ...]
    corrupted: tuple[int, ...]
    answer: int
    foil: int | None


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
    for number, row in rows:
        values = {name: row.get(name, "") for name in _COLUMNS}
        lacking = [name for name in _COLUMNS[:3] if not isinstance(values[name], str) or not values[name]]
        if lacking or not isinstance(values["foil"], str):
            problems.append(f"Row {number}: {', '.join(lacking) or 'foil'} is missing or is no text.")
        elif len(made) == MOST_ROWS:
            problems.append(f"Row {number} and those after it: a set may have {MOST_ROWS:,} pairs.")
            break
        else:
            made.append(PairRow(**values))
    if not made:
        first = f" The first problem: {problems[0]}" if problems else ""
        raise BatchError(
            f"The file holds no usable pair. Give the columns {', '.join(_COLUMNS[:3])} and perhaps foil.{first}"
        )
    return PairSet(tuple(made), tuple(problems))


def usable_pairs(
    tokenizer: Tokenizer, rows: tuple[PairRow, ...], need: PairNeed = "positions", *, bos: bool = True
) -> tuple[list[UsablePair], list[str]]:
    """The rows that can be used on this model, and a sentence for each of the others.

    Where positions are compared, all have the number of tokens of the first row that can be used at all.
    """
    found: list[UsablePair] = []
    problems: list[str] = []
    for number, row in enumerate(rows, 1):
        try:
            ids = [tokenizer.tokenise(Prompt(text, prepend_bos=bos)).ids for text in (row.clean, row.corrupted)]
            answer = single_token(tokenizer, row.answer)
            foil = single_token(tokenizer, row.foil, "foil") if row.foil else None
        except InterpError as error:
            problems.append(f"Pair {number}: {error}")
            continue
        lengths = [len(part) for part in ids]
        if need != "clean" and lengths[0] != lengths[1]:
            problems.append(f"Pair {number}: {lengths[0]} and {lengths[1]} tokens. Both prompts need the same number.")
        elif need != "clean" and ids[0] == ids[1]:
            problems.append(f"Pair {number}: both prompts are the same tokens.")
        elif answer == foil:
            problems.append(f"Pair {number}: answer and foil are the same token.")
        elif need == "positions" and found and lengths[0] != len(found[0].clean):
            problems.append(f"Pair {number}: {lengths[0]} tokens where the first has {len(found[0].clean)}.")
        else:
            found.append(UsablePair(row, ids[0], ids[1], answer, foil))
    return found, problems


def _csv_rows(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        return [(number, {str(name): value for name, value in row.items()}) for number, row in enumerate(reader, 2)], []
    except csv.Error as error:
        raise BatchError(
            f"The file is no CSV that can be read ({error}). Save it again, with a header line."
        ) from error


def _json_rows(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    rows: list[tuple[int, dict[str, str]]] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            problems.append(f"Line {number} is no JSON object.")
    return rows, problems
