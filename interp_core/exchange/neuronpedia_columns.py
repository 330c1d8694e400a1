"""Columns of rows that nobody vouches for: of the kind that they should be, or a TypeError that names the column. No torch here."""

import re
from typing import Any

from interp_core.errors import ExchangeError

Row = dict[str, Any]
_INDEX = re.compile(r"\d{1,9}")
_LARGEST = 1e30
"""Pictures are drawn in float32."""


def is_feature(value: Any) -> bool:
    """Whether a value says that it is a row of `Neuron`."""
    return isinstance(value, dict) and {"modelId", "layer", "index"} <= value.keys()


def index_of(row: Row) -> int:
    """Which feature a row is of.

    Raises:
        ExchangeError: Its index is no number.
    """
    found = row.get("index")
    if isinstance(found, bool) or not _INDEX.fullmatch(str(found)):
        raise ExchangeError(f"A row of Neuronpedia's has the index {str(found)[:40]!r}: it must be a number from 0.")
    return int(found)  # type: ignore[arg-type]


def text_of(row: Row, name: str) -> str:
    """A text; empty where there is none."""
    value = row.get(name)
    if not isinstance(value, str | None):
        raise TypeError(f"{name} is no text but {str(value)[:40]!r}")
    return value or ""


def texts_of(row: Row, name: str) -> list[str]:
    """A list of texts; empty where there is none."""
    values = _list(row, name)
    if wrong := [value for value in values if not isinstance(value, str)]:
        raise TypeError(f"{name} holds {str(wrong[0])[:40]!r}, which is no text")
    return values


def number_of(row: Row, name: str) -> float | None:
    """A number; None where there is none."""
    return _checked(row.get(name), name)


def numbers_of(row: Row, name: str) -> list[float | None]:
    """A list of numbers, some of which may be unknown; empty where there is none."""
    return [_checked(value, name) for value in _list(row, name)]


def _list(row: Row, name: str) -> list[Any]:
    values = row.get(name)
    if not isinstance(values, list | None):
        raise TypeError(f"{name} is no list but {str(values)[:40]!r}")
    return values or []


def _checked(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        raise TypeError(f"{name} holds {str(value)[:40]!r}, which is no number")
    return float(value)
