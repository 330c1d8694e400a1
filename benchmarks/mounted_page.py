"""A Streamlit page with one button that mounts our attention picture. Run by `app_traffic.py`: PAYLOAD."""

import sys
from pathlib import Path

import streamlit as st

from pages.ui.mount import picture

st.title("mounted")
if st.button("show"):
    picture("attention", Path(sys.argv[1]).read_bytes(), key="view", events={"lock": lambda value: None})
