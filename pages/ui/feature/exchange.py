"""The dashboard to take along: as JSON, as one HTML file, and in Neuronpedia's form; and the Python that makes it."""

import json
from typing import Any

import streamlit as st

from interp_views.feature_document import feature_view
from interp_views.feature_pages import feature_page
from pages.ui import share
from pages.ui.bench import Bench
from pages.ui.sae.bench import SaeBench


def show(bench: Bench, sae: SaeBench, made: dict[str, Any]) -> None:
    """Draw the downloads."""
    name = made["name"]
    with st.expander("Take it along: dashboard, data, code"):
        with st.container(horizontal=True):
            share.button(
                "Dashboard as HTML, works offline",
                f"{name}.html",
                "text/html",
                lambda: feature_page(feature_view(made)),
            )
            share.button(
                "Dashboard as JSON",
                f"{name}.json",
                "application/json",
                lambda: json.dumps(made, ensure_ascii=False, indent=1),
            )
        st.caption("The Python that reproduces it")
        st.code(
            share.load_code(bench) + f"hookscope.show_feature(model, {sae.name!r}, {made['feature']})",
            language="python",
        )
