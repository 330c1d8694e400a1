"""Signed parts of a sum as bars: layer by layer, or ranked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from interp_views.theme import DARK, FONT, LIGHT, Palette


def layer_bars(
    embedding: float,
    attention: Float[np.ndarray, " layer"],
    mlp: Float[np.ndarray, " layer"],
    rest: float,
    *,
    unit: str,
    dark: bool = False,
) -> go.Figure:
    """What each layer's attention and MLP add, and how the sum grows. Bars of layers hold their layer in `customdata`.

    Args:
        embedding: What is there before the first layer.
        attention: What attention adds.
        mlp: What the MLP adds.
        rest: What belongs to no layer.
        unit: Of all of these.
        dark: For the dark theme.
    """
    palette = DARK if dark else LIGHT
    layers = [f"{layer}" for layer in range(len(attention))]
    names = ["embedding", *layers, "constant"]
    running = np.cumsum([embedding, *(attention + mlp), rest])
    figure = go.Figure()
    hover = f"%{{fullData.name}}, layer %{{x}}: %{{y:+.4f}} {unit}<extra></extra>"
    for name, values, colour in (("attention", attention, palette.accent), ("MLP", mlp, palette.selected)):
        figure.add_bar(
            x=layers,
            y=values,
            name=name,
            marker={"color": colour},
            hovertemplate=hover,
            customdata=np.arange(len(values)),
        )
    figure.add_bar(
        x=["embedding", "constant"], y=[embedding, rest], name="embedding and constant", marker={"color": palette.muted},
        hovertemplate=f"%{{x}}: %{{y:+.4f}} {unit}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=names, y=running, name="sum so far", mode="lines", line={"color": palette.ink, "width": 1.5, "shape": "hvh"},
        hovertemplate=f"sum up to here: %{{y:.4f}} {unit}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        **_layout(palette), height=420, barmode="relative", legend={"orientation": "h", "y": 1.08, "x": 0},
        xaxis=_axis(palette, "layer")
        | {"categoryorder": "array", "categoryarray": names, "type": "category", "showgrid": False, "tickangle": -40},
        yaxis=_axis(palette, unit) | {"zeroline": True, "zerolinecolor": palette.muted},
    )  # fmt: skip
    return figure


def ranked_bars(
    names: Sequence[str], values: Float[np.ndarray, " part"], *, unit: str, dark: bool = False
) -> go.Figure:
    """Parts of a sum, the first at the top.

    Raises:
        ValueError: There is not one name for each value.
    """
    if len(names) != len(values):
        raise ValueError(f"There are {len(names)} names for {len(values)} values: give one each.")
    palette = DARK if dark else LIGHT
    colours = [palette.signed[6] if value >= 0 else palette.signed[2] for value in values]
    figure = go.Figure(
        go.Bar(
            x=values, y=list(names), orientation="h", marker={"color": colours},
            hovertemplate=f"%{{y}}: %{{x:+.4f}} {unit}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        **_layout(palette), height=80 + 22 * max(1, len(names)),
        xaxis=_axis(palette, unit) | {"zeroline": True, "zerolinecolor": palette.muted},
        yaxis={"autorange": "reversed", "type": "category", "linecolor": palette.border},
    )  # fmt: skip
    return figure


def _layout(palette: Palette) -> dict[str, Any]:
    return {
        "paper_bgcolor": palette.paper,
        "plot_bgcolor": palette.paper,
        "font": {"family": FONT, "color": palette.ink},
        "margin": {"l": 60, "r": 40, "t": 30, "b": 60},
        "hovermode": "closest",
        "clickmode": "event+select",
        "dragmode": False,
    }


def _axis(palette: Palette, title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "gridcolor": palette.border, "linecolor": palette.border, "zeroline": False}
