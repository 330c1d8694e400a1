"""Dashboards taken along and opened again, on the Feature page under AppTest."""

import io
import json
import zipfile
from types import SimpleNamespace

import pytest

from interp_core.exchange.documents import document_json, write_documents
from interp_core.exchange.neuronpedia_rows import feature_json
from interp_core.exchange.opening import open_dashboards
from interp_core.sae.dashboard import feature_document
from interp_core.sae.features import held_sae
from pages.ui.feature import exchange_set
from tests.core.test_saes import D_SAE
from tests.pages.conftest import words
from tests.pages.test_feature_pages import NAME, folder, open_page  # noqa: F401  fixtures


@pytest.fixture
def page(open_page):  # noqa: F811
    return open_page("feature", feature="7")


@pytest.fixture
def document(tiny, folder):  # noqa: F811
    return feature_document(tiny, NAME, 7)


def upload(app, content, name="given.json"):
    app.file_uploader(key="feature.file").set_value((name, content, "application/octet-stream"))
    app.run()
    assert not app.exception
    return "\n".join(str(one.value) for one in app.error).replace("\\", "")


def test_a_dashboard_from_a_file_is_shown_below(page, document, tiny):
    content = document_json({**document, "name": "L1F7", "sae_sha256": held_sae(tiny, NAME).checksum}).encode()
    assert not upload(page, content)
    shown = words(page).replace("\\", "")
    assert "From given.json" in shown
    assert "It is of the SAE on the bench" in shown


def test_neuronpedia_s_json_and_several_dashboards_are_opened_too(page, document):
    assert not upload(page, json.dumps(feature_json(document)).encode(), "<b>[x](http://y)</b>.json")
    shown = words(page)
    assert "does not say of exactly which SAE" in shown.replace("\\", "")
    assert "From <b>[x](http://y)</b>.json" not in shown  # as markup it would be a link
    file = io.BytesIO()
    write_documents([document, {**document, "name": "L1F8"}], file)
    assert not upload(page, file.getvalue(), "two.json")
    choice = page.selectbox(key="feature.file.which")
    assert choice.options == ["L1F7", "L1F8"]
    choice.set_value(1).run()
    assert not page.exception and not page.error


def test_a_file_that_cannot_be_shown_says_why_and_leaves_the_page_whole(page):
    for content, name, sentence in (
        (b"no json", "bad.json", "bad.json cannot be read as JSON"),
        (b"[]", "none.json", "none.json holds no dashboard"),
        (b"PK no zip", "a.zip", "a.zip is no zip that can be read"),
        (b'{"format": "hookscope feature dashboard", "version": 99}', "new.json", "version '99'"),
        (
            b'{"format": "hookscope feature dashboard", "version": 1}',
            "bare.json",
            "a part is missing or of another kind",
        ),
        (b'{"format": NaN}', "nan.json", "no finite number"),
    ):
        assert sentence in upload(page, content, name)
    assert "On any text" in words(page)


def box_of(app):
    (box,) = [one for one in app.text_input if str(one.key).startswith("feature.set.")]
    return box


def test_a_set_is_made_as_a_job_and_holds_its_features_in_three_forms(page, tiny_spec):
    assert box_of(page).value.startswith("7")
    box_of(page).set_value("7, 3-5").run()
    page.button(key="feature.set.make").click().run()
    assert not page.exception and not page.error
    _, packed = page.session_state["feature.set.made"]
    assert "feature.set.wanted" not in page.session_state
    chosen = [7, 3, 4, 5]
    assert [one["feature"] for one in open_dashboards(exchange_set._json(packed))] == chosen
    assert [one["feature"] for one in open_dashboards(exchange_set._neuronpedia(packed, tiny_spec))] == chosen
    with zipfile.ZipFile(io.BytesIO(exchange_set._pages(packed, SimpleNamespace(name=NAME)))) as archive:
        assert sorted(archive.namelist()) == [f"features/{n:05d}-L1F{index}.html" for n, index in enumerate(chosen)] + [
            "index.html"
        ]


def test_a_set_that_cannot_be_says_why(page, monkeypatch):
    for text, sentence in (("x", "'x' is no feature"), (f"0-{D_SAE}", f"0 to {D_SAE - 1}"), ("3,3", "second time")):
        box_of(page).set_value(text).run()
        assert sentence in "\n".join(str(one.value) for one in page.error).replace("\\", "")
    monkeypatch.setattr(exchange_set, "_MOST", 3)
    box_of(page).set_value("0-9").run()
    assert "more than the 3" in "\n".join(str(one.value) for one in page.error)
    assert any("--features 0-9 --out features.zip" in str(one.value) for one in page.code)
    assert not page.exception
