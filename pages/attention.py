"""Attention: where every head looks, one head at a time or all at once, on a prompt, a generation or a saved run."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, saved_bench, schemas
from pages.ui.attention import generated, heads, keep, layer, query_key, scores, search, similar
from pages.ui.bench import plain
from pages.ui.opening import open_page

_VIEWS = {
    "layer": ("One layer", layer.show),
    "heads": ("All heads", heads.show),
    "generated": ("Generated text", generated.show),
    "scores": ("Head scores", scores.show),
    "similar": ("Similar heads", similar.show),
    "search": ("Find a pattern", search.show),
    "query_key": ("Query and key", query_key.show),
}

state = open_page(
    "attention", "Attention", "From each token, which earlier tokens does each head read?", schemas.ATTENTION
)
bench = saved_bench.show(state) if state["saved"] else run_bar.show(state)
st.segmented_control(
    "View", list(_VIEWS), key=state.key("view"), format_func=lambda view: _VIEWS[view][0], required=True,
    label_visibility="collapsed",
)  # fmt: skip
try:
    _VIEWS[state["view"]][1](state, bench)
except InterpError as error:
    st.error(plain(str(error)))
    st.stop()
keep.show(state, bench)
st.page_link(
    "pages/prompt.py",
    label="See what the model predicts on this prompt",
    icon=":material/arrow_forward:",
    query_params=state.shared_link(prompt=bench.prompt.text, bos=bench.prompt.prepend_bos, chat=bench.prompt.chat),
)
