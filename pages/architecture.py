"""Architecture: what a model is made of, and where the interventions act."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import schemas
from pages.ui.architecture import controls, diagram
from pages.ui.bench import lay_out, plain
from pages.ui.opening import open_page

state = open_page(
    "architecture",
    "Architecture",
    "What is this model made of, and where do my interventions act?",
    schemas.ARCHITECTURE,
)
diagram.leave_if_asked(state)
bench = lay_out(state)
controls.show(state, bench)
try:
    diagram.show(state, bench)
except InterpError as error:
    st.error(plain(str(error)))
with st.expander("How to read this"):
    st.markdown(
        "From the tokens at the bottom to the logits on top, as in the figures of *A Mathematical Framework for Transformer "
        "Circuits* (Elhage et al. 2021). The thick line is the residual stream; ⊕ is where a part writes into it. Point at a part "
        "for what it does, its weights and the shape of every tensor in it; click to keep it. Folded layers are a pile: click a "
        "leaf to unfold that layer. Counts and shapes follow from the configuration and are the checkpoint's own, before norms are "
        "folded into other weights. Colours are the interventions in force, also while the clean run is shown."
    )
state.commit()
