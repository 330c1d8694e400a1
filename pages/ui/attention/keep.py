"""Keeping a run: save it to disk, to be looked at later without the model."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError
from pages.ui.attention import data
from pages.ui.bench import Bench, plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.generation import Sampling

_GENERATED, _WANTED, _DONE = "keep.generated", "keep.wanted", "keep.done"


def remember(bench: Bench, n_prompt: int, sampling: "Sampling") -> None:
    """What the Generated view shows, for the button below it."""
    st.session_state[_GENERATED] = (bench, n_prompt, sampling)


def show(state: UrlState, bench: Bench) -> None:
    """Draw the button that saves what is on screen."""
    if bench.saved:
        return
    sampling: Any = None
    whole, n_prompt = bench, len(bench.tokenised.ids)
    shown = st.session_state.get(_GENERATED)
    if state["view"] == "generated" and shown and shown[0].run.tokens[:n_prompt] == bench.run.tokens:
        whole, n_prompt, sampling = shown
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Save this run", icon=":material/save:", key="keep.save", on_click=_want, args=(whole.run,),
            help="Writes tokens and attention of every head to the runs folder, to be opened later without the model or a GPU.",
        )  # fmt: skip
        place = st.empty()
    if st.session_state.pop(_WANTED, None) == whole.run:
        try:
            st.session_state[_DONE] = (whole.run, data.save(whole, bench.prompt, n_prompt, sampling))
        except InterpError as error:
            place.error(plain(str(error)))
    done = st.session_state.get(_DONE)
    if done and done[0] == whole.run:
        # Not a link: to a page that is open already, Streamlit follows one without changing the address.
        place.button(
            "Saved: open it as a saved run", icon=":material/check:", key="keep.open", type="tertiary",
            on_click=state.set, args=("saved", done[1]),
        )  # fmt: skip


def _want(run: Any) -> None:
    st.session_state[_WANTED] = run
