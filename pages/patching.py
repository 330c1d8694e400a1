"""Patching: which activations, and which paths between them, carry the difference between two prompts."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import pair_sets, run_bar, schemas
from pages.ui.markdown import plain
from pages.ui.opening import open_page
from pages.ui.patching import controls, paths, results, set_results

_VIEWS = {"activations": ("Activations", controls.show), "paths": ("Paths", paths.show)}

state = open_page(
    "patching", "Patching", "Which activations carry the difference between two prompts?", schemas.PATCHING
)
bench = run_bar.show(state)
with st.container(horizontal=True, vertical_alignment="bottom"):
    st.segmented_control(
        "What is patched", list(_VIEWS), key=state.key("view"), format_func=lambda view: _VIEWS[view][0], required=True,
        help="Activations: each in turn, whatever it reaches. Paths: from each head and MLP to the receivers of your choice.",
    )  # fmt: skip
    over_set = pair_sets.show_over(state, "These two prompts")
try:
    show_plan = _VIEWS[state["view"]][1]
    (set_results if over_set else results).show(state, bench, show_plan)
except InterpError as error:
    st.error(plain(str(error)))
