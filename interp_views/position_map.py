"""Numbers by row (layers) and position of a prompt (or head), as a map that a reader can click into.

Row 0 is at the top, as in the head map. A cell may hold words of its own, such as the tokens that a layer would predict;
a cell that is not there (yet) is hatched. The picture's scripts are `position_map.js` and `position_map_cells.js`.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from interp_views.tokens import token_header, visible
from interp_views.wire import pack

MOST_ROWS = 4096


@dataclass(frozen=True)
class CellWords:
    """Tokens that belong to every cell, best first; the first can be written into the cell."""

    ids: Int[np.ndarray, "row pos k"]
    words: dict[int, str]
    """Text of every id in `ids`, as the tokenizer has it."""
    values: Float[np.ndarray, "row pos k"]
    """A number for each, such as its probability."""
    unit: str
    """Of those numbers."""


@dataclass(frozen=True)
class PositionMapView:
    """What the map shows."""

    values: Float[np.ndarray, "row pos"]
    """One number per cell, in `unit`; NaN where there is none."""
    rows: tuple[str, ...]
    """Label of each row, from the top, such as `0` for a layer."""
    tokens: tuple[str, ...]
    """The prompt's tokens, which label the columns; names of something else where `numbered` is off."""
    special: tuple[bool, ...]
    name: str
    """What the number is, such as `recovered fraction`."""
    unit: str
    low: float
    """Value of the first colour. What is below takes that colour too, and is marked and counted."""
    high: float
    """Value of the last colour."""
    signed: bool = False
    """Whether colours diverge from 0: they then run from minus to plus the larger of |low| and |high|."""
    log: bool = False
    """Whether colours go with log(1 + value); for values of 0 or more."""
    decimals: int = 2
    """Digits after the point with which values are written."""
    row_name: str = "layer"
    """What a row is."""
    missing: str = "not computed"
    """What a cell without a number is."""
    words: CellWords | None = None
    written: Literal["words", "values"] = "words"
    """What stands in the cells at first, of a prompt short enough for it; the reader may choose otherwise."""
    numbered: bool = True
    """Whether columns are positions, named `3: ·John`; off for columns such as heads."""
    about: str = ""
    """Names the data, so that a selection meant for other data is not applied to it."""


def position_map_payload(view: PositionMapView) -> bytes:
    """Check a view and pack it for `position_map.js`.

    Raises:
        ValueError: Shapes that do not belong together, no cells, an infinite value, colours without a range, a
            logarithm of something negative, or a number of decimals that nobody reads.
    """
    _check_shapes(view)
    _check_colours(view)
    largest = max(abs(view.low), abs(view.high))
    header = {
        **token_header(view.tokens, view.special),
        "rows": [" ".join(map(visible, row.split())) for row in view.rows],
        "name": view.name,
        "unit": view.unit,
        "low": -largest if view.signed else view.low,
        "high": largest if view.signed else view.high,
        "signed": view.signed,
        "log": view.log,
        "decimals": view.decimals,
        "row_name": view.row_name,
        "missing": view.missing,
        "numbered": view.numbered,
        "written": view.written,
        "about": view.about,
    }
    arrays: dict[str, np.ndarray] = {"values": view.values.astype(np.float32)}
    if view.words:
        distinct, places = np.unique(view.words.ids, return_inverse=True)
        header["words"] = [visible(view.words.words[int(index)]) for index in distinct]
        header["n_words"] = view.words.ids.shape[2]
        header["word_unit"] = view.words.unit
        arrays["word_places"] = places.reshape(view.words.ids.shape).astype(np.int32)
        arrays["word_values"] = view.words.values.astype(np.float32)
    return pack(header, arrays)


def position_map_selection(about: str, *, row: int | None, pos: int | None) -> bytes:
    """Pack the selected cell, as a small message that goes with the data of the same `about`.

    `pos` alone selects a column; None for both selects nothing.

    Raises:
        ValueError: A row without a position, or a negative one.
    """
    if row is not None and pos is None:
        raise ValueError(f"The selection is row {row} without a position: give both, a position alone, or neither.")
    if min(row or 0, pos or 0) < 0:
        raise ValueError(f"There is no row {row}, position {pos}: both count from 0.")
    return pack({"part": "selection", "about": about, "row": row, "pos": pos}, {})


def _check_shapes(view: PositionMapView) -> None:
    shape = (len(view.rows), len(view.tokens))
    if view.values.shape != shape or not all(shape) or shape[0] > MOST_ROWS:
        raise ValueError(
            f"The values have shape {view.values.shape} for {shape[0]} row labels and {shape[1]} tokens: give one number "
            f"for each, at least one of both and at most {MOST_ROWS:,} rows."
        )
    if view.words and (view.words.ids.shape[:2] != shape or view.words.ids.shape != view.words.values.shape):
        raise ValueError(
            f"The words have shapes {view.words.ids.shape} and {view.words.values.shape}: give (rows, positions, k) twice."
        )


def _check_colours(view: PositionMapView) -> None:
    if np.isinf(view.values).any():
        row, pos = np.argwhere(np.isinf(view.values))[0]
        raise ValueError(f"The value of row {row}, position {pos} is infinite: give finite values, or NaN for none.")
    if not (math.isfinite(view.low) and math.isfinite(view.high) and view.low < view.high):
        raise ValueError(
            f"The colours run from {view.low:g} to {view.high:g}: give two finite numbers, low below high."
        )
    if view.log and (view.signed or view.low < 0):
        raise ValueError("Logarithmic colours take values of 0 or more: give low of 0 or more, and not signed.")
    if not 0 <= view.decimals <= 8:
        raise ValueError(f"decimals is {view.decimals}: give 0 to 8.")
