"""Pages under AppTest, on a tiny model and the real engine."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

APP = str(Path(__file__).parent.parent.parent / "app.py")


@pytest.fixture(autouse=True)
def fresh_caches(tiny_folders):
    st.cache_resource.clear()


@pytest.fixture
def visit(tiny_folders) -> Callable[..., AppTest]:
    """Open a page as a link would: `visit("prompt", layer="1")`; the model is tiny unless the link says otherwise."""

    def open_link(page: str, /, **link: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        for name, value in {"model": "folder:tiny-llama", **link}.items():
            app.query_params[name] = value
        if page != "home":
            app.switch_page(f"pages/{page}.py")
        return app.run()

    return open_link


def words(app: AppTest) -> str:
    """Everything that a reader sees as text."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info, app.text)
    return "\n".join(str(element.value) for kind in kinds for element in kind)
