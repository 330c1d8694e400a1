"""Trust and facts: what was loaded, and how far its numbers stand from Hugging Face's own."""

import streamlit as st

from pages.ui import model_facts, parity_panel, run_bar, schemas
from pages.ui.opening import open_page

state = open_page("model", "Trust and facts", "What exactly was loaded, and can I trust these numbers?", schemas.SHARED)
bench = run_bar.show(state)
st.subheader("Can I trust these numbers?", anchor=False)
parity_panel.show(bench)
st.subheader("What was loaded", anchor=False)
model_facts.show(bench)
