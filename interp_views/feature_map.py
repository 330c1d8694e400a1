"""A flat map of all features of an SAE: each a point, coloured by how often it fires or by its similarity to one of them."""

import functools
import html
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from interp_views.theme import DARK, FONT, LIGHT, Palette
from interp_views.tokens import visible

_SHOWN = 24
"""Characters of a note on the map."""
_GRID = 10
_CLUSTER = 3
"""Features that must share a word, in a cell of the grid, for it to be written there."""
_FADED = 0.18


@dataclass(frozen=True)
class Note:
    """A word on the map."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class FeatureMapView:
    """What the map shows."""

    x: Float[np.ndarray, " feature"]
    """Places; features without any are NaN and are left out."""
    y: Float[np.ndarray, " feature"]
    hover: Sequence[Sequence[str]]
    """Lines that are shown for each feature when it is pointed at; untrusted."""
    colour: Float[np.ndarray, " feature"] | None
    """None, or NaN for one feature: it is grey."""
    colour_label: str = ""
    """What the colours stand for, with the unit."""
    grey_label: str = "not known"
    signed: bool = False
    """Whether colours are centred on 0."""
    found: Int[np.ndarray, " found"] | None = None
    """Features that a search has found: the others fade."""
    chosen: int | None = None
    """The selected feature; it is ringed."""
    notes: Sequence[Note] = ()


def feature_map(view: FeatureMapView, dark: bool = False) -> go.Figure:
    """Draw the map. Each point's `customdata` holds the number of its feature."""
    palette = DARK if dark else LIGHT
    n = len(view.x)
    placed = np.isfinite(view.x) & np.isfinite(view.y)
    coloured = placed & (np.isfinite(view.colour) if view.colour is not None else np.zeros(n, dtype=bool))
    bright = np.ones(n, dtype=bool)
    if view.found is not None:
        bright[:] = False
        bright[view.found] = True
    figure = go.Figure()
    for is_found in (False, True):
        figure.add_trace(_points(view, placed & ~coloured & (bright == is_found), is_found, palette, None))
        figure.add_trace(_points(view, coloured & (bright == is_found), is_found, palette, view.colour))
    if view.chosen is not None and placed[view.chosen]:
        ring = {"size": 18, "color": "rgba(0,0,0,0)", "line": {"width": 3, "color": palette.selected}}
        at = [view.chosen]
        figure.add_trace(
            go.Scattergl(x=view.x[at], y=view.y[at], mode="markers", hoverinfo="skip", showlegend=False, marker=ring)
        )
    for note in view.notes:
        text = note.text if len(note.text) <= _SHOWN else note.text[: _SHOWN - 1] + "…"
        figure.add_annotation(
            x=note.x, y=note.y, text=_escaped(text), showarrow=False, bgcolor=palette.paper, opacity=0.88, borderpad=2, yshift=16,
            font={"color": palette.ink, "size": 12}, captureevents=False,
        )  # fmt: skip
    _lay_out(figure, view, palette)
    return figure


def cluster_notes(
    x: Float[np.ndarray, " feature"], y: Float[np.ndarray, " feature"], words: Sequence[str], most: int = 12
) -> list[Note]:
    """A word for each of the places where several features near to each other share one; empty words count nowhere.

    The map is cut into 10 by 10 cells. A cell's word is the one that most of its features share, at least three, and of which
    the cell holds a third of all; the most shared come first, and none is written over another.
    """
    known = [index for index in range(len(x)) if words[index] and np.isfinite(x[index]) and np.isfinite(y[index])]
    if not known:
        return []
    spans = [(float(np.nanmin(axis)), max(float(np.nanmax(axis) - np.nanmin(axis)), 1e-9)) for axis in (x, y)]
    everywhere = Counter(words[index] for index in known)
    cells: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index in known:
        part = ((axis[index] - low) / span for axis, (low, span) in zip((x, y), spans, strict=True))
        cells[tuple(min(_GRID - 1, int(share * _GRID)) for share in part)].append(index)
    wanted = []
    for members in cells.values():
        word, count = max(Counter(words[index] for index in members).items(), key=lambda item: (item[1], item[0]))
        if count >= _CLUSTER and 3 * count >= everywhere[word]:
            mine = [index for index in members if words[index] == word]
            wanted.append((-count, word, float(np.median(x[mine])), float(np.median(y[mine]))))
    notes: list[Note] = []
    for _, word, at_x, at_y in sorted(wanted):
        far = all(abs(at_x - note.x) > 0.14 * spans[0][1] or abs(at_y - note.y) > 0.05 * spans[1][1] for note in notes)
        if far and len(notes) < most:
            notes.append(Note(at_x, at_y, word))
    return notes


def _points(
    view: FeatureMapView, which: np.ndarray, bright: bool, palette: Palette, colour: np.ndarray | None
) -> go.Scattergl:
    chosen = np.flatnonzero(which)
    found = bright and view.found is not None
    # Near 0 a signed colour is that of the paper: there an outline shows that a point is there at all.
    outline = palette.ink if found else palette.border if view.signed else palette.paper
    marker: dict = {
        "size": _size(len(view.x)) + (3 if found else 0), "line": {"width": 1 if found else 0.5, "color": outline},
    }  # fmt: skip
    if colour is None:
        marker["color"] = palette.muted
    else:
        known = colour[np.isfinite(colour)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        if view.signed:
            high = max(abs(low), abs(high), 1e-6)
            low = -high
        stops = palette.signed if view.signed else palette.attention[1:]
        marker |= {
            "color": colour[chosen], "cmin": low, "cmax": high,
            "colorscale": [[step / (len(stops) - 1), stop] for step, stop in enumerate(stops)],
            "colorbar": {"title": {"text": view.colour_label, "side": "top"}, "thickness": 12, "outlinewidth": 0},
            "showscale": bright,
        }  # fmt: skip
    opacity = 0.85 if bright else _FADED
    return go.Scattergl(
        x=view.x[chosen], y=view.y[chosen], mode="markers", marker=marker | {"opacity": opacity},
        text=["<br>".join(map(_escaped, view.hover[index])) for index in chosen.tolist()], customdata=chosen.tolist(),
        hovertemplate="%{text}<extra></extra>", name=view.grey_label if colour is None else "features",
        showlegend=colour is None and bright and len(chosen) > 0,
        unselected={"marker": {"opacity": opacity}}, selected={"marker": {"opacity": opacity}},
    )  # fmt: skip


def _lay_out(figure: go.Figure, view: FeatureMapView, palette: Palette) -> None:
    axis = {
        "showgrid": False,
        "zeroline": False,
        "showticklabels": False,
        "ticks": "",
        "linecolor": palette.border,
        "mirror": True,
    }
    figure.update_layout(
        height=640, paper_bgcolor=palette.paper, plot_bgcolor=palette.paper, font={"family": FONT, "color": palette.ink},
        xaxis=axis | {"title": {"text": "UMAP 1, no unit"}}, yaxis=axis | {"title": {"text": "UMAP 2"}},
        margin={"l": 40, "r": 20, "t": 34, "b": 40}, hovermode="closest", clickmode="event+select", dragmode="pan",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hoverlabel={"bgcolor": palette.panel, "bordercolor": palette.border, "font": {"color": palette.ink, "family": FONT}, "align": "left"},
        uirevision="map",
    )  # fmt: skip


def _size(n: int) -> int:
    return 9 if n < 500 else 6 if n < 8000 else 4 if n < 40_000 else 3


def _escaped(text: str) -> str:
    """Text that Plotly, which knows some HTML, shows as it is; what cannot be seen is named, spaces stay."""
    return html.escape("".join(map(_spelled, text)), quote=False)


@functools.lru_cache(maxsize=4096)  # a map of 100,000 features spells millions of characters, mostly the same few
def _spelled(char: str) -> str:
    return char if char == " " else visible(char)
