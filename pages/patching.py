"""Patching: which activations carry the difference between two prompts."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas
from pages.ui.markdown import plain
from pages.ui.opening import open_page
from pages.ui.patching import controls, pairs, results

state = open_page(
    "patching", "Patching", "Which activations carry the difference between two prompts?", schemas.PATCHING
)
bench = run_bar.show(state)
try:
    pair = pairs.show(state, bench)
    metric, plan = controls.show(state, bench)
    results.show(state, bench, pair, metric, plan)
except InterpError as error:
    st.error(plain(str(error)))
