"""Every head of every layer at once, as small patterns on one canvas.

The picture's script is `head_grid.js`. It sends the triggers `open` with {layer, head} and, to a host that keeps the
scale, `scale` with {scale}.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from interp_views.attention import Scale
from interp_views.pooled import PooledPatterns, agreed_window
from interp_views.tokens import token_header
from interp_views.wire import pack


@dataclass(frozen=True)
class HeadGridView:
    """What the head grid shows. `levels` to `top` are as in `PooledPatterns`, for every layer."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    levels: UInt8[np.ndarray, "layer head cells"]
    """Weight / `top` in 255 equal steps."""
    n_pos: int
    pool: int
    causal: bool
    top: float
    unit: str
    """Of the weights, such as "attention probability"."""
    about: str
    """Names these numbers: the parts that belong to them carry the same text."""
    order: tuple[tuple[int, int], ...] | None = None
    """(layer, head) of the heads to draw, in this order; None draws a row for every layer."""
    scores: Float[np.ndarray, "scored_layer scored_head"] | None = None
    """A number for every head, shown under it where there is an order. NaN: it has none."""
    score_label: str = ""
    """What the score is, with its unit."""
    windows: tuple[int, ...] = ()
    """How many positions back each layer looks, itself included: what lies further back is masked. 0, or empty: no limit."""
    opens: bool = False
    """Whether a click shows that head large in the picture itself. Give `levels` in full resolution then."""


def head_grid_payload(view: HeadGridView) -> bytes:
    """Check a view and pack it for `head_grid.js`: 1 byte a cell of the heads that are drawn, and the token texts.

    Raises:
        ValueError: Levels or scores that do not fit the tokens or one another, a score without a label, or an order
            that is empty or names a head twice or one that does not exist.
    """
    n_layers, n_heads = view.levels.shape[:2]
    header = token_header(view.tokens, view.special)
    if view.n_pos != len(view.tokens):
        raise ValueError(f"The patterns are of {view.n_pos} positions but there are {len(view.tokens)} tokens.")
    flat = view.levels.reshape(n_layers * n_heads, -1)
    PooledPatterns(flat, view.n_pos, view.pool, view.causal, view.top)
    if view.windows and len(view.windows) != n_layers:
        raise ValueError(f"There are {len(view.windows)} windows for {n_layers} layers: give one for each, or none.")
    order = _checked_order(view.order, n_layers, n_heads)
    header |= {
        "n_layers": n_layers,
        "n_heads": n_heads,
        "pool": view.pool,
        "causal": view.causal,
        "top": view.top,
        "unit": view.unit,
        "about": view.about,
        "ordered": view.order is not None,
        "score_label": view.score_label,
        "opens": view.opens,
        "windows": [
            agreed_window(PooledPatterns(layer, view.n_pos, view.pool, view.causal, view.top), window)
            for layer, window in zip(view.levels, view.windows or (0,) * n_layers, strict=True)
        ],
    }
    drawn = order[:, 0] * n_heads + order[:, 1]
    arrays = {"levels": flat[drawn], "order": order}
    if view.scores is not None:
        arrays["scores"] = _checked_scores(view.scores, view.score_label, (n_layers, n_heads)).reshape(-1)[drawn]
    return pack(header, arrays)


def head_grid_selection(
    about: str, *, layer: int | None = None, head: int | None = None, scale: Scale | None = None
) -> bytes:
    """Pack which head is outlined, none if layer or head is None, and where the colours end.

    Args:
        about: As in the view.
        layer: Zero-based.
        head: Zero-based.
        scale: As in the attention picture, for each head by itself; None where the host does not keep it.

    Raises:
        ValueError: A negative layer or head.
    """
    if (layer or 0) < 0 or (head or 0) < 0:
        raise ValueError(f"Layer {layer}, head {head} does not exist: give 0 or more, or None.")
    return pack({"part": "selection", "about": about, "layer": layer, "head": head, "scale": scale}, {})


def thumbnails(
    levels: UInt8[np.ndarray, "layer head cells"], n_pos: int, pool: int, causal: bool, most_side: int
) -> tuple[UInt8[np.ndarray, "layer head fewer_cells"], int]:
    """Pool cells further, until a side has at most `most_side`, and return them with their `pool`.

    A cell is the largest of those it covers, so what was pooled before gives the same as pooling once.

    Raises:
        ValueError: `most_side` below 1.
    """
    if most_side < 1:
        raise ValueError(f"A picture of {most_side} cells a side shows nothing: give at least 1.")
    side = -(-n_pos // pool)
    factor = -(-side // most_side)
    if factor == 1:
        return levels, pool
    smaller = -(-side // factor)
    grid = np.zeros((*levels.shape[:2], smaller, smaller), np.uint8)
    start = 0
    for row in range(side):
        width = row + 1 if causal else side
        largest = np.maximum.reduceat(levels[..., start : start + width], np.arange(0, width, factor), axis=-1)
        into = grid[..., row // factor, : largest.shape[-1]]
        np.maximum(into, largest, out=into)
        start += width
    cells = np.tril_indices(smaller) if causal else np.indices((smaller, smaller)).reshape(2, -1)
    return grid[..., cells[0], cells[1]], pool * factor


def _checked_order(order: tuple[tuple[int, int], ...] | None, n_layers: int, n_heads: int) -> np.ndarray:
    if order is None:
        return np.indices((n_layers, n_heads), np.int32).reshape(2, -1).T
    if not order:
        raise ValueError("The order names no head: give at least one, or None for all.")
    for layer, head in order:
        if not (0 <= layer < n_layers and 0 <= head < n_heads):
            raise ValueError(f"L{layer}H{head} does not exist: there are {n_layers} layers of {n_heads} heads.")
    if len(set(order)) < len(order):
        raise ValueError("The order names a head twice.")
    return np.array(order, np.int32)


def _checked_scores(
    scores: Float[np.ndarray, "scored_layer scored_head"], label: str, shape: tuple[int, int]
) -> Float[np.ndarray, "layer head"]:
    if scores.shape != shape:
        raise ValueError(f"The scores have shape {scores.shape} but the heads {shape}.")
    if not label:
        raise ValueError("There are scores but score_label is empty: say what they are.")
    return scores.astype(np.float32)
