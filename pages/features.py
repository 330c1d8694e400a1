"""Feature browser: What has the autoencoder learnt, and where is the feature I look for?"""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas
from pages.ui.bench import plain
from pages.ui.features import data, directions, effects, near, offers, table, text, writes
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench

_VIEWS = {
    "table": ("Table", table.show),
    "map": ("Map", directions.show),
    "near": ("Near a feature", near.show),
    "writes": ("Writes a token", writes.show),
    "text": ("Fires on a text", text.show),
}

state = open_page(
    "features",
    "Feature browser",
    "What has the autoencoder learnt, and where is the feature I look for?",
    schemas.FEATURES,
)
bench = run_bar.show(state)
chosen = sae_bench.choose(state, bench)
try:
    browser = data.browser(bench, chosen)
except InterpError as error:
    st.error(plain(str(error)))
    st.stop()
offers.show_harvest(state, browser)
st.segmented_control(
    "View", list(_VIEWS), key=state.key("view"), format_func=lambda view: _VIEWS[view][0], required=True,
    label_visibility="collapsed",
)  # fmt: skip
followed = None
try:
    followed = _VIEWS[state["view"]][1](state, bench, browser)
except InterpError as error:
    st.error(plain(str(error)))
state.commit()
effects.go_on_measuring(followed)
