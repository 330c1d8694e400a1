"""The residual stream: norms, and cosines between layers and of what is written with what is there."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_views.component import Component
from interp_views.position_map import PositionMapView, position_map_payload, position_map_selection
from pages.ui import schemas, share
from pages.ui.attention.data import about, packed
from pages.ui.bench import Bench
from pages.ui.lens import data, tables
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.residual_stream import ResidualStream

_KINDS = {
    "resid_pre": "Norm: stream entering the layer (resid_pre)",
    "resid_mid": "Norm: stream between attention and MLP (resid_mid)",
    "resid_post": "Norm: stream leaving the layer (resid_post)",
    "attn_out": "Norm: what attention writes (attn_out)",
    "mlp_out": "Norm: what the MLP writes (mlp_out)",
    "attention_cosine": "Cosine: what attention writes with the stream",
    "mlp_cosine": "Cosine: what the MLP writes with the stream",
    "between": "Cosine: streams of two layers",
}
_HOW_TO_READ = (
    "Norms are Euclidean, in the model's own units; colours go with log(1 + norm), because a few positions, often the first, "
    "carry norms far above all others (Sun et al. 2024, arXiv:2402.17762). Cosines run from −1 to 1: below 0, a layer takes "
    "away from what is there. The cosine of two layers compares the streams that leave them (`resid_post`), averaged over "
    "all positions, or at the selected one. Compatibility weights centre what is written, which changes norms but no output."
)


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox(
            "Show", schemas.STREAM_KINDS, key=state.key("kind"), width=420, format_func=lambda name: _KINDS[name]
        )
        between = state["kind"] == "between"
        if between:
            st.toggle("At the selected position only", key=state.key("at_position"), disabled=state["pos"] is None)
    pos = state["pos"] if between and state["at_position"] else None
    found = data.residual_stream(bench, pos)
    name = about(bench, "stream", state["kind"], pos)
    view = _between(bench, found, name) if between else _by_position(bench, found, state["kind"], name)
    payload = packed(name, lambda: position_map_payload(view))
    selection = position_map_selection(
        name, row=None if between or state["pos"] is None else state["layer"], pos=None if between else state["pos"]
    )
    picture(
        "position_map", payload, key="picture.stream", parts=[selection],
        events={"open": lambda value: _select(state, bench, value, between)},
    )  # fmt: skip
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    share.show_downloads(
        "residual-stream",
        lambda: tables.between_table(found) if between else tables.stream_table(bench.tokenised, found),
        lambda: Component.load("position_map").standalone(payload, share.title(bench, _KINDS[state["kind"]])),
        share.load_code(bench) + f"hookscope.residual_stream(model, prompt{'' if pos is None else f', pos={pos}'})",
        arrays=lambda: {"norms": found.norms, "writes": found.writes, "between": found.between},
    )


def _by_position(bench: Bench, found: "ResidualStream", kind: str, name: str) -> PositionMapView:
    tokens, rows = bench.tokenised, tuple(map(str, range(bench.card.n_layers)))
    cosine = kind in ("attention_cosine", "mlp_cosine")
    values = found.writes[("attention_cosine", "mlp_cosine").index(kind)] if cosine else found.norm_of(kind)  # type: ignore[arg-type]
    known = values[~np.isnan(values)]
    if not len(known):
        raise InterpError(
            f"{bench.card.name} has no {kind}: its attention and MLP read the same stream, in parallel. Choose another."
        )
    if cosine:
        return PositionMapView(
            values,
            rows,
            tokens.str_tokens,
            tokens.special,
            _KINDS[kind],
            "cosine",
            -1.0,
            1.0,
            signed=True,
            written="values",
            about=name,
        )
    least = float(known.min())
    return PositionMapView(
        values, rows, tokens.str_tokens, tokens.special, _KINDS[kind], "norm, model units", least,
        max(float(known.max()), least + 1e-3), log=True, decimals=1, written="values", about=name,
    )  # fmt: skip


def _between(bench: Bench, found: "ResidualStream", name: str) -> PositionMapView:
    rows = tuple(map(str, range(bench.card.n_layers)))
    where = "mean over positions" if found.pos is None else f"at position {found.pos}"
    return PositionMapView(
        found.between, rows, rows, (False,) * len(rows), f"{_KINDS['between']}, {where}", "cosine", -1.0, 1.0, signed=True,
        numbered=False, about=name,
    )  # fmt: skip


def _select(state: UrlState, bench: Bench, value: dict, between: bool) -> None:
    row, pos = value.get("row"), value.get("pos")
    if isinstance(row, int) and 0 <= row < bench.card.n_layers:
        state.set("layer", row)
        if not between and isinstance(pos, int) and 0 <= pos < len(bench.tokenised.ids):
            state.set("pos", pos)
