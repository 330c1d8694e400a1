"""One number for every head of a model, as a map of layers by heads that a reader can click into.

The picture's scripts are `head_map.js` and `head_map_cells.js`.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from interp_views.wire import pack


@dataclass(frozen=True)
class HeadMapView:
    """What the map shows."""

    values: Float[np.ndarray, "layer head"]
    """One number per head, in `unit`; NaN where there is none."""
    name: str
    """What the number is, such as `induction score`."""
    unit: str
    """Its unit, such as `attention probability`."""
    low: float
    """Value of the first colour. What is below takes that colour too, and is marked and counted."""
    high: float
    """Value of the last colour."""
    signed: bool = False
    """Whether colours diverge from 0: they then run from minus to plus the larger of |low| and |high|."""
    decimals: int = 2
    """Digits after the point with which values are written."""
    about: str = ""
    """Names the data, so that a selection meant for other data is not applied to it."""
    mlps: Float[np.ndarray, " layer"] | None = None
    """The same number for each MLP, drawn as a column after the heads; None where there is no such number."""
    missing: str = "not defined on this prompt"
    """What NaN means."""


def head_map_payload(view: HeadMapView) -> bytes:
    """Check a view and pack it for `head_map.js`.

    Raises:
        ValueError: No heads, an infinite value, colours without a range, or a number of decimals
            that nobody reads.
    """
    if view.values.ndim != 2 or view.values.size == 0:
        raise ValueError(f"The values have shape {view.values.shape}: give (layers, heads), at least one of each.")
    if view.mlps is not None and view.mlps.shape != view.values.shape[:1]:
        raise ValueError(
            f"The MLPs' values have shape {view.mlps.shape} for {len(view.values)} layers: give one a layer."
        )
    columns = view.values if view.mlps is None else np.concatenate([view.values, view.mlps[:, None]], 1)
    if np.isinf(columns).any():
        layer, column = np.argwhere(np.isinf(columns))[0]
        name = f"L{layer}H{column}" if column < view.values.shape[1] else f"L{layer} MLP"
        raise ValueError(f"The value of {name} is infinite: give finite values, or NaN for 'not defined'.")
    if not (math.isfinite(view.low) and math.isfinite(view.high) and view.low < view.high):
        raise ValueError(
            f"The colours run from {view.low:g} to {view.high:g}: give two finite numbers, low below high."
        )
    if not 0 <= view.decimals <= 8:
        raise ValueError(f"decimals is {view.decimals}: give 0 to 8.")
    largest = max(abs(view.low), abs(view.high))
    header = {
        "name": view.name,
        "unit": view.unit,
        "low": -largest if view.signed else view.low,
        "high": largest if view.signed else view.high,
        "signed": view.signed,
        "decimals": view.decimals,
        "n_layers": view.values.shape[0],
        "n_heads": view.values.shape[1],
        "n_columns": columns.shape[1],
        "missing": view.missing,
        "about": view.about,
    }
    return pack(header, {"values": columns.astype(np.float32)})


def head_map_selection(about: str, *, layer: int | None, head: int | None, mlp: bool = False) -> bytes:
    """Pack the selected head, or with `mlp` the layer's MLP, as a small message that goes with the data of the same `about`.

    Raises:
        ValueError: One of layer and head without the other, both head and MLP, or a negative one.
    """
    if (layer is None) != (head is None and not mlp) or (mlp and head is not None):
        raise ValueError(
            f"The selection is layer {layer}, head {head}, MLP {mlp}: give the layer and one of the others, or None for all."
        )
    if min(layer or 0, head or 0) < 0:
        raise ValueError(f"There is no layer {layer}, head {head}: both count from 0.")
    return pack({"part": "selection", "about": about, "layer": layer, "head": head, "mlp": mlp}, {})
