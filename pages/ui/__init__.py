"""Streamlit plumbing for the pages: frame, URL state, engine, components. Nothing here is a page."""
