"""Feature: one feature of an SAE, from when it fires to what the model would lose without it."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas
from pages.ui.bench import plain
from pages.ui.feature import act, choice, dashboard, example, exchange, live
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench

state = open_page(
    "feature", "Feature", "When does this feature fire, what does it write, and what would the model lose without it?",
    schemas.FEATURE,
)  # fmt: skip
bench = run_bar.show(state)
sae = sae_bench.choose(state, bench)
try:
    feature = choice.choose(state, bench, sae)
    state.commit()
    made, followed = dashboard.show(state, bench, sae, feature)
    example.show(state, bench, sae, made)
    live.show(state, bench, sae, feature)
    act.show(state, bench, sae, feature, (made["record"] or {}).get("largest") or 1.0)
except InterpError as error:
    st.error(plain(str(error)))
    st.stop()
with st.expander("How to read this"):
    st.markdown(
        "A sparse autoencoder writes what a layer holds as a sum of few features, each with a direction (Bricken et al. 2023, "
        "*Towards Monosemanticity*; the layout follows McDougall's sae_vis). **Activations** say when it fires: the histogram "
        "counts tokens of the harvested text on which it is above 0 (an SAE that chooses by magnitude is active below 0 too, which no "
        "harvest counts), and examples are tinted by activation. **Logits** say what its direction writes by itself "
        "through the unembedding, not what later layers make of it. **Loss effects** are exact: the model runs again from the "
        "layer with the feature removed at one position, and the next token's loss rises (blue underline: the feature helps) or "
        "falls (red). The direct estimate beside it leaves later layers out."
    )
exchange.show(bench, sae, made)
with st.container(horizontal=True):
    st.page_link(
        "pages/features.py", label="Its neighbours in the browser", icon=":material/travel_explore:",
        query_params=state.shared_link() | {"view": "near"},
    )  # fmt: skip
    st.page_link(
        "pages/prompt_features.py", label="All features of this prompt", icon=":material/view_column:",
        query_params=state.shared_link(),
    )  # fmt: skip
dashboard.go_on_with_effects(followed)
