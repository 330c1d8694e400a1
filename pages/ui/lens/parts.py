"""The ways to split an attribution: by component, head, position and neuron, each a picture and a table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float

from interp_views.attribution_bars import layer_bars, ranked_bars
from interp_views.component import Component
from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from interp_views.position_map import PositionMapView, position_map_payload, position_map_selection
from interp_views.signed_text import SignedTextView, signed_text_payload
from pages.ui import share
from pages.ui.attention.data import about
from pages.ui.bench import Bench
from pages.ui.lens import tables
from pages.ui.lens.answer import Answer
from pages.ui.lens.heads import select_head
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.logit_attribution import LogitAttribution

    Show = Callable[[UrlState, Bench, LogitAttribution, Answer], Callable[[], str]]

_UNIT = "logits"
_MOST_NEURONS = 30


@dataclass(frozen=True)
class Part:
    """One way to split."""

    label: str
    adds_up: str
    show: "Show"
    """Draws it, and returns what makes the standalone file."""
    table: "Callable[[Bench, LogitAttribution], pd.DataFrame]"
    left_over: "Callable[[LogitAttribution], float]"
    """The largest part of the sum that it misses, logits; NaN where the architecture does not show the parts."""


def _largest(values: Float[np.ndarray, "..."]) -> float:
    return max(float(np.abs(values).max()), 1e-6)


def _show_components(state: UrlState, bench: Bench, found: "LogitAttribution", asked: Answer) -> Callable[[], str]:
    rest = found.constant + float(found.interventions.sum())

    def draw(dark: bool):
        return layer_bars(found.embedding, found.attention, found.mlp, rest, unit=_UNIT, dark=dark)

    def choose() -> None:
        points = st.session_state["picture.components"].selection.points
        if points and "customdata" in points[0]:
            layer = points[0]["customdata"]
            state.set("layer", int(layer[0] if isinstance(layer, list) else layer))
            state.set("by", "head")

    st.plotly_chart(
        draw(st.context.theme.type == "dark"), key="picture.components", on_select=choose, selection_mode="points", theme=None,
        alt="What each layer's attention and MLP add to the logit.",
    )  # fmt: skip
    st.caption("Click a bar for the heads.")
    return lambda: draw(False).to_html(full_html=True, include_plotlyjs=True)


def _show_heads(state: UrlState, bench: Bench, found: "LogitAttribution", asked: Answer) -> Callable[[], str]:
    most = _largest(found.heads)
    name = about(bench, "attribution heads", asked, found.pos)
    payload = head_map_payload(
        HeadMapView(found.heads, f"Share of {asked.name} by head", _UNIT, -most, most, signed=True, about=name)
    )
    held = state["head"] is not None
    picture(
        "head_map", payload, key="picture.attribution_heads",
        parts=[head_map_selection(name, layer=state["layer"] if held else None, head=state["head"])],
        events={"open": lambda value: select_head(state, bench, value.get("layer"), value.get("head"))},
    )  # fmt: skip
    if not held:
        st.caption("Click a head to see from which tokens its share comes.")
    _show_sources_of_head(state, bench, found)
    return lambda: Component.load("head_map").standalone(payload, share.title(bench, f"Share of {asked.name} by head"))


def _show_sources_of_head(state: UrlState, bench: Bench, found: "LogitAttribution") -> None:
    """What the held head, if one is, reads from each position."""
    layer, head = state["layer"], state["head"]
    if head is None:
        return
    tokens, end = bench.tokenised, found.pos + 1
    view = SignedTextView(
        tokens.str_tokens[:end], tokens.special[:end], found.sources[layer, head, :end],
        f"L{layer}H{head}: its share {found.heads[layer, head]:+.3f}, by the token that it reads from", _UNIT,
    )  # fmt: skip
    picture("signed_text", signed_text_payload(view), key="picture.attribution_sources", events={})


def _show_positions(state: UrlState, bench: Bench, found: "LogitAttribution", asked: Answer) -> Callable[[], str]:
    tokens, end = bench.tokenised, found.pos + 1
    values = found.sources[:, :, :end].sum(1)
    most = _largest(values)
    name = about(bench, "attribution positions", asked, found.pos)
    view = PositionMapView(
        values, tuple(map(str, range(bench.card.n_layers))), tokens.str_tokens[:end], tokens.special[:end],
        f"Share of {asked.name} by layer and the token that attention reads from", _UNIT, -most, most, signed=True,
        decimals=3, written="values", about=name,
    )  # fmt: skip
    payload = position_map_payload(view)
    picture(
        "position_map", payload, key="picture.attribution_positions",
        parts=[position_map_selection(name, row=None, pos=None)],
        events={"open": lambda value: _take_strongest_head(state, bench, found, value)},
    )  # fmt: skip
    st.caption("Click a cell to hold the head that reads most from there.")
    _show_sources_of_head(state, bench, found)
    return lambda: Component.load("position_map").standalone(payload, share.title(bench, f"{asked.name} by position"))


def _take_strongest_head(state: UrlState, bench: Bench, found: "LogitAttribution", value: dict) -> None:
    layer, pos = value.get("row"), value.get("pos")
    if (
        isinstance(layer, int)
        and isinstance(pos, int)
        and layer in range(bench.card.n_layers)
        and pos in range(found.pos + 1)
    ):
        select_head(state, bench, layer, int(np.abs(found.sources[layer, :, pos]).argmax()))


def _show_neurons(state: UrlState, bench: Bench, found: "LogitAttribution", asked: Answer) -> Callable[[], str]:
    st.toggle("Of one layer only", key=state.key("one_layer"))
    layers = range(bench.card.n_layers)
    if state["one_layer"]:
        st.selectbox("Layer", layers, key=state.key("layer"), width=140, format_func=lambda index: f"Layer {index}")
        layers = [state["layer"]]
    values = np.nan_to_num(found.neurons[list(layers)])
    order = np.argsort(-np.abs(values), axis=None)[:_MOST_NEURONS]
    rows, neurons = np.unravel_index(order, values.shape)
    names = [f"L{layers[row]}N{neuron}" for row, neuron in zip(rows, neurons, strict=True)]

    def draw(dark: bool):
        return ranked_bars(names, values[rows, neurons], unit=_UNIT, dark=dark)

    st.plotly_chart(
        draw(st.context.theme.type == "dark"), key="picture.neurons", theme=None,
        alt="The neurons with the largest shares of the logit.",
    )  # fmt: skip
    where = f"of layer {layers[0]}" if state["one_layer"] else "of all layers"
    total = float(values.sum(dtype=np.float64))
    st.caption(
        f"The {len(names)} neurons {where} with the largest shares: {values[rows, neurons].sum():+.3f} of the {total:+.3f} logits "
        f"that its {values.size:,} neurons add."
    )
    return lambda: draw(False).to_html(full_html=True, include_plotlyjs=True)


PARTS = {
    "component": Part(
        "Components", "Embedding, layers and constant add up to the logit.", _show_components,
        lambda bench, found: tables.components_table(found), lambda found: abs(found.remainder),
    ),
    "head": Part(
        "Heads", "A layer's heads and output bias add up to its attention.", _show_heads,
        lambda bench, found: tables.heads_table(found), lambda found: float(np.abs(found.head_remainder).max()),
    ),
    "position": Part(
        "Positions", "The positions that a head reads from add up to the head.", _show_positions,
        lambda bench, found: tables.sources_table(bench.tokenised, found),
        lambda found: float(np.abs(found.source_remainder).max()),
    ),
    "neuron": Part(
        "Neurons", "A layer's neurons and output bias add up to its MLP.", _show_neurons,
        lambda bench, found: tables.neurons_table(found), lambda found: float(np.abs(found.neuron_remainder).max()),
    ),
}  # fmt: skip
"""By the word in the URL."""
