"""All heads at once: layers by heads, or in the order of a score, filtered by layer and by type."""

from typing import Any

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_views.component import Component
from interp_views.head_grid import HeadGridView, head_grid_payload, head_grid_selection, thumbnails
from pages.ui import schemas, share, tables
from pages.ui.attention import controls, data
from pages.ui.attention.kinds import TYPE_THRESHOLD, head_types, score_kinds, type_label
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

_THUMB_SIDE = 64


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    _show_controls(state, bench)
    survey, progress = data.survey_so_far(bench), st.empty()
    order = _order(state, bench, survey)
    if order is not None and not order:
        raise InterpError("No head is left by these filters. Choose more layers, or other types.")
    score = state["order"]
    kinds = score_kinds()
    scored = None if score == "layers" else survey.scores.of(score)
    label = "" if score == "layers" else f"{kinds[score].label} ({kinds[score].unit}), on this prompt"
    n_pos, tokens = len(bench.tokenised.ids), bench.tokenised
    name = data.about(bench, "grid", tuple(order or ()), score, int(survey.present.sum()))

    def view(most_side: int, opens: bool) -> HeadGridView:
        levels, pool = thumbnails(survey.levels, n_pos, survey.pool, True, most_side)
        return HeadGridView(
            tokens.str_tokens, tokens.special, levels, n_pos, pool, True, 1.0, "attention probability", name,
            order=None if order is None else tuple(order), scores=scored, score_label=label, opens=opens,
            windows=bench.card.windows,
        )  # fmt: skip

    picture(
        "head_grid", data.packed(name, lambda: head_grid_payload(view(_THUMB_SIDE, opens=False))), key="picture.heads",
        parts=[head_grid_selection(name, layer=state["layer"], head=state["head"], scale=state["scale"])],
        events={
            "open": lambda value: controls.select_head(state, bench, value, "layer"),
            "scale": lambda value: controls.rescale(state, value),
        },
    )  # fmt: skip
    with st.expander("How to read this"):
        st.markdown(
            "One small pattern a head: queries down, keys across, brighter is more attention. Click one to open it. A "
            "vertical stripe on the left is a sink, a diagonal just below the edge a previous-token head, a diagonal "
            "further down a head that looks back by a fixed distance, as induction heads do on repeated text. The order is "
            "that of the layers or of a score on this prompt; a head's type is measured on repeated random tokens (see "
            f"Head scores): the largest of its four scores, if it is at least {TYPE_THRESHOLD:g}."
        )
    share.show_downloads(
        "heads",
        lambda: tables.scores_table(survey.scores.values, schemas.SCORES),
        lambda: Component.load("head_grid").standalone(
            head_grid_payload(view(data.MOST_EXACT, opens=True)), share.title(bench, "Every head")
        ),
        share.load_code(bench) + f"hookscope.show_heads({share.source(bench)})  # every head, layer by layer",
    )
    data.draw_rest(bench, survey, progress)


def _show_controls(state: UrlState, bench: Bench) -> None:
    kinds, n_layers = score_kinds(), bench.card.n_layers
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Order", ("layers", *schemas.SCORES), key=state.key("order"), width=220,
            format_func=lambda name: "By layer" if name == "layers" else f"By {kinds[name].label.lower()}",
        )  # fmt: skip
        st.number_input("From layer", 0, n_layers - 1, key=state.key("from_layer"), width=120)
        st.number_input("To layer", 0, n_layers - 1, key=state.key("to_layer"), width=120, placeholder="last")
        st.multiselect(
            "Types", schemas.HEAD_TYPES, key=state.key("types"), format_func=type_label, placeholder="All types",
            width=420,
        )  # fmt: skip


def _order(state: UrlState, bench: Bench, survey: Any) -> list[tuple[int, int]] | None:
    """The heads to draw, or None for all of them layer by layer."""
    first, last = state["from_layer"], state["to_layer"]
    last = bench.card.n_layers - 1 if last is None else last
    types, score = tuple(state["types"]), state["order"]
    if score == "layers" and not types and (first, last) == (0, bench.card.n_layers - 1):
        return None
    heads = [(layer, head) for layer in range(first, last + 1) for head in range(bench.card.n_heads)]
    if types:
        found = head_types(bench)
        heads = [place for place in heads if found[place] in types]
    if score != "layers":
        values = np.nan_to_num(survey.scores.of(score), nan=-np.inf)
        heads.sort(key=lambda place: -values[place])
    return heads
