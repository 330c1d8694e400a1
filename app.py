"""Hookscope: `streamlit run app.py`. Only the frame; every page is a file in `pages/`."""

from pages.ui.shell import frame

frame()
