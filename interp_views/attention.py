"""Attention patterns of one layer: every head small, one head large, and the tokens tinted by it.

The picture's script is `attention.js`. It points and locks by itself; on every lock it also tells
the host, which answers with the same view around another head in focus.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from interp_views.tokens import check_pos, token_header
from interp_views.wire import lower_triangle, pack, to_uint8

Direction = Literal["from", "to"]
_ROUNDING = 1e-4
"""How far beyond 0 to 1 a softmax may land by rounding in half precision."""


@dataclass(frozen=True)
class AttentionView:
    """What the attention picture shows."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    layer: int
    """Zero-based layer, for the names of the heads."""
    patterns: Float[np.ndarray, "head query_pos key_pos"]
    """Attention probability, 0 to 1, from each query (destination) to each key (source) position.

    Rows sum to 1, unless an intervention changed them. If nothing lies above the diagonal the
    pattern counts as causal, and those cells as masked.
    """
    head: int
    """The head in focus. Its values are sent exactly, as float32; the others within 1/510."""
    head_locked: bool
    """Whether the reader chose that head (a chosen head is marked)."""
    pos: int | None
    """The locked token, if any."""
    direction: Direction
    """`from`: the locked token is the query, and tints say where it looks. `to`: it is the key."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""


def attention_payload(view: AttentionView) -> bytes:
    """Check a view and pack it for `attention.js`.

    At most 1 byte per unmasked weight, 4 more for the head in focus, and the token texts.

    Raises:
        ValueError: Shapes that do not fit the tokens; a head, position or direction that does not
            exist; values that are not finite or not within 0 to 1 (nothing is clipped).
    """
    header = token_header(view.tokens, view.special)
    _check(view)
    n_heads = view.patterns.shape[0]
    patterns = _without_rounding(view.patterns)
    causal = not np.triu(patterns, k=1).any()
    weights = lower_triangle(patterns) if causal else patterns.reshape(n_heads, -1)
    header |= {
        "layer": view.layer,
        "n_heads": n_heads,
        "causal": causal,
        "head": view.head,
        "head_locked": view.head_locked,
        "pos": view.pos,
        "direction": view.direction,
    }
    return pack(header, {"heads": to_uint8(weights), "focus": weights[view.head]})


def _check(view: AttentionView) -> None:
    shape, n_pos = view.patterns.shape, len(view.tokens)
    if len(shape) != 3 or shape[0] == 0 or shape[1:] != (n_pos, n_pos):
        raise ValueError(
            f"The patterns have shape {shape} but there are {n_pos} tokens: give (heads, {n_pos}, {n_pos})."
        )
    if not 0 <= view.head < shape[0]:
        raise ValueError(f"Head {view.head} is not in the layer: give 0 to {shape[0] - 1}.")
    check_pos(view.pos, n_pos)
    if view.direction not in ("from", "to"):
        raise ValueError(f"The direction is {view.direction!r}: give 'from' or 'to'.")


def _without_rounding(
    patterns: Float[np.ndarray, "head pos pos"],
) -> Float[np.ndarray, "head pos pos"]:
    """Return the patterns as float32 from 0 to 1, or refuse what rounding cannot explain."""
    low, high = float(patterns.min()), float(patterns.max())
    # Written so that NaN fails too.
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise ValueError(
            f"Attention probabilities run from {low:.4g} to {high:.4g}: give finite values from "
            "0 to 1, the pattern after the softmax."
        )
    return patterns.astype(np.float32, copy=False).clip(0, 1)
