"""Prompt features: which features carry a position of the prompt, and where each of them fires on it."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas, share
from pages.ui.bench import plain
from pages.ui.opening import open_page
from pages.ui.prompt_features import columns, tokens
from pages.ui.sae import bench as sae_bench

_VIEWS = {"columns": ("One position", columns.show), "tokens": ("Tokens × features", tokens.show)}

state = open_page(
    "prompt_features", "Prompt features", "Which features carry this prompt, position by position?",
    schemas.PROMPT_FEATURES,
)  # fmt: skip
bench = run_bar.show(state)
sae = sae_bench.choose(state, bench)
st.segmented_control(
    "View", list(_VIEWS), key=state.key("picture"), format_func=lambda view: _VIEWS[view][0], required=True,
    label_visibility="collapsed",
)  # fmt: skip
try:
    _VIEWS[state["picture"]][1](state, bench, sae)
except InterpError as error:
    st.error(plain(str(error)))
    st.stop()
with st.expander("How to read this"):
    st.markdown(
        "Each column is one feature that is active at the selected position, with the texts on which it fires most. **Activation** is "
        "how strongly it fires here; **quantile** how unusual that is for this feature; **loss effect** how much worse the model "
        "predicts the next token when this feature alone is removed here. Effects of the columns are exact: the model ran again "
        "without each of them. The ranking of all features goes by a first-order estimate (gradient times write; Syed et al. 2023, "
        "arXiv:2310.10348), which says nothing of the curvature. Interventions in force count."
    )
share.show_downloads(
    "prompt_features",
    lambda: tokens.table(bench, sae, state["count"]),
    lambda: tokens.standalone(bench, sae, state["count"]),
    share.load_code(bench)
    + f"hookscope.show_features_on(model, prompt, {sae.name!r}, pos={-1 if state['pos'] is None else state['pos']}, "
    f"rank={state['rank']!r}, k={state['count']})",
)
if state["feature"] is not None:
    st.page_link(
        "pages/feature.py", label=f"Open {sae.title(state['feature'])}", icon=":material/lightbulb:",
        query_params=state.shared_link(),
    )  # fmt: skip
