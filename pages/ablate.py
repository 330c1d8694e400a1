"""Ablate: what the model loses when a part of it is switched off."""

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import run_bar, schemas
from pages.ui.ablate import effect, sweep
from pages.ui.markdown import plain
from pages.ui.opening import open_page

state = open_page("ablate", "Ablate", "What does the model lose when a part of it is switched off?", schemas.ABLATE)
bench = run_bar.show(state)
try:
    effect.show(state, bench)
    st.subheader("Every part in turn", anchor=False)
    sweep.show(state, bench)
except InterpError as error:
    st.error(plain(str(error)))
