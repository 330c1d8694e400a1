"""Lens: what the model would say early, and which of its parts write what it says."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas
from pages.ui.bench import plain
from pages.ui.lens import attribution, heads, logit_lens, stream
from pages.ui.opening import open_page

_VIEWS = {
    "lens": ("Logit lens", logit_lens.show),
    "stream": ("Residual stream", stream.show),
    "attribution": ("Attribution", attribution.show),
    "heads": ("What heads write", heads.show),
}

state = open_page(
    "lens", "Lens", "Where does the prediction form, and which parts of the model write it?", schemas.LENS
)
bench = run_bar.show(state)
st.segmented_control(
    "View", list(_VIEWS), key=state.key("view"), format_func=lambda view: _VIEWS[view][0], required=True,
    label_visibility="collapsed",
)  # fmt: skip
try:
    _VIEWS[state["view"]][1](state, bench)
except InterpError as error:
    st.error(plain(str(error)))
name = f"L{state['layer']}" + ("" if state["head"] is None else f"H{state['head']}")
st.page_link(
    "pages/attention.py", label=f"See where {name} looks on this prompt", icon=":material/arrow_forward:",
    query_params=state.shared_link(),
)  # fmt: skip
