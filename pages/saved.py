"""Saved runs: what was kept to be looked at later, without the model."""

import streamlit as st

from interp_core.settings import runs_folder
from pages.ui import saved_list, schemas
from pages.ui.bench import show_problems
from pages.ui.opening import open_page

state = open_page(
    "saved", "Saved runs", "What was kept, to be looked at without the model?", schemas.SHARED, waits=False
)
state.commit()
show_problems(state)
saved_list.show_upload()
saved_list.show()
with st.expander("Saving many prompts at once, from the command line"):
    st.markdown(
        "Run this where the model and, if there is one, the GPU are. It shows its progress, and goes on where it was stopped:"
    )
    st.code(f"python -m interp_core attention prompts.txt --out {runs_folder()} --generate 32", language="bash")
