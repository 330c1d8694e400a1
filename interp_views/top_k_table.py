"""The tokens on which each head (or neuron, or feature) of a layer is strongest, and weakest, as a table.

The picture's script is `top_k_table.js`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from interp_views.tokens import token_header
from interp_views.wire import pack

TopKFilter = Literal["topk", "bottomk", "both"]
"""The largest values, the smallest, or both."""
MAX_K = 200
"""More rows than anyone reads."""


@dataclass(frozen=True)
class TopKView:
    """What the table shows."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    values: Float[np.ndarray, "pos layer object"]
    """One number for every token, layer and object, in `unit`; NaN never ranks."""
    object_type: str
    """What an object is, such as `head`."""
    layer_labels: tuple[str, ...]
    object_labels: tuple[str, ...]
    k: int = 10
    """How many tokens of each object are shown."""
    filter: TopKFilter = "topk"
    """What the table shows first; the reader can change it."""
    unit: str = ""


def top_k_table_payload(view: TopKView) -> bytes:
    """Check a view and pack it for `top_k_table.js`: only the k best and k worst tokens of each object.

    Raises:
        ValueError: Values that do not fit tokens and labels, an infinite value, a k without
            meaning, or an unknown filter.
    """
    header = token_header(view.tokens, view.special)
    expected = (len(view.tokens), len(view.layer_labels), len(view.object_labels))
    if view.values.shape != expected or 0 in expected:
        raise ValueError(
            f"The values have shape {view.values.shape}: tokens, layer labels and object labels make it {expected}, "
            "and there has to be at least one of each."
        )
    if np.isinf(view.values).any():
        raise ValueError("The values hold an infinity: give finite values, or NaN for what should not rank.")
    if not 1 <= view.k <= MAX_K:
        raise ValueError(f"k is {view.k}: give 1 to {MAX_K}.")
    if view.filter not in get_args(TopKFilter):
        raise ValueError(f"The filter is {view.filter!r}: choose one of {', '.join(get_args(TopKFilter))}.")
    header |= {
        "object_type": view.object_type,
        "layers": list(view.layer_labels),
        "objects": list(view.object_labels),
        "filter": view.filter,
        "unit": view.unit,
    }
    best_pos, best = _extremes(view.values, view.k, 1)
    worst_pos, worst = _extremes(view.values, view.k, -1)
    return pack(header, {"best_pos": best_pos, "best": best, "worst_pos": worst_pos, "worst": worst})


def _extremes(
    values: Float[np.ndarray, "pos layer object"], k: int, sign: int
) -> tuple[Int[np.ndarray, "layer object k"], Float[np.ndarray, "layer object k"]]:
    """Return positions and values of the k largest (`sign` 1) or smallest (-1): equal ones in the order of the text.

    Where fewer than k tokens have a value, the rest is position -1 and NaN.
    """
    n_pos, n_layers, n_objects = values.shape
    shape = (n_layers, n_objects, k)
    positions, found = np.full(shape, -1, np.int32), np.full(shape, np.nan, np.float32)
    n_shown = min(k, n_pos)
    # Layer by layer, because the indices of a sort are twice as large as its values.
    for layer in range(n_layers):
        # NaN sorts last whichever its sign.
        order = np.argsort(-sign * values[:, layer], axis=0, kind="stable")[:n_shown]
        ranked = np.take_along_axis(values[:, layer], order, axis=0)
        positions[layer, :, :n_shown] = np.where(np.isnan(ranked), -1, order).T
        found[layer, :, :n_shown] = ranked.T
    return positions, found
