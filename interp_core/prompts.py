"""Prompts as a user gives them: one, or a batch pasted or uploaded as text, CSV or JSON lines. No torch here."""

import csv
import io
import json
from dataclasses import dataclass, replace
from typing import Literal

from interp_core.errors import BatchError, PromptTextError

MOST_TEXT_BYTES = 256 * 1024
"""Longer than any context that the dashboard can show; checked before a tokenizer sees it."""
MOST_PROMPTS = 10_000
MOST_BATCH_BYTES = 20 * 1024 * 1024

BatchFormat = Literal["txt", "csv", "jsonl"]


@dataclass(frozen=True)
class Prompt:
    """Text and how it becomes tokens."""

    text: str
    prepend_bos: bool = True
    """Put the tokenizer's BOS in front, once, where it names one."""
    chat: bool = False
    """Take the text as a user's message and apply the tokenizer's chat template."""

    def with_text(self, text: str) -> "Prompt":
        """The same switches on another text."""
        return replace(self, text=text)


@dataclass(frozen=True)
class Batch:
    """The prompts that could be read, and what was wrong with the others."""

    prompts: tuple[str, ...]
    skipped: tuple[str, ...]
    """One sentence for each row that was left out, and what else there is to know about the file."""


def check_text(text: str) -> None:
    """Refuse what is not text.

    Raises:
        PromptTextError: It holds a lone surrogate or a NUL, or is too long.
    """
    for position, char in enumerate(text[: MOST_TEXT_BYTES + 1]):
        if "\ud800" <= char <= "\udfff":
            raise PromptTextError(
                f"The prompt holds half of a character (a lone surrogate, U+{ord(char):04X}) at place {position}, "
                "which no text can contain. Remove it."
            )
    # A text of this many characters is at least as many bytes, so that encoding a huge one is never needed.
    size = len(text) if len(text) > MOST_TEXT_BYTES else len(text.encode())
    if size > MOST_TEXT_BYTES:
        raise PromptTextError(
            f"The prompt has {size:,} bytes and the limit is {MOST_TEXT_BYTES:,}, which is more than a model's "
            "context holds. Shorten it, or split it into a batch."
        )


def read_batch(content: bytes, kind: BatchFormat) -> Batch:
    """Read prompts: a line each (`txt`), or the column or key `prompt` or `text`, else the first one.

    Raises:
        BatchError: It is too large, is not UTF-8, is not of that kind, or holds no usable prompt.
    """
    if len(content) > MOST_BATCH_BYTES:
        raise BatchError(f"The batch has {len(content):,} bytes and the limit is {MOST_BATCH_BYTES:,}. Split it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BatchError(f"The batch is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    rows = {"txt": _lines, "csv": _csv_rows, "jsonl": _json_rows}[kind](text)
    prompts: list[str] = []
    skipped: list[str] = []
    if kind == "csv" and _named_column(text.partition("\n")[0].split(",")) is None:
        skipped.append("No column is named 'prompt' or 'text': the first column was taken, from the first row on.")
    for place, row in rows:
        try:
            if isinstance(row, PromptTextError):
                raise row
            check_text(row)
            if row.strip():
                prompts.append(row)
            else:
                skipped.append(f"Row {place} is empty.")
        except PromptTextError as error:
            skipped.append(f"Row {place}: {error}")
    if not prompts:
        reason = f" {skipped[0]}" if skipped else ""
        raise BatchError(
            f"The batch holds no prompt that can be used.{reason} Give one prompt a line, or a column named 'prompt'."
        )
    if len(prompts) > MOST_PROMPTS:
        skipped.append(f"Only the first {MOST_PROMPTS:,} of {len(prompts):,} prompts were taken.")
    return Batch(tuple(prompts[:MOST_PROMPTS]), tuple(skipped))


Row = tuple[int, str | PromptTextError]


def _lines(text: str) -> list[Row]:
    return [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip()]


def _csv_rows(text: str) -> list[Row]:
    try:
        table = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise BatchError(
            f"The file is not a CSV table ({error}). Save it as CSV with commas, or as JSON lines."
        ) from error
    if not table:
        return []
    named = _named_column(table[0])
    body, column = (table[1:], named) if named is not None else (table, 0)
    first = 2 if named is not None else 1
    return [(place, row[column] if column < len(row) else "") for place, row in enumerate(body, first) if row]


def _named_column(header: list[str]) -> int | None:
    names = [cell.strip().strip('"').lower() for cell in header]
    return next((names.index(name) for name in ("prompt", "text") if name in names), None)


def _json_rows(text: str) -> list[Row]:
    rows: list[Row] = []
    for place, line in enumerate(text.split("\n"), 1):
        if line.strip():
            rows.append((place, _json_prompt(line)))
    return rows


def _json_prompt(line: str) -> str | PromptTextError:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return PromptTextError("it is not a JSON value.")
    if isinstance(value, dict):
        value = value.get("prompt", value.get("text", next(iter(value.values()), None)))
    return value if isinstance(value, str) else PromptTextError("it has no text under 'prompt' or 'text'.")
