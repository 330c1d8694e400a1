"""The user's hook functions on the pages: listed, applied, shown, and off where others can reach the app."""

import pytest
import streamlit as st
from streamlit import config

from interp_core.user_hooks import library
from pages.ui.hook_functions import is_loopback
from tests.pages.conftest import words
from tests.pages.test_attention_views import picture

GOOD = '''from hookscope import hook

@hook("z", heads=[1])
def no_head(activation, hook):
    """Zero head 1."""
    return activation * 0

@hook("blocks.1.hook_mlp_out", "resid_pre")
def twice(activation, hook):
    return activation * 2
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_HOOKS", str(tmp_path))
    (tmp_path / "mine.py").write_text(GOOD, encoding="utf-8")
    yield tmp_path
    library.refuse("off again")


@pytest.fixture
def address():
    before = st.get_option("server.address")
    yield lambda value: config.set_option("server.address", value)
    config.set_option("server.address", before)


def said(app):
    return words(app).replace("\\", "")


def label(app):
    return [one.label for one in app.sidebar.expander]


def test_functions_are_listed_applied_and_switched_off(visit, folder):
    app = visit("prompt", prompt="When Mary and John went")
    assert "Your hook functions (2)" in label(app)
    assert "Zero head 1. At z; heads 1." in said(app)
    before = picture_of_predictions(app)
    app.button(key="hooks.add.mine.no_head").click().run()
    assert app.query_params["do"] == "hook fn:mine.no_head" or app.query_params["do"] == ["hook fn:mine.no_head"]
    assert "Under :orange-badge[hook mine.no_head]" in said(app)
    assert app.button(key="hooks.add.mine.no_head").disabled
    after = picture_of_predictions(app)
    assert after != before
    (switch,) = (one for one in app.toggle if one.key.startswith("do.0."))
    switch.set_value(False).run()
    assert picture_of_predictions(app) == before
    assert not app.error
    assert not app.exception


def picture_of_predictions(app):
    return [frame.value.to_json() for frame in app.dataframe] or said(app)


def test_a_changed_file_changes_every_page(visit, folder, tiny):
    app = visit("prompt", prompt="When Mary", do="hook fn:mine.no_head")
    before = picture_of_predictions(app)
    (folder / "mine.py").write_text(GOOD.replace("* 0", "* 0.5 + 1"), encoding="utf-8")
    app.run()
    assert picture_of_predictions(app) != before
    assert not app.error


def test_an_error_is_shown_with_file_and_line_and_hurts_nothing_else(visit, folder):
    (folder / "broken.py").write_text("x = 1\nx = x +\n", encoding="utf-8")
    app = visit("prompt", prompt="When Mary")
    assert "Your hook functions (2), 1 with problems" in label(app)
    assert "broken.py, line 2: Loading broken.py raised SyntaxError" in said(app)
    (folder / "mine.py").write_text(GOOD.replace("activation * 0\n", "activation[99]\n"), encoding="utf-8")
    app = visit("prompt", prompt="When Mary", do="hook fn:mine.no_head")
    assert "mine.py, line 6: mine.no_head at blocks.0.attn.hook_z raised IndexError" in said(app)
    assert not app.exception
    (switch,) = (one for one in app.toggle if one.key.startswith("do.0."))
    switch.set_value(False).run()
    assert not app.error


def test_a_link_with_a_function_that_is_not_here_is_said(visit, folder):
    app = visit("prompt", prompt="When Mary", do="hook fn:theirs.secret")
    assert "There is no hook function 'theirs.secret' here" in said(app)
    assert not app.exception


@pytest.mark.parametrize(
    ("bound", "reason"),
    [("0.0.0.0", "server.address is '0.0.0.0'"), ("", "any address"), ("192.168.1.5", "192.168.1.5")],
)
def test_they_are_off_where_other_machines_reach_the_app(visit, folder, address, bound, reason):
    (folder / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n" + GOOD, encoding="utf-8")
    address(bound)
    app = visit("prompt", prompt="When Mary", do="hook fn:mine.no_head")
    assert not [one for one in label(app) if "hook functions" in one]
    assert "Not applied" in said(app)
    assert reason in said(visit("settings"))
    assert not (folder / "ran").exists(), "no code of the folder ran"


@pytest.mark.parametrize("mode", ["hosted", "Hosted", " HOSTED ", "public"])
def test_they_are_off_in_any_mode_but_local(visit, folder, monkeypatch, mode):
    monkeypatch.setenv("HOOKSCOPE_MODE", mode)
    assert f"HOOKSCOPE_MODE is {mode.strip().lower()}" in said(visit("settings"))


def test_they_are_off_without_a_folder(visit, folder, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_MODE", "Local")
    assert f"Folder: {folder}" in said(visit("settings"))
    monkeypatch.delenv("HOOKSCOPE_HOOKS")
    assert "HOOKSCOPE_HOOKS names no folder" in said(visit("settings"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("", False), ("10.0.0.1", False), ("example.org", False), ("127.0.0.1.example.org", False)],
)  # fmt: skip
def test_only_this_machine_s_own_addresses_are_loopback(text, expected):
    assert is_loopback(text) == expected


def test_functions_in_force_stand_on_the_diagram(visit, folder):
    app = visit("architecture", prompt="When Mary", do="hook fn:mine.no_head")
    header, _ = picture(app, "picture.architecture")
    marks = str(header)
    assert "hook mine.no_head" in marks
    assert not app.error


def test_each_point_of_a_function_is_marked_by_the_query_heads_of_its_own(visit, folder):
    (folder / "mine.py").write_text(GOOD.replace('@hook("z",', '@hook("z", "k",'), encoding="utf-8")
    app = visit("architecture", prompt="When Mary", do="hook fn:mine.no_head L0")
    found = {mark["name"]: mark["heads"] for mark in picture(app, "picture.architecture")[0]["marks"]}
    # Key head 1 of two serves the query heads 2 and 3.
    assert found == {"blocks.0.attn.hook_z": [1], "blocks.0.attn.hook_k": [2, 3]}


@pytest.mark.parametrize("body", ["raise ValueError", "while True:\n        pass", "return activation[0]", "syntax ("])
def test_the_diagram_works_whatever_the_function_does(visit, folder, monkeypatch, body):
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", "0.3")
    (folder / "mine.py").write_text(GOOD.replace("return activation * 0\n", body + "\n"), encoding="utf-8")
    app = visit("architecture", prompt="When Mary", do="hook fn:mine.no_head")
    header, _ = picture(app, "picture.architecture")
    assert header["diagrams"]
    assert not app.exception


def test_the_python_that_is_shown_loads_the_folder(visit, folder, tiny):
    app = visit("lens", prompt="When Mary and John", do="hook fn:mine.no_head")
    code = "\n".join(block.value for block in app.code)
    assert f"hookscope.load_hooks({str(folder)!r})" in code
    assert "hookscope.intervene(prompt, 'hook fn:mine.no_head')" in code
