"""A map of all heads: each a point, coloured by its similarity to one of them."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from interp_views.theme import DARK, FONT, LIGHT


def head_scatter(
    place: Float[np.ndarray, "head 2"],
    n_heads: int,
    chosen: int,
    similarity: Float[np.ndarray, " head"],
    dark: bool = False,
) -> go.Figure:
    """Draw the map. Each point's `customdata` holds its number, layer * n_heads + head.

    Args:
        place: Coordinates; heads without any are NaN and are left out.
        n_heads: Heads of one layer.
        chosen: The head that all others are compared with; it is ringed.
        similarity: To the chosen head, 0 to 1.
        dark: For the dark theme.

    Raises:
        ValueError: The chosen head is not among the points.
    """
    if not 0 <= chosen < len(place):
        raise ValueError(f"Head {chosen} is not on the map: give 0 to {len(place) - 1}.")
    palette = DARK if dark else LIGHT
    names = [f"L{index // n_heads}H{index % n_heads}" for index in range(len(place))]
    ring = go.Scatter(
        x=place[[chosen], 0], y=place[[chosen], 1], mode="markers", hoverinfo="skip",
        marker={"size": 18, "color": "rgba(0,0,0,0)", "line": {"width": 2, "color": palette.selected}},
    )  # fmt: skip
    colours = [[step / (len(palette.attention) - 1), colour] for step, colour in enumerate(palette.attention)]
    # A list: the browser gives a row of a two-dimensional array back as a dictionary.
    points = go.Scatter(
        x=place[:, 0], y=place[:, 1], mode="markers", text=names, customdata=[[index] for index in range(len(place))],
        hovertemplate="%{text}, similarity %{marker.color:.3f}<extra></extra>",
        marker={
            "size": 9, "color": similarity, "cmin": 0, "cmax": 1, "colorscale": colours,
            "line": {"width": 1, "color": palette.border},
            "colorbar": {"title": {"text": f"similarity to {names[chosen]}, 0 to 1", "side": "right"}, "thickness": 12},
        },
    )  # fmt: skip
    axis = {
        "showgrid": True,
        "gridcolor": palette.border,
        "zeroline": False,
        "linecolor": palette.border,
    }
    figure = go.Figure([points, ring])
    figure.update_layout(
        height=520, showlegend=False, paper_bgcolor=palette.paper, plot_bgcolor=palette.paper, 
        xaxis=axis | {"title": {"text": "coordinate 1, in Hellinger distance"}},
        yaxis=axis | {"title": {"text": "coordinate 2"}, "scaleanchor": "x"}, margin={"l": 60, "r": 20, "t": 20, "b": 50}, hovermode="closest",
        font={"family": FONT, "color": palette.ink}, clickmode="event+select", dragmode="pan",
    )  # fmt: skip
    figure.add_annotation(
        x=place[chosen, 0], y=place[chosen, 1], text=names[chosen], showarrow=False, yshift=20,
        bgcolor=palette.paper, bordercolor=palette.selected, font={"color": palette.ink},
    )  # fmt: skip
    return figure
