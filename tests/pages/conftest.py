"""Pages under AppTest, on a tiny model and the real engine."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from interp_core import models
from interp_core.types import ModelSpec
from pages.ui import cached

APP = str(Path(__file__).parent.parent.parent / "app.py")


@pytest.fixture(scope="session", autouse=True)
def installed_once():
    """AppTest looks through all installed packages at every run, a quarter of a second; they stay what they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture(scope="session")
def resident(tiny_folders) -> dict[ModelSpec, models.LoadedModel]:
    """Models that were loaded, kept for the tests to come: a load takes longer than most of them."""
    return {}


@pytest.fixture(autouse=True)
def fresh_caches(tiny_folders, resident, monkeypatch):
    """An engine for each test that knows nothing yet, and does nothing any more when the test is over."""
    load = models.load_model

    def load_once(spec: ModelSpec, folder: Path, report: models.Report = lambda _: None) -> models.LoadedModel:
        if folder not in tiny_folders.values() and spec.source != "default":
            return load(spec, folder, report)
        if spec not in resident:
            resident[spec] = load(spec, folder, report)
        found = resident[spec]
        found.edits.clear()
        found.saes.clear()
        found.readout = None
        return found

    monkeypatch.setattr(models, "load_model", load_once)
    st.cache_resource.clear()
    yield
    for lane in cached.engine().lanes():
        for job in list(lane._active):
            job.cancel()
            assert job.done.wait(60)
        lane.close()


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
