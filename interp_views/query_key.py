"""Why one query attends to one key: their dot product, taken apart into its dimensions.

The picture's scripts are `query_key.js`, `query_key_products.js`, `query_key_list.js` and
`query_key_bars.js`. Source: Vig 2019, arXiv:1906.05714 (the neuron view of BertViz).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interp_views.tokens import check_pos, token_header
from interp_views.wire import pack


@dataclass(frozen=True)
class QueryKeyView:
    """One query of one head against every key it can see."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    layer: int
    head: int
    query: int
    """Query position."""
    key: int
    """The key position whose product is shown in full."""
    q: Float[np.ndarray, " d_head"]
    """The query vector as it enters the dot product: after rotary positions and any norm."""
    k: Float[np.ndarray, "key_pos d_head"]
    """The key vectors, likewise; row i belongs to position i. Causal: `query + 1` rows are enough."""
    scores: Float[np.ndarray, " key_pos"]
    """Scores before the softmax as the model computed them, after soft cap and bias; -inf where masked."""
    pattern: Float[np.ndarray, " key_pos"]
    """Attention of the query to each key, probability, 0 to 1."""
    scale: float
    """Scores are `scale * q·k` where nothing else acts on them; often 1/sqrt(d_head)."""
    note: str = ""
    """What else acts on the scores in this model, such as a soft cap, in one sentence."""
    pairs: Int[np.ndarray, "n_pairs 2"] | None = None
    """Which two dimensions turn together under rotary positions; None without them."""
    about: str = ""
    """Names the data, so that a selection meant for other data is not applied to it."""


def query_key_payload(view: QueryKeyView) -> bytes:
    """Check a view and pack it for `query_key.js`. Products are taken in the browser.

    Raises:
        ValueError: Arrays that do not fit one another or the tokens, positions that do not exist,
            numbers that are missing or out of range, or pairs that are not pairs of dimensions.
    """
    header = token_header(view.tokens, view.special)
    _check_shapes(view)
    _check_values(view)
    _check_pairs(view)
    names = ("layer", "head", "query", "key", "note", "about")
    header |= {name: getattr(view, name) for name in names} | {"scale": float(view.scale)}
    header |= {"n_keys": view.k.shape[0], "d_head": view.k.shape[1]}
    arrays = {name: getattr(view, name).astype(np.float32) for name in ("q", "k", "scores", "pattern")}
    return pack(header, arrays if view.pairs is None else arrays | {"pairs": view.pairs.astype(np.int32)})


def query_key_selection(about: str, *, key: int) -> bytes:
    """Pack the chosen key, as a small message that goes with the data of the same `about`.

    Raises:
        ValueError: A negative position.
    """
    if key < 0:
        raise ValueError(f"There is no key {key}: positions count from 0.")
    return pack({"part": "selection", "about": about, "key": key}, {})


def _check_shapes(view: QueryKeyView) -> None:
    n_pos = len(view.tokens)
    if view.k.ndim != 2 or not 1 <= view.k.shape[0] <= n_pos:
        raise ValueError(
            f"k has shape {view.k.shape} but there are {n_pos} tokens: give (keys, d_head), 1 to {n_pos} keys."
        )
    n_keys, d_head = view.k.shape
    if view.q.shape != (d_head,):
        raise ValueError(f"q has shape {view.q.shape} but the keys have {d_head} dimensions.")
    for name in ("scores", "pattern"):
        if getattr(view, name).shape != (n_keys,):
            raise ValueError(f"{name} has shape {getattr(view, name).shape} but k has {n_keys} keys.")
    check_pos(view.query, n_pos)
    check_pos(view.key, n_keys)


def _check_values(view: QueryKeyView) -> None:
    for name in ("q", "k"):
        if not np.isfinite(getattr(view, name)).all():
            raise ValueError(f"{name} holds NaN or an infinity: give finite numbers.")
    if not math.isfinite(view.scale):
        raise ValueError(f"The scale is {view.scale}: give a finite number.")
    if np.isnan(view.scores).any() or np.isposinf(view.scores).any():
        raise ValueError("The scores hold NaN or +inf: give finite numbers, or -inf where a key is masked.")
    # A little above 1 is rounding. Written so that NaN fails too.
    if not ((view.pattern >= 0) & (view.pattern <= 1 + 1e-4)).all():
        raise ValueError("The pattern is attention: give finite numbers from 0 to 1.")


def _check_pairs(view: QueryKeyView) -> None:
    if view.pairs is None:
        return
    d_head = view.k.shape[1]
    if view.pairs.ndim != 2 or view.pairs.shape[1] != 2:
        raise ValueError(f"The pairs have shape {view.pairs.shape}: give (pairs, 2).")
    if ((view.pairs < 0) | (view.pairs >= d_head)).any():
        raise ValueError(f"The pairs name a dimension that is not there: give 0 to {d_head - 1}.")
    if len(np.unique(view.pairs)) != view.pairs.size:
        raise ValueError("A dimension stands in two pairs: under rotary positions each turns with one other.")
