"""Attention patterns of one layer: every head small, one head or all of them large, and the tokens tinted.

Three messages. The payload is the data: a byte a cell for every head. The selection says what is locked and zoomed
in on. The focus holds exact numbers of one head. The last two are parts (see `mailbox.js`): what they are about is
named by `about`, any text that differs between patterns, and they never touch other data.

The picture's script is `attention.js`. It sends two triggers: `lock` with {head, pos, direction} and `window` with
{query, key, size} in positions, or with {} when the reader zooms out to everything.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from interp_views.pooled import ROUNDING, PooledPatterns
from interp_views.tokens import token_header
from interp_views.wire import lower_triangle, pack

Direction = Literal["from", "to"]
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
    }
    return pack(header, {"levels": pooled.levels})


def attention_selection(
    about: str,
    *,
    head: int | None = None,
    pos: int | None = None,
    direction: Direction = "from",
    zoom: Zoom | None = None,
) -> bytes:
    """Pack what is locked and what the large picture is zoomed in on.

    Args:
        about: As in the view.
        head: The locked head; None shows all heads at once.
        pos: The locked token.
        direction: `from`: the locked token is the query, and tints say where it looks. `to`: it is the key.
        zoom: None shows everything. Beyond the prompt it is moved back inside.

    Raises:
        ValueError: A negative head or position, or another direction.
    """
    for name, index in (("Head", head), ("Position", pos)):
        if index is not None and index < 0:
            raise ValueError(f"{name} {index} does not exist: give 0 or more, or None.")
    if direction not in ("from", "to"):
        raise ValueError(f"The direction is {direction!r}: give 'from' or 'to'.")
    selected = {"head": head, "pos": pos, "direction": direction, "zoom": asdict(zoom) if zoom else None}
    return pack({"part": "selection", "about": about, **selected}, {})


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
