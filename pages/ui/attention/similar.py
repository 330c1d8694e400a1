"""Similar heads: those that attend most like the head in view, and a map of all heads."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError
from interp_views.component import Component
from interp_views.head_grid import HeadGridView, head_grid_payload, head_grid_selection, thumbnails
from interp_views.head_scatter import head_scatter
from pages.ui import batch, share, tables
from pages.ui.attention import controls, data
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.similar_heads import HeadSimilarity

_SHOWN = 16
_OVER = {"prompt": "This prompt", "batch": "The batch"}


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        controls.show_layer(state, bench)
        controls.show_head(state, bench, none="Head 0")
        st.segmented_control(
            "Over", list(_OVER), key=state.key("over"), format_func=lambda name: _OVER[name], required=True
        )
    survey = data.survey(bench)  # first: asking for something else would stop a survey that is under way
    found = _compare(state, bench)
    n_heads, index = bench.card.n_heads, state["layer"] * bench.card.n_heads + (state["head"] or 0)
    name = f"L{state['layer']}H{state['head'] or 0}"
    order = [index, *map(int, found.most_similar(index, _SHOWN))]
    st.markdown(f"**The heads that attend most like {name}**")
    payload = _grid(bench, survey, found, order, index)
    picture(
        "head_grid", payload[1], key="picture.similar",
        parts=[head_grid_selection(payload[0], layer=state["layer"], head=state["head"] or 0)],
        events={"open": lambda value: controls.select_head(state, bench, value)},
    )  # fmt: skip
    if state["over"] == "batch":
        st.caption("Similarity is over the batch; the small patterns are those of the prompt above.")
    st.button(
        f"Look at {name}", key="similar.open", icon=":material/grid_on:", on_click=lambda: state.set("view", "layer")
    )
    st.markdown("**All heads on a map**")
    _show_map(state, bench, found, index)
    with st.expander("How to read this"):
        st.markdown(
            "Similarity of two heads: the Bhattacharyya coefficient of their attention rows, the sum over keys of √(p·q), "
            "averaged over queries; 1 where they attend exactly alike, 0 where they never look at the same token. On the map, "
            "distance stands for the Hellinger distance √(1 − coefficient), by classical scaling (Torgerson 1952); two "
            "dimensions show only the stated share of it. Similar patterns do not mean similar effects: what a head writes "
            "depends on its values."
        )
    labels = tuple(f"L{place // n_heads}H{place % n_heads}" for place in range(len(found.coefficient)))
    share.show_downloads(
        "similar",
        lambda: tables.similarity_table(labels, found.coefficient[index], found.place),
        lambda: Component.load("head_grid").standalone(payload[1], share.title(bench, f"Heads like {name}")),
        share.load_code(bench)
        + f"hookscope.similar_heads({share.source(bench)}, layer={state['layer']}, head={state['head'] or 0})",
        arrays=lambda: {"coefficient": found.coefficient, "place": found.place},
    )


def _compare(state: UrlState, bench: Bench) -> "HeadSimilarity":
    if state["over"] == "batch":
        prompts = batch.prompts_in_use()
        if bench.saved or not prompts:
            raise InterpError(
                "There is no batch: give several prompts under Batch, above, and heads are compared over all of them."
            )
        return data.batch_similarity(bench, data.batch_runs(bench, prompts))
    return data.similarity(bench)


def _grid(bench: Bench, survey: Any, found: "HeadSimilarity", order: list[int], index: int) -> tuple[str, bytes]:
    n_pos, n_heads = len(bench.tokenised.ids), bench.card.n_heads
    scores = found.coefficient[index].reshape(-1, n_heads)
    name = data.about(bench, "similar", tuple(order), scores.tobytes())

    def make() -> bytes:
        levels, pool = thumbnails(survey.levels, n_pos, survey.pool, True, 64)
        return head_grid_payload(
            HeadGridView(
                bench.tokenised.str_tokens, bench.tokenised.special, levels, n_pos, pool, True, 1.0,
                "attention probability", name, order=tuple(divmod(place, n_heads) for place in order), scores=scores,
                score_label="similarity, 0 to 1", windows=bench.card.windows,
            )
        )  # fmt: skip

    return name, data.packed(name, make)


def _show_map(state: UrlState, bench: Bench, found: "HeadSimilarity", index: int) -> None:
    n_heads = bench.card.n_heads
    figure = head_scatter(found.place, n_heads, index, found.coefficient[index], dark=st.context.theme.type == "dark")

    def choose() -> None:
        points = st.session_state["picture.map"].selection.points
        if points:
            place = int(points[0]["customdata"][0])
            controls.select_head(state, bench, {"layer": place // n_heads, "head": place % n_heads})

    st.plotly_chart(
        figure, key="picture.map", on_select=choose, selection_mode="points", theme=None,
        alt="Map of all heads: heads with similar patterns lie together.",
    )  # fmt: skip
    positions = "position" if found.n_queries == 1 else "positions"
    sampled = "" if found.n_queries == found.n_all_queries else f" of {found.n_all_queries:,}, evenly spaced"
    st.caption(
        f"The map shows {found.share:.0%} of the squared distances between heads. {found.n_queries:,} query {positions}{sampled}"
        f", {found.n_prompts} {'prompt' if found.n_prompts == 1 else 'prompts'}. Click a head to look for its like."
    )
