"""The prompt as a compact strip of tokens: for the top of a page, and for choosing a position.

The picture's script is `token_strip.js`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from interp_views.tokens import check_pos, token_header
from interp_views.wire import pack


@dataclass(frozen=True)
class StripView:
    """What the strip shows."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    pos: int | None = None
    """The selected token, if any."""
    bold_until: int = 0
    """Tokens before this position are bold: the prompt, where a completion follows it."""
    shade: Float[np.ndarray, " pos"] | None = None
    """How strongly each token is tinted, 0 to 1; NaN for no tint."""
    shade_label: str = ""
    """What the tint means, with its unit; empty where it only marks tokens, then no colour scale is drawn."""
    lines: int = 3
    """Height in lines of text; more tokens than that scroll."""


def strip_payload(view: StripView) -> bytes:
    """Check a view and pack it for `token_strip.js`.

    Raises:
        ValueError: A position that does not exist, no lines, or a shade that does not fit the
            tokens or the range from 0 to 1.
    """
    n_pos = len(view.tokens)
    header = token_header(view.tokens, view.special)
    check_pos(view.pos, n_pos)
    if not 0 <= view.bold_until <= n_pos:
        raise ValueError(f"bold_until is {view.bold_until}: give 0 to {n_pos}.")
    if view.lines < 1:
        raise ValueError(f"The strip would be {view.lines} lines high: give at least 1.")
    if view.shade is not None:
        _check_shade(view.shade, n_pos)
    header |= {
        # A strip is one block: newline tokens show their sign and do not break it.
        "breaks": [],
        "pos": view.pos,
        "bold_until": view.bold_until,
        "shade_label": view.shade_label,
        "lines": view.lines,
    }
    return pack(header, {} if view.shade is None else {"shade": view.shade.astype(np.float32)})


def _check_shade(shade: Float[np.ndarray, " pos"], n_pos: int) -> None:
    if shade.shape != (n_pos,):
        raise ValueError(f"The shade has shape {shade.shape} but there are {n_pos} tokens.")
    known = shade[~np.isnan(shade)]
    if ((known < 0) | (known > 1)).any():
        raise ValueError(f"The shade runs from {known.min():.4g} to {known.max():.4g}: scale it to 0 to 1.")
