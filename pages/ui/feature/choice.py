"""Which feature: by number, its neighbours, or at first the one that is strongest on the prompt; and its label."""

import streamlit as st

from interp_core.errors import InterpError
from interp_core.labels import MOST_CHARACTERS, clear_label, labels_of, set_label
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae import data
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

_LABEL = "feature.label"


def choose(state: UrlState, bench: Bench, sae: SaeBench) -> int:
    """Draw the choice, and return the feature."""
    opened = state["feature"] is None
    strongest = _strongest(bench, sae) if opened else None
    if opened:
        state.set("feature", strongest or 0)
    last = sae.config.d_sae - 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input("Feature", 0, last, key=state.key("feature"), width=160)
        for label, icon, step in (("Previous", "chevron_left", -1), ("Next", "chevron_right", 1)):
            st.button(
                label, icon=f":material/{icon}:", key=f"feature.step.{step}", on_click=_step, args=(state, step, last)
            )
        st.button(
            "Strongest on this prompt", icon=":material/bolt:", key="feature.strongest", on_click=_forget, args=(state,),
            help="The feature with the largest activation at the selected position, or at the last one.",
        )  # fmt: skip
        _show_label(sae, state["feature"])
    if opened:
        pos = _pos(bench, state)
        what = "the strongest feature" if strongest is not None else "feature 0, for none is active"
        st.caption(f"Opened on {what} at position {pos} of the prompt. Type a number for another one.")
    return state["feature"]


def user_label(sae: SaeBench, feature: int) -> str:
    """What the user called it; empty where nothing was written."""
    try:
        label = labels_of(sae.checksum).get(feature)
    except InterpError as error:
        st.warning(plain(str(error)))
        return ""
    return label.text if label else ""


def _strongest(bench: Bench, sae: SaeBench) -> int | None:
    """Of the selected position, or the last one; None where none is active there."""
    found = data.reading(bench.run, sae)
    pos = st.session_state.get("url.pos")
    at = found.n_pos - 1 if pos is None else pos
    here = found.pos == at
    return int(found.feature[here][found.activation[here].argmax()]) if here.any() else None


def _pos(bench: Bench, state: UrlState) -> int:
    return len(bench.tokenised.ids) - 1 if state["pos"] is None else state["pos"]


def _step(state: UrlState, step: int, last: int) -> None:
    state.set("feature", min(last, max(0, (state["feature"] or 0) + step)))
    state.set("example", None)


def _forget(state: UrlState) -> None:
    state.set("feature", None)
    state.set("example", None)


def _show_label(sae: SaeBench, feature: int) -> None:
    written = user_label(sae, feature)
    with st.popover("Label", icon=":material/label:"):
        st.text_input(
            "Your label", value=written, max_chars=MOST_CHARACTERS, key=f"{_LABEL}.{sae.checksum}.{feature}.{written}",
            placeholder="What does it stand for?", on_change=_keep, args=(sae, feature, written),
            help="Kept on this machine, one file an SAE. Empty: the automatic label is shown.",
        )  # fmt: skip
        problem = st.session_state.pop(f"{_LABEL}.problem", "")
        if problem:
            st.error(plain(problem))


def _keep(sae: SaeBench, feature: int, before: str) -> None:
    text = str(st.session_state.get(f"{_LABEL}.{sae.checksum}.{feature}.{before}", ""))
    try:
        if text.strip():
            set_label(sae.checksum, feature, text, sae=sae.name)
        else:
            clear_label(sae.checksum, feature, sae=sae.name)
    except InterpError as error:
        st.session_state[f"{_LABEL}.problem"] = str(error)
