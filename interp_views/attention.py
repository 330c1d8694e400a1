"""Attention patterns of one layer: every head small, one head or all of them large, and the tokens tinted.

Four messages. The payload is the data: a byte a cell for every head. The selection says what is held and zoomed in
on. The focus holds exact numbers of one head. The last two are parts (see `mailbox.js`): what they are about is named
by `about`, any text that differs between patterns, and they never touch other data. Layers beside the one in view may
be sent ahead, as parts too: the picture turns to them at once when the reader does.

The picture's script is `attention.js`. It sends the trigger `hold` with all that the reader has chosen: {layer, head,
pos, direction, scale, zoom, turn}, where zoom is {query, key, size} in positions, or null, and turn a whole number that
the selection which answers it repeats. Each is complete, so a host that misses all but the last misses nothing.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from interp_views.pooled import ROUNDING, PooledPatterns, agreed_window
from interp_views.tokens import token_header
from interp_views.wire import lower_triangle, pack, relabelled

Direction = Literal["from", "to"]
Scale = Literal["full", "stretched"]
"""Colours from 0 to the top of the weights, or to the weight that 1 % of what is in view exceeds."""
MOST_EXACT = 512
"""Queries, and keys, of one head that can be sent exactly."""


@dataclass(frozen=True)
class AttentionView:
    """What the attention picture shows."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    layer: int
    """Zero-based layer, for the names of the heads."""
    pooled: PooledPatterns
    """From each query (destination) to each key (source) position."""
    unit: str
    """Of the weights, such as "attention probability"."""
    about: str
    """Names these numbers: the parts that belong to them carry the same text."""
    series: str = ""
    """Names what all layers that the reader can turn to have in common; empty where there is this layer alone."""
    window: int = 0
    """How many positions back the layer looks, itself included: what lies further back is masked. 0: no limit."""


@dataclass(frozen=True)
class Zoom:
    """A square part of the patterns: `size` queries from `query` on, and as many keys from `key` on."""

    query: int
    key: int
    size: int

    def __post_init__(self) -> None:
        if self.query < 0 or self.key < 0 or self.size < 1:
            raise ValueError(
                f"The zoom starts at query {self.query}, key {self.key} and has size {self.size}: "
                "give positions of at least 0 and a size of at least 1."
            )


def attention_payload(view: AttentionView) -> bytes:
    """Check a view and pack it for `attention.js`: at most 1 byte per unmasked weight, and the token texts.

    A window that the numbers contradict, since a weight beyond it is above 0, is left out.

    Raises:
        ValueError: Patterns that do not fit the tokens.
    """
    header = token_header(view.tokens, view.special)
    pooled = view.pooled
    if pooled.n_pos != len(view.tokens):
        raise ValueError(f"The patterns are of {pooled.n_pos} positions but there are {len(view.tokens)} tokens.")
    header |= {
        "layer": view.layer,
        "n_heads": pooled.levels.shape[0],
        "pool": pooled.pool,
        "causal": pooled.causal,
        "top": pooled.top,
        "unit": view.unit,
        "about": view.about,
        "series": view.series or view.about,
        "window": agreed_window(pooled, view.window),
    }
    return pack(header, {"levels": pooled.levels})


def attention_ahead(payload: bytes, layer: int) -> bytes:
    """Return a packed view of another layer of the same series as a part, to be sent before it is asked for."""
    return relabelled(payload, part=f"ahead-{layer}")


def attention_selection(
    about: str,
    *,
    head: int | None = None,
    pos: int | None = None,
    direction: Direction = "from",
    zoom: Zoom | None = None,
    scale: Scale = "full",
    n_layers: int | None = None,
    turn: int | None = None,
) -> bytes:
    """Pack what is held and what the large picture is zoomed in on.

    Args:
        about: As in the view.
        head: The held head; None shows all heads at once.
        pos: The held token.
        direction: `from`: the held token is the query, and tints say where it looks. `to`: it is the key.
        zoom: None shows everything. Beyond the prompt it is moved back inside.
        scale: Where the colours end.
        n_layers: How many layers the host can show; None where it has this one alone.
        turn: Of the last `hold` that this answers; None before the first.

    Raises:
        ValueError: A negative head or position, or another direction.
    """
    for name, index in (("Head", head), ("Position", pos)):
        if index is not None and index < 0:
            raise ValueError(f"{name} {index} does not exist: give 0 or more, or None.")
    if direction not in ("from", "to"):
        raise ValueError(f"The direction is {direction!r}: give 'from' or 'to'.")
    if scale not in ("full", "stretched"):
        raise ValueError(f"The scale is {scale!r}: give 'full' or 'stretched'.")
    selected = {"head": head, "pos": pos, "direction": direction, "zoom": asdict(zoom) if zoom else None}
    host = {"scale": scale, "n_layers": n_layers, "turn": turn}
    return pack({"part": "selection", "about": about, **selected, **host}, {})


def attention_focus(
    about: str,
    head: int,
    weights: Float[np.ndarray, "query key"],
    *,
    query: int = 0,
    key: int = 0,
    causal: bool,
) -> bytes:
    """Pack exact weights of one head, as float32: all of them, or a window of a long prompt.

    Args:
        about: As in the view.
        head: Zero-based.
        weights: From `query` on down and from `key` on across. A window beyond the diagonal holds zeros there.
        query: Position of the first row.
        key: Position of the first column.
        causal: As in the view's patterns: what lies above the diagonal is not sent where that saves half.

    Raises:
        ValueError: Negative positions, more than `MOST_EXACT` rows or columns or none, values that are negative or not
            finite, or values above the diagonal of a causal pattern.
    """
    if head < 0 or query < 0 or key < 0:
        raise ValueError(f"Head {head}, query {query} and key {key} must all be at least 0.")
    if weights.ndim != 2 or not all(1 <= size <= MOST_EXACT for size in weights.shape):
        raise ValueError(f"The window has shape {weights.shape}: give 1 to {MOST_EXACT} queries and keys.")
    exact = weights.astype(np.float32, copy=False)
    low, high = float(exact.min()), float(exact.max())
    if not (low >= -ROUNDING and np.isfinite(high)):
        raise ValueError(f"The weights run from {low:.4g} to {high:.4g}: give finite values of at least 0.")
    if causal and np.triu(exact, k=query - key + 1).any():
        raise ValueError("The pattern is causal but has weights above the diagonal: say causal=False.")
    triangle = causal and query == key and exact.shape[0] == exact.shape[1]
    header = {
        "part": "focus",
        "about": about,
        "head": head,
        "query": query,
        "key": key,
        "n_queries": exact.shape[0],
        "n_keys": exact.shape[1],
        "triangle": triangle,
    }
    return pack(header, {"weights": lower_triangle(exact[None])[0] if triangle else exact.reshape(-1)})
