"""A pattern of attention that the reader draws, to look for the heads that come close to it.

The picture's scripts are `pattern_sketch.js` and `sketch_grid.js`.
"""

from dataclasses import dataclass

import numpy as np

from interp_views.tokens import token_header
from interp_views.wire import pack

MAX_TOKENS = 256
"""With more, a cell would be too small to be drawn on."""
MAX_CELLS = 2_000
"""How many cells one sketch may hold; the picture says so when it is full."""


@dataclass(frozen=True)
class PatternSketchView:
    """What is drawn so far."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    cells: tuple[tuple[int, int], ...] = ()
    """The cells that are drawn, as (query, key) with `key <= query`."""
    about: str = ""
    """Names the prompt: another name throws away what was drawn on the old one."""


def pattern_sketch_payload(view: PatternSketchView) -> bytes:
    """Check a view and pack it for `pattern_sketch.js`.

    Raises:
        ValueError: Too many tokens or cells, a cell outside the triangle, or the same cell twice.
    """
    header = token_header(view.tokens, view.special)
    n_pos = len(view.tokens)
    if n_pos > MAX_TOKENS:
        raise ValueError(
            f"A pattern can be drawn on prompts of up to {MAX_TOKENS} tokens and this one has {n_pos}: shorten the prompt."
        )
    if len(view.cells) > MAX_CELLS:
        raise ValueError(f"The sketch has {len(view.cells)} cells: give at most {MAX_CELLS}.")
    for query, key in view.cells:
        if not 0 <= key <= query < n_pos:
            raise ValueError(
                f"The sketch has the cell of query {query} and key {key}: "
                f"give keys from 0 to their query, and queries up to {n_pos - 1}."
            )
    if len(set(view.cells)) != len(view.cells):
        raise ValueError("The sketch has a cell twice: give each cell once.")
    cells = np.array(view.cells, np.int32).reshape(-1, 2)
    return pack(header | {"about": view.about, "max_cells": MAX_CELLS}, {"cells": cells})
