"""The logit lens: what every layer's stream would say if it were read out there."""

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from jaxtyping import Float

from interp_views.component import Component
from interp_views.position_map import CellWords, PositionMapView, position_map_payload, position_map_selection
from interp_views.tokens import visible
from pages.ui import share
from pages.ui.attention.data import about, packed
from pages.ui.bench import Bench, plain
from pages.ui.lens import answer, data, tables
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.logit_lens import LogitLens

_MEASURES = {
    "top": "Likeliest token", "entropy": "Entropy", "kl": "KL to output", "rank": "Rank", "probability": "Probability",
}  # fmt: skip
_NORMS = {"recomputed": "Own scale", "frozen": "Final scale, frozen"}
_NORM_SAYS = {
    "recomputed": "The final norm takes each stream's own scale.",
    "frozen": "The final norm keeps the scale of the final stream at that position, so that rows add up but early ones look faint.",
}
_HOW_TO_READ = (
    "Row *l* is the residual stream that enters layer *l*, put through the final norm and the unembedding as if the model "
    "ended there; the row *final* is the model's own output. Each cell names the token that this stream holds likeliest as "
    "the **next** one. Entropy and KL are in nats; KL is KL(output ‖ row): what the output has and this row lacks. Rank 0 is "
    "the likeliest token. The readout was trained for the last row only, so early rows may say little even where the "
    "information is there: nostalgebraist 2020, *interpreting GPT: the logit lens*; Belrose et al. 2023, arXiv:2303.08112, "
    "on what it misses."
)


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Show", list(_MEASURES), key=state.key("measure"), format_func=lambda name: _MEASURES[name], required=True
        )
        st.segmented_control(
            "Final norm", list(_NORMS), key=state.key("norm"), format_func=lambda name: _NORMS[name], required=True,
        )  # fmt: skip
        asks = state["measure"] in ("rank", "probability")
        token = answer.show(state, bench, foil=False) if asks else None
    found = data.logit_lens(bench, state["norm"], token.answer if token else None)
    word = plain(f" Token: {visible(token.answer_text)}, id {token.answer}.") if token else ""
    st.caption(_NORM_SAYS[state["norm"]] + word)
    name = about(bench, "lens", state["norm"], state["measure"], token)
    view = _view(state, bench, found, visible(token.answer_text) if token else "", name)
    payload = packed(name, lambda: position_map_payload(view))
    picture(
        "position_map", payload, key="picture.lens",
        parts=[position_map_selection(name, row=state["row"] if state["pos"] is not None else None, pos=state["pos"])],
        events={"open": lambda value: select(state, bench, value)},
    )  # fmt: skip
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    text = f", token={answer.spelled(bench, token.answer, token.answer_text)}" if token else ""
    share.show_downloads(
        "logit-lens",
        lambda: tables.lens_table(bench.tokenised, found),
        lambda: Component.load("position_map").standalone(payload, share.title(bench, "Logit lens")),
        share.load_code(bench) + f"hookscope.logit_lens(model, prompt, norm={state['norm']!r}{text})",
        arrays=lambda: {
            "top_ids": found.top_ids, "top_probability": found.top_probability, "entropy": found.entropy, "kl": found.kl,
            "token_probability": found.token_probability, "token_rank": found.token_rank,
        },
    )  # fmt: skip


def select(state: UrlState, bench: Bench, value: dict) -> None:
    """Select the cell that the browser names, if this model and prompt have it."""
    row, pos = value.get("row"), value.get("pos")
    if isinstance(row, int) and isinstance(pos, int) and 0 <= pos < len(bench.tokenised.ids):
        if 0 <= row <= bench.card.n_layers:
            state.set("row", row)
            state.set("pos", pos)
        if 0 <= row < bench.card.n_layers:
            state.set("layer", row)


def _view(state: UrlState, bench: Bench, found: "LogitLens", token: str, name: str) -> PositionMapView:
    tokens = bench.tokenised
    values, unit, high, log, decimals = _measured(state["measure"], bench, found)
    return PositionMapView(
        values, row_names(bench), tokens.str_tokens, tokens.special,
        _MEASURES[state["measure"]] + (f" of {token}" if token else ""), unit, 0.0, high, log=log, decimals=decimals,
        written="values" if token else "words",
        words=CellWords(found.top_ids, found.top_tokens, found.top_probability, "probability of the likeliest tokens"),
        about=name,
    )  # fmt: skip


def row_names(bench: Bench) -> tuple[str, ...]:
    """Names of the rows: what enters each layer, and the output."""
    return (*map(str, range(bench.card.n_layers)), "final")


def _measured(
    measure: str, bench: Bench, found: "LogitLens"
) -> tuple[Float[np.ndarray, "row pos"], str, float, bool, int]:
    """Values, unit, last colour, whether colours are logarithmic, and digits."""
    if measure == "entropy":
        return found.entropy, "nats", math.log(bench.card.d_vocab), False, 2
    if measure == "kl":
        return found.kl, "nats", max(float(found.kl.max()), 1e-3), True, 2
    if measure == "rank":
        return found.token_rank.astype(np.float32), "tokens are likelier", bench.card.d_vocab - 1.0, True, 0
    if measure == "probability":
        return found.token_probability, "probability", 1.0, False, 3
    return found.top_probability[..., 0], "probability", 1.0, False, 2
