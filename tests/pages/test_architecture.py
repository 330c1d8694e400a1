"""The architecture page as a script: what is sent to the picture, and what bad input brings."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
import streamlit as st

from interp_views.architecture import MOST_DIAGRAMS
from pages.ui import schemas
from pages.ui.architecture import diagram
from tests.architectures import CONFIGS
from tests.conftest import FAMILIES
from tests.pages.test_attention_views import picture, words

EVIL = "<img src=x onerror=alert(1)>"


def header(app) -> dict:
    """What the picture was sent."""
    return picture(app, "picture.architecture")[0]


def names(app) -> list[str]:
    return [one["name"] for one in header(app)["diagrams"]]


def test_the_number_of_models_in_a_link_is_that_of_the_picture():
    assert schemas.MOST_ARCHITECTURES == MOST_DIAGRAMS


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loaded_model_is_drawn(visit, family):
    app = visit("architecture", model=f"folder:tiny-{family}")
    assert not app.exception
    assert not app.error
    assert names(app) == [f"tiny-{family}"]
    assert "How to read this" in [expander.label for expander in app.expander]


def test_others_stand_beside_it_by_name_and_by_configuration(visit):
    app = visit(
        "architecture",
        models="folder:tiny-gpt2|loaded|folder:tiny-gemma2",
        config=json.dumps(CONFIGS["attention_only"]),
    )
    assert not app.exception
    # The loaded model comes first: interventions are its own.
    assert names(app) == ["tiny-llama", "tiny-gpt2", "tiny-gemma2", "this configuration"]


def test_interventions_in_force_stand_on_the_diagram(visit):
    do = "zero z L1 H2|off zero mlp_out L0|zero k L0 H1|zero resid_pre|zero z L2 H0 others|zero embed"
    marks = header(visit("architecture", do=do))["marks"]
    assert [(mark["name"], mark["heads"]) for mark in marks] == [
        ("blocks.1.attn.hook_z", [2]),
        ("blocks.0.attn.hook_k", [2, 3]),  # key head 1 of two serves the query heads 2 and 3
        ("blocks.*.hook_resid_pre", None),
        ("blocks.2.attn.hook_z", [1, 2, 3]),
        ("hook_embed", None),
    ]
    assert marks[0]["label"] == "zero z L1 H2"


def test_the_clean_run_sets_no_mark_aside(visit):
    assert header(visit("architecture", do="zero z L1 H2", clean="1"))["marks"]


def test_another_model_alone_has_no_marks_and_nothing_to_open(visit):
    sent = header(visit("architecture", models="folder:tiny-gpt2", do="zero z L1 H2"))
    assert (sent["marks"], sent["acts"]) == ([], False)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"models": "loaded|folder:nowhere"}, "no readable config"),
        ({"models": "loaded|" + EVIL}, "cannot be a model's name"),
        ({"models": "a|b|c|d|e"}, "it names 5 models and may name 4"),
        ({"models": "gpt2|"}, "it has an empty name"),
        ({"models": ""}, "it has an empty name"),
        ({"models": "loaded|a--b"}, "The hub has no model 'a--b'"),
        ({"models": "loaded|-"}, "The hub has no model '-'"),
        ({"config": "{"}, "cannot be read as JSON"),
        ({"config": json.dumps({**CONFIGS["attention_only"], "n_layers": -1})}, "must be a whole number from 1"),
        ({"config": json.dumps({"n_layers": 2, "d_model": 8, "model_name": EVIL})}, "has no n_heads"),
        ({"layers": "-1"}, "whole number from 0 to 1,000"),
    ],
)
def test_bad_input_brings_a_sentence_and_the_loaded_model(visit, link, message):
    app = visit("architecture", **link)
    assert not app.exception
    assert message in words(app)
    assert names(app) == ["tiny-llama"]


def test_ten_thousand_layers_in_a_configuration_are_drawn(visit):
    app = visit("architecture", models="loaded", config=json.dumps({**CONFIGS["attention_only"], "n_layers": 10_000}))
    assert header(app)["diagrams"][1]["n_layers"] == 10_000


@pytest.fixture
def acting(tiny, monkeypatch):
    """A page's state whose session is a dictionary, and what a click in the picture does to it."""
    session: dict = {}
    monkeypatch.setattr(st, "session_state", session)
    values = {"do": (), "layer": 0, "head": None, "clean": False}

    class State:
        def __getitem__(self, name):
            return values[name]

        def set(self, name, value):
            values[name] = value

    bench = SimpleNamespace(card=tiny.card, spec=tiny.spec)
    return lambda **value: (diagram._act(cast(Any, State()), cast(Any, bench), value), values, session)[1:]


def test_a_head_is_opened_in_attention_and_the_stream_in_the_lens(acting):
    values, session = acting(what="open", layer=1, head=2, part="attn")
    assert (values["layer"], values["head"], session[diagram._GO]) == (1, 2, "pages/attention.py")
    _, session = acting(what="stream", layer=0, head=None, part="resid_pre")
    assert session[diagram._GO] == "pages/lens.py"


@pytest.mark.parametrize(
    ("part", "head", "text"),
    [
        ("attn", 3, "zero z L2 H3"),
        ("attn", None, "zero attn_out L2"),
        ("mlp", None, "zero mlp_out L2"),
        ("resid_mid", None, "zero resid_mid L2"),
    ],
)
def test_what_is_ablated_is_an_intervention(acting, part, head, text):
    values, _ = acting(what="ablate", layer=2, head=head, part=part)
    assert [one.text for one in values["do"]] == [text]


@pytest.mark.parametrize(
    "changes",
    [{"layer": None}, {"layer": 9}, {"layer": "1"}, {"layer": -1}, {"part": EVIL}, {"what": "delete"}, {"what": None}],
)
def test_what_the_browser_makes_up_does_nothing(acting, changes):
    values, session = acting(**{"what": "ablate", "layer": 1, "head": None, "part": "attn", **changes})
    assert values["do"] == ()
    assert diagram._GO not in session
