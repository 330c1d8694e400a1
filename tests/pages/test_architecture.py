"""The architecture page as a script: what is sent to the picture, and what bad input brings."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import streamlit as st

import hookscope
from interp_core import architecture_sources
from interp_core.architecture_sources import architecture_of
from interp_core.user_hooks import library
from interp_views.architecture import MOST_DIAGRAMS, MOST_MARKS
from pages.ui import cached, schemas
from pages.ui.architecture import data, diagram
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


EVERYWHERE = """from hookscope import hook

@hook("blocks.*")
def {name}(activation, hook):
    return activation
"""


@pytest.fixture
def everywhere(tmp_path, monkeypatch):
    """Twenty hook functions that act at every point of every layer; texts of interventions that apply the first so many."""
    monkeypatch.setenv("HOOKSCOPE_HOOKS", str(tmp_path))
    for index in range(20):
        (tmp_path / f"f{index}.py").write_text(EVERYWHERE.format(name="all"), encoding="utf-8")
    yield lambda count, layers="": "|".join(f"hook fn:f{index}.all{layers}" for index in range(count))
    library.refuse("off again")


def test_a_function_that_acts_in_every_layer_is_one_mark_a_point(visit, everywhere, tiny):
    marks = [mark["name"] for mark in header(visit("architecture", do=everywhere(1)))["marks"]]
    assert marks
    assert len(set(marks)) == len(marks)
    assert len(marks) == len([point for point in tiny.hook_points if point.layers])
    assert all(name.startswith("blocks.*.") for name in marks)


def test_layers_that_are_all_named_are_one_mark(visit):
    marks = header(visit("architecture", do="zero z L0-2 H1|zero mlp_out L1-2"))["marks"]
    assert [(mark["name"], mark["heads"]) for mark in marks] == [
        ("blocks.*.attn.hook_z", [1]),
        ("blocks.1.hook_mlp_out", None),
        ("blocks.2.hook_mlp_out", None),
    ]


def test_marks_beyond_what_the_picture_has_room_for_are_counted(visit, everywhere, tiny):
    app = visit("architecture", do=everywhere(20, " L0-1"))
    assert not app.exception
    places = 20 * 2 * len([point for point in tiny.hook_points if point.layers])
    assert places > MOST_MARKS
    assert len(header(app)["marks"]) == MOST_MARKS
    assert (
        f"stand in {places:,} places, and {MOST_MARKS} can be marked: the last {places - MOST_MARKS:,} are left"
        in words(app)
    )


def code(app) -> str:
    """The Python that reproduces the picture."""
    return next(one.value for one in app.code if "hookscope.architecture(" in one.value)


def test_the_code_names_the_models_in_the_order_in_which_they_are_drawn(visit, monkeypatch):
    config = json.dumps(CONFIGS["attention_only"])
    app = visit(
        "architecture", models="folder:tiny-gpt2|folder:nowhere|loaded", config=config, do="zero z L1 H2", layers="2"
    )
    assert code(app) == (
        f"import json\n\nimport hookscope\n\nhookscope.architecture('folder:tiny-llama', 'folder:tiny-gpt2', "
        f"json.loads({config!r}), max_layers=2, hooks=[\n"
        "    ('blocks.1.attn.hook_z', 'zero z L1 H2', {'heads': [2]}),\n])"
    )
    made: list = []
    monkeypatch.setattr(hookscope, "architecture", lambda *described, **_: made.extend(described))
    exec(code(app), {})
    assert [architecture_of(one).name for one in made] == names(app)


def test_a_configuration_that_does_not_fit_is_said_and_is_not_in_the_code(visit):
    models = "folder:tiny-gpt2|folder:tiny-gemma2|folder:tiny-qwen2|loaded"
    app = visit("architecture", models=models, config=json.dumps(CONFIGS["attention_only"]))
    assert names(app) == ["tiny-llama", "tiny-gpt2", "tiny-gemma2", "tiny-qwen2"]
    assert "4 models fit side by side" in words(app)
    assert "json" not in code(app)


def test_a_folder_whose_configuration_changes_is_drawn_anew(visit, copy_of_tiny):
    path = copy_of_tiny / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    app = visit("architecture", models="folder:broken")
    assert header(app)["diagrams"][0]["n_layers"] == config["num_hidden_layers"]
    path.unlink()
    assert "no readable config" in words(app.run())
    changed = {**config, "num_hidden_layers": 9, "layer_types": None}
    path.write_text(json.dumps(changed), encoding="utf-8")
    assert header(app.run())["diagrams"][0]["n_layers"] == 9


def test_the_loaded_model_s_description_is_that_of_its_revision(tiny, monkeypatch):
    monkeypatch.setattr(cached, "loaded", lambda spec: model)
    drawn = []
    for revision, n_layers in (("first", 3), ("second", 9)):
        document = {"n_layers": n_layers}
        model = SimpleNamespace(document=lambda document=document: document)
        monkeypatch.setattr(architecture_sources, "architecture_of", lambda model: model)
        bench = SimpleNamespace(spec=tiny.spec, card=replace(tiny.card, revision=revision))
        drawn.append(data._document(data.LOADED, cast(Any, bench))["n_layers"])
    assert drawn == [3, 9]


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
