"""How every page begins: frame, URL, title, question."""

import streamlit as st

from pages.ui.shell import ensure_frame, show_sidebar
from pages.ui.url_state import Schema, UrlState


def open_page(name: str, title: str, question: str, schema: Schema, *, waits: bool = True) -> UrlState:
    """Make sure that the frame has run, read the URL, and say what the page is for.

    `waits` says whether the page waits for the model; see `show_sidebar`.
    """
    ensure_frame()
    state = UrlState(name, schema)
    state.arrive()
    show_sidebar(state, waits=waits)
    st.title(title, anchor=False)
    st.caption(question)
    return state
