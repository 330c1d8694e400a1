"""SAEs and harvests: which autoencoders there are, how faithful they are, and what is known of their features."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas
from pages.ui.bench import plain
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench
from pages.ui.saes import directory, facts, harvest

_VIEWS = {"chosen": "The chosen one", "harvest": "Harvest a text", "catalogue": "SAELens's directory"}

state = open_page(
    "saes", "SAEs and harvests",
    "Which autoencoders are there, how faithful are they, and what do we know of their features?", schemas.SAES,
)  # fmt: skip
bench = run_bar.show(state)
st.segmented_control(
    "View",
    list(_VIEWS),
    key=state.key("view"),
    format_func=_VIEWS.__getitem__,
    required=True,
    label_visibility="collapsed",
)
try:
    if state["view"] == "catalogue":
        directory.show(state, bench)
    else:
        sae = sae_bench.choose(state, bench)
        (facts if state["view"] == "chosen" else harvest).show(state, bench, sae)
except InterpError as error:
    st.error(plain(str(error)))
with st.expander("How to read this"):
    st.markdown(
        "**L0** is how many features are active on a token; **explained variance** how much of what the layer holds the features "
        "give back (Gao et al. 2024, arXiv:2406.04093); **cross-entropy recovered** how much of the model's skill survives when it "
        "reads the reconstruction in place of the real thing, against zero ablation (Bricken et al. 2023, *Towards Monosemanticity*). "
        "The first positions of a prompt carry activations of 150 times the usual norm, so figures are given with and without them. "
        "Your own SAEs go into the SAE folder as SAELens folders (`cfg.json` and `sae_weights.safetensors`); pickles are never opened."
    )
state.commit()
