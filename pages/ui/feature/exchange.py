"""The dashboard to take along: as JSON, as one HTML file, and in Neuronpedia's form; and the Python that makes it."""

import json
from typing import Any

import streamlit as st

from interp_core.exchange.neuronpedia_rows import feature_json
from interp_views.feature_document import feature_view
from interp_views.feature_pages import feature_page
from pages.ui import share
from pages.ui.bench import Bench
from pages.ui.feature import exchange_open, exchange_set
from pages.ui.sae.bench import SaeBench


def show(bench: Bench, sae: SaeBench, made: dict[str, Any]) -> None:
    """Draw the downloads of this feature and of a set, and the way in for a dashboard from a file."""
    name = made["name"]
    with st.expander("Take it along: dashboard, data, code"):
        with st.container(horizontal=True):
            share.button(
                "Dashboard as HTML, works offline",
                f"{name}.html",
                "text/html",
                lambda: feature_page(feature_view(made)),
            )
            share.button("Dashboard as JSON", f"{name}.json", "application/json", lambda: _json(made))
            share.button(
                "JSON as Neuronpedia has it", f"{name}-neuronpedia.json", "application/json",
                lambda: _json(feature_json(made)),
            )  # fmt: skip
        st.caption("The Python that reproduces it")
        st.code(
            share.load_code(bench) + f"hookscope.show_feature(model, {sae.name!r}, {made['feature']})",
            language="python",
        )
    exchange_set.show(bench, sae, made)
    exchange_open.show(sae)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode(errors="replace")
