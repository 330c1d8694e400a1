"""Bars over the positions of a prompt, one series beside another; and over layers."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from interp_views.tokens import visible

_MOST_LABELS = 80


def position_bars(
    str_tokens: tuple[str, ...], series: Mapping[str, Float[np.ndarray, " pos"]], *, title: str, unit: str
) -> go.Figure:
    """A bar for each position and series; NaN leaves a gap. Tokens are text, never markup.

    Raises:
        ValueError: A series has not one number for each token.
    """
    for name, values in series.items():
        if values.shape != (len(str_tokens),):
            raise ValueError(f"{name} has shape {values.shape} for {len(str_tokens)} tokens: give one number for each.")
    labels = [_escaped(visible(token)) for token in str_tokens]
    places = np.arange(len(str_tokens))
    figure = go.Figure()
    for name, values in series.items():
        figure.add_bar(
            x=places, y=values, name=name, customdata=labels,
            hovertemplate=f"%{{x}}: %{{customdata}}<br>{name} %{{y:.4f}} {unit}<extra></extra>",
        )  # fmt: skip
    few = len(labels) <= _MOST_LABELS
    figure.update_xaxes(
        tickmode="array" if few else "auto", tickvals=places if few else None,
        ticktext=[f"{place}: {label}" for place, label in enumerate(labels)] if few else None, tickangle=-60,
    )  # fmt: skip
    figure.update_yaxes(title=unit)
    figure.update_layout(
        title=title, barmode="group", height=360, margin={"l": 10, "r": 10, "t": 50, "b": 10},
        legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"},
    )  # fmt: skip
    return figure


def layer_bars(values: Float[np.ndarray, " layer"], *, title: str) -> go.Figure:
    """One bar for each layer; NaN leaves a gap. `title` names the values and their unit."""
    figure = go.Figure(go.Bar(x=np.arange(len(values)), y=values, hovertemplate="layer %{x}: %{y:.4f}<extra></extra>"))
    figure.update_xaxes(title="layer")
    figure.update_yaxes(title=title)
    figure.update_layout(height=360, margin={"l": 10, "r": 10, "t": 20, "b": 10})
    return figure


def _escaped(text: str) -> str:
    """Plotly takes a few tags in labels for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
