"""One layer: every head small, all of them mixed or one of them large, the text tinted by it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import streamlit as st

from interp_views.attention import (
    AttentionView,
    Zoom,
    attention_ahead,
    attention_focus,
    attention_payload,
    attention_selection,
)
from interp_views.component import Component
from interp_views.pooled import PooledPatterns
from pages.ui import share, tables
from pages.ui.attention import controls, data
from pages.ui.attention.controls import fitting_zoom
from pages.ui.bench import Bench
from pages.ui.mount import picture, send_ahead
from pages.ui.url_state import UrlState

_NAME, _KEY = "attention", "picture.layer"
_AHEAD_BYTES = 2 * 1024**2
"""A neighbouring layer is sent ahead if its levels, before they are packed, take at most this."""
_HOW_TO_READ = (
    "Each row of a pattern is a query (destination) token and sums to 1: how much of what it reads comes from each key "
    "(source) token before it. Hatched cells are masked: no token sees the future, and in some layers none looks further "
    "back than a window. With no head held, the large "
    "picture mixes all heads, each in its own hue. Point at a head to look at it, click to hold it; the same for tokens, "
    "independently. **From**: the held token is the query, and the text shows where it looks. **To**: it is the key, and "
    "the text shows who looks at it. Drag in the large picture to zoom. Small pictures are within 1/255 of the value; the "
    "held head's values are exact to four digits. The colours run from 0 to 1, or, where that leaves a picture pale, to the "
    "weight that 1 % of its cells exceed; those share the last colour. A bright first column is common: heads with nothing to read rest on the "
    "first token (attention sink, Xiao et al. 2023, arXiv:2309.17453). **Value-weighted** shows attention × ‖v‖ (Kobayashi "
    "et al. 2020, arXiv:2004.10102, weigh likewise): a head that looks at the first token often moves nothing from there."
)


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    controls.show(state, bench)
    index, weighted, tokens = state["layer"], state["weighted"], bench.tokenised
    survey, progress = data.survey_so_far(bench, index), st.empty()
    drawn = data.pooled(bench, survey, index, weighted)
    about, payload = _message(bench, index, weighted, drawn)
    place = fitting_zoom(state["zoom"], len(tokens.ids))
    zoom = Zoom(*place) if place else None
    focus = _focus(state, bench, survey, about, zoom)
    frame = picture(
        _NAME, payload, key=_KEY, parts=[_selection(state, about, zoom, bench.card.n_layers), *focus],
        events={"hold": lambda value: controls.hold(state, bench, value)},
    )  # fmt: skip
    window = _window(bench, index)
    if 0 < window < len(tokens.ids):
        st.caption(
            f"Layer {index} sees the last {window:,} tokens only (sliding window): what lies further back is masked, and "
            "hatched."
        )
    if drawn.pool > 1:
        st.caption(
            f"{len(tokens.ids):,} tokens are more than any screen shows at once: each cell is the largest of several weights, as "
            "the key above says. Hold a head and zoom in for exact ones."
        )
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    head = state["head"] or 0
    share.show_downloads(
        f"attention-L{index}H{head}",
        lambda: tables.attention_table(
            tokens,
            data.weights(bench, survey, index, head, False),
            data.survey(bench).value_norms[index, head],
            index,
            head,
        ),
        lambda: Component.load(_NAME).standalone(
            payload,
            share.title(bench, f"Attention, layer {index}"),
            parts=[_selection(state, about, zoom, None), *focus],
        ),
        share.load_code(bench) + f"hookscope.show_attention({share.source(bench)}, layer={index}, head={state['head']}"
        f"{', weighted=True' if weighted else ''})",
        arrays=lambda: _arrays(bench, survey, index),
    )
    data.draw_rest(bench, survey, progress)
    send_ahead(frame, _KEY, _neighbours(bench, survey, index, weighted))


def _window(bench: Bench, index: int) -> int:
    return bench.card.windows[index] if bench.card.windows else 0


def _message(bench: Bench, index: int, weighted: bool, drawn: PooledPatterns) -> tuple[str, bytes]:
    """What a layer's data is called, and the data."""
    about = data.about(bench, "layer", index, weighted, drawn.pool)
    series = data.about(bench, "layers", weighted, drawn.pool)
    tokens = bench.tokenised
    unit = "attention × ‖v‖" if weighted else "attention probability"
    view = AttentionView(
        tokens.str_tokens, tokens.special, index, drawn, unit, about, series=series, window=_window(bench, index)
    )
    return about, data.packed(about, lambda: attention_payload(view))


def _selection(state: UrlState, about: str, zoom: Zoom | None, n_layers: int | None) -> bytes:
    return attention_selection(
        about, head=state["head"], pos=state["pos"], direction=state["direction"], zoom=zoom, scale=state["scale"],
        n_layers=n_layers, turn=None if n_layers is None else controls.answered_turn(),
    )  # fmt: skip


def _neighbours(bench: Bench, survey: Any, index: int, weighted: bool) -> Iterator[bytes]:
    """The layers beside this one, where they are at hand: the picture turns to them without asking."""
    for neighbour in (index + 1, index - 1):
        drawn = data.at_hand(bench, survey, neighbour, weighted)
        if drawn and drawn.levels.nbytes <= _AHEAD_BYTES:
            yield attention_ahead(_message(bench, neighbour, weighted, drawn)[1], neighbour)


def _focus(state: UrlState, bench: Bench, survey: Any, about: str, zoom: Zoom | None) -> list[bytes]:
    """The held head exactly: all of it, or of a long prompt what is zoomed into."""
    head, n_pos = state["head"], len(bench.tokenised.ids)
    if head is None or not (survey.complete or bench.saved):
        return []
    place, size = (0, 0), n_pos
    if n_pos > data.MOST_EXACT:
        if zoom is None or zoom.size > data.MOST_EXACT:
            return []
        place, size = (zoom.query, zoom.key), zoom.size
    name = f"{about} {head} {place} {size}"

    def make() -> bytes:
        weights = data.weights(bench, survey, state["layer"], head, state["weighted"])
        part = weights[place[0] : place[0] + size, place[1] : place[1] + size]
        return attention_focus(about, head, np.ascontiguousarray(part), query=place[0], key=place[1], causal=True)

    return [data.packed(name, make)]


def _arrays(bench: Bench, survey: Any, index: int) -> dict[str, np.ndarray]:
    """What goes into the npz file."""
    return {
        "pattern": data.layer(bench, survey, index),
        "value_norms": data.survey(bench).value_norms[index],
        "tokens": np.asarray(bench.tokenised.ids),
        "layer": np.asarray(index),
    }
