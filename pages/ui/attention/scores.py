"""Head scores: what kind of head each one is, on the prompt, on repeated random tokens, or over the batch."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_views.component import Component
from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from pages.ui import batch, schemas, share, tables
from pages.ui.attention import controls, data
from pages.ui.attention.kinds import score_kinds
from pages.ui.bench import Bench, plain
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from jaxtyping import Float

_ON = {"prompt": "This prompt", "repeated": "Repeated random tokens", "batch": "The batch"}


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    kinds = score_kinds()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Score", schemas.SCORES, key=state.key("score"), width=220, format_func=lambda name: kinds[name].label
        )
        st.segmented_control("On", list(_ON), key=state.key("on"), format_func=lambda name: _ON[name], required=True)
    values, spread, note = _values(state, bench)
    kind, place = kinds[state["score"]], schemas.SCORES.index(state["score"])
    known = values[place][~np.isnan(values[place])]
    st.caption(plain(f"{kind.definition} Unit: {kind.unit}. Source: {kind.source}. {note}"))
    if not len(known):
        raise InterpError(
            f"{kind.label} is not defined on this prompt: no token of it occurs twice. Type a prompt that repeats a token, "
            "or choose the repeated random tokens."
            if state["score"] in ("induction", "duplicate_token")
            else f"{kind.label} is not defined on a prompt of one token. Type a longer one."
        )
    about = data.about(bench, "scores", state["score"], state["on"], values[place].tobytes())
    top = 1.0 if kind.bounded else max(float(known.max()), 1e-6)
    payload = head_map_payload(HeadMapView(values[place], kind.label, kind.unit, 0.0, top, about=about))
    picture(
        "head_map", payload, key="picture.scores",
        parts=[head_map_selection(about, layer=None if state["head"] is None else state["layer"], head=state["head"])],
        events={"open": lambda value: controls.select_head(state, bench, value)},
    )  # fmt: skip
    _show_head(state, values, spread)
    share.show_downloads(
        "scores",
        lambda: tables.scores_table(values, schemas.SCORES, spread),
        lambda: Component.load("head_map").standalone(payload, share.title(bench, kind.label)),
        share.load_code(bench) + _code(state, bench),
    )


def _code(state: UrlState, bench: Bench) -> str:
    if state["on"] == "batch":
        return "scores = [hookscope.head_scores(model, text) for text in prompts]  # the prompts of the batch"
    return f"hookscope.head_scores({'model' if state['on'] == 'repeated' else share.source(bench)})"


def _values(
    state: UrlState, bench: Bench
) -> "tuple[Float[np.ndarray, 'score layer head'], Float[np.ndarray, 'score layer head'] | None, str]":
    """The scores, their standard deviation over a batch, and a sentence that says what they were measured on."""
    if state["on"] == "prompt":
        survey = data.survey(bench)
        queries = survey.scores.n_queries[schemas.SCORES.index(state["score"])]
        return survey.scores.values, None, f"Mean over {queries:,} query positions of this prompt."
    if bench.saved:
        raise InterpError("This takes the model. Choose this prompt, or go back to the live model.")
    if state["on"] == "repeated":
        note = (
            "Measured on BOS and 60 random tokens that come twice, 16 sequences with seed 0, over the queries of the second "
            "copy; it does not depend on the prompt."
        )
        if bench.interventions:
            note += " Interventions are not applied to it."
        return data.repeated_scores(bench).values, None, note
    prompts = batch.prompts_in_use()
    if not prompts:
        raise InterpError(
            "There is no batch yet: give several prompts under Batch, above, and they are scored together."
        )
    made = np.stack([scores.values for scores in data.batch_scores(bench, data.batch_runs(bench, prompts))])
    defined = (~np.isnan(made)).any(axis=(2, 3)).sum(0)[schemas.SCORES.index(state["score"])]
    with np.errstate(invalid="ignore"):
        mean, spread = _nan_mean(made), _nan_deviation(made)
    return mean, spread, f"Mean over the {defined:,} of {len(prompts):,} prompts of the batch on which it is defined."


def _nan_mean(values: "Float[np.ndarray, 'prompt score layer head']") -> "Float[np.ndarray, 'score layer head']":
    counts = (~np.isnan(values)).sum(0)
    return np.where(counts, np.nansum(values, 0) / np.maximum(counts, 1), np.nan).astype(np.float32)


def _nan_deviation(values: "Float[np.ndarray, 'prompt score layer head']") -> "Float[np.ndarray, 'score layer head']":
    """Standard deviation over prompts, of those on which a score is defined."""
    return np.sqrt(np.maximum(_nan_mean(values**2) - _nan_mean(values) ** 2, 0))


def _show_head(
    state: UrlState,
    values: "Float[np.ndarray, 'score layer head']",
    spread: "Float[np.ndarray, 'score layer head'] | None",
) -> None:
    """Every score of the head that is selected, and the way on."""
    kinds, layer, head = score_kinds(), state["layer"], state["head"]
    if head is None:
        st.caption("Click a head for all of its scores.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**L{layer}H{head}**")
        for place, name in enumerate(schemas.SCORES):
            value = values[place, layer, head]
            extra = "" if spread is None or np.isnan(value) else f" ± {spread[place, layer, head]:.2f}"
            shown = "not defined" if np.isnan(value) else f"{value:.3f}{extra}"
            st.caption(f"{kinds[name].label}: {shown}")
        st.button(
            "Look at this head",
            key="scores.open",
            icon=":material/grid_on:",
            on_click=lambda: state.set("view", "layer"),
        )
