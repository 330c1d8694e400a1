"""Interventions on every page, and the ablate and patching pages: what a reader is told, and what bad input brings."""

import re

import numpy as np
import pytest

import hookscope
from interp_core.ablation import ABLATED_PARTS, ABLATION_KINDS, AblationPlan, ablate_each
from interp_core.jobs import finish
from interp_core.metrics import METRIC_KINDS, Metric
from interp_core.patching import DIRECTIONS, HEAD_SITES, SWEEP_SITES
from interp_core.prompts import Prompt
from interp_core.types import Run
from pages.ui import answers, schemas
from pages.ui.patching import controls
from tests.pages.test_attention_views import picture, words

TEXT, OTHER = "and @ went home", "and # went home"


@pytest.fixture(scope="module")
def letters(tiny):
    """Two texts of one token each."""
    return tiny.tokenizer.str_tokens([40, 41])


def metric_link(letters):
    return {"answers": letters[0], "foils": letters[1]}


def test_the_choices_of_the_url_are_those_of_the_techniques():
    assert tuple(answers.METRICS) == METRIC_KINDS
    assert tuple(controls.SITES) == SWEEP_SITES
    assert schemas.HEAD_SITES == HEAD_SITES
    for name, options in (("part", ABLATED_PARTS), ("kind", ABLATION_KINDS), ("to", DIRECTIONS)):
        schema = schemas.PATCHING if name == "to" else schemas.ABLATE
        assert [schema[name].parse(option) for option in options] == list(options)


def test_an_intervention_of_the_link_is_in_force_on_every_page_and_set_aside_at_once(visit, tiny):
    plain = picture(visit("prompt", prompt=TEXT), "prompt.view")[1]
    app = visit("prompt", prompt=TEXT, do="zero mlp_out L1")
    changed = picture(app, "prompt.view")[1]
    assert "zero mlp_out L1" in words(app)
    assert not np.array_equal(plain["loss"], changed["loss"], equal_nan=True)
    aside = visit("prompt", prompt=TEXT, do="zero mlp_out L1", clean="1")
    assert np.array_equal(picture(aside, "prompt.view")[1]["loss"], plain["loss"], equal_nan=True)
    assert "Clean run" in words(aside)
    patterns = [
        picture(visit("attention", prompt=TEXT, layer="2", **extra), "picture.layer")[1]["levels"]
        for extra in ({}, {"do": "zero mlp_out L1"})
    ]
    assert not np.array_equal(*patterns)


def test_interventions_are_switched_removed_cleared_and_had_back(visit):
    app = visit("prompt", prompt=TEXT, do="zero mlp_out L1|zero z L0 H1")
    app.sidebar.toggle[0].set_value(False).run()
    assert app.query_params["do"] == "off zero mlp_out L1|zero z L0 H1"
    next(b for b in app.sidebar.button if b.key.startswith("do.remove.1")).click().run()
    assert app.query_params["do"] == "off zero mlp_out L1"
    app.button("do.undo").click().run()
    assert app.query_params["do"] == "off zero mlp_out L1|zero z L0 H1"
    app.button("do.clear").click().run()
    assert "do" not in app.query_params
    app.button("do.undo").click().run()
    assert app.query_params["do"] == "off zero mlp_out L1|zero z L0 H1"
    assert not app.exception


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zero z L9", "there is no layer 9"),
        ("zero z L1 P77", "there is no position 77"),
        ("patch z L1 from:a", "do not correspond"),
        ("zero nothing", "no hook point"),
        ("add z L1 vector:absent", "no stored vector"),
    ],
)
def test_one_that_does_not_fit_is_said_and_the_others_stay_in_force(visit, text, sentence):
    app = visit("prompt", prompt=TEXT, do=f"{text}|zero mlp_out L1")
    assert not app.exception
    assert sentence in words(app)
    assert "Not applied" in words(app)
    one = picture(visit("prompt", prompt=TEXT, do="zero mlp_out L1"), "prompt.view")[1]["loss"]
    assert np.array_equal(picture(app, "prompt.view")[1]["loss"], one, equal_nan=True)


def test_a_link_whose_interventions_cannot_be_read_is_said(visit):
    app = visit("prompt", prompt=TEXT, do="explode z")
    assert not app.exception
    assert "is no intervention" in words(app)


def test_the_form_adds_one_and_keeps_what_is_wrong(visit):
    app = visit("prompt", prompt=TEXT)
    app.button("form.show").click().run()
    app.text_input("form.layers").set_value("7").run()
    app.button("form.add").click().run()
    assert "there is no layer 7" in words(app)
    assert app.text_input("form.layers").value == "7"
    app.text_input("form.layers").set_value("1").run()
    app.text_input("form.heads").set_value("2").run()
    app.button("form.add").click().run()
    assert app.query_params["do"] == "zero z L1 H2"
    app.text_input("form.text").set_value("scale mlp_post L0 U3 x2").run()
    assert app.query_params["do"] == "zero z L1 H2|scale mlp_post L0 U3 x2"
    assert not app.exception


@pytest.mark.parametrize("part", ABLATED_PARTS)
@pytest.mark.parametrize("kind", ABLATION_KINDS)
def test_every_part_is_ablated_in_every_way(visit, tiny, letters, part, kind):
    app = visit("ablate", prompt=TEXT, part=part, kind=kind, **metric_link(letters))
    assert not app.exception
    assert not app.error
    if part == "head":
        run = Run(tiny.spec, tiny.tokenizer.tokenise(Prompt(TEXT)).ids)
        made = finish(ablate_each(tiny, run, Metric("logit_difference", (40,), (41,)), AblationPlan(part, kind)))
        assert np.allclose(picture(app, "picture.ablate")[1]["values"], made.effect, atol=1e-5)


def test_a_head_of_the_sweep_is_ablated_isolated_and_frozen(visit, letters):
    link = {"prompt": TEXT, "layer": "1", "head": "2", **metric_link(letters)}
    for button, expected in (
        ("ablate.add", "zero z L1 H2"),
        ("ablate.alone", "zero z L1 H2 others"),
        ("ablate.freeze", "freeze z L1 H2"),
    ):
        app = visit("ablate", **link)
        app.button(button).click().run()
        assert app.query_params["do"] == expected
        assert not app.exception
        assert "KL divergence after" in "".join(metric.label for metric in app.metric)


@pytest.mark.parametrize("site", SWEEP_SITES)
@pytest.mark.parametrize("to", DIRECTIONS)
def test_every_site_is_swept_in_both_directions(visit, tiny, letters, site, to):
    app = visit(
        "patching", prompt=TEXT, corrupted=OTHER, site=site, to=to, scale="raw", layer="1", **metric_link(letters)
    )
    assert not app.exception
    assert not app.error
    assert re.search(r"(\d+) of \1 cells are exact", words(app))
    made = hookscope.patch(
        tiny, TEXT, OTHER, site, by_position=site in schemas.STREAM_SITES, direction=to,
        layer=1 if site == "mlp_post" else None, answers=[letters[0]], foils=[letters[1]],
    )  # fmt: skip
    if site != "mlp_post":
        key = "picture.patching.positions" if site in schemas.STREAM_SITES else "picture.patching.heads"
        assert np.allclose(picture(app, key)[1]["values"], made.score, atol=1e-5)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"corrupted": "and # went home again"}, "Patching compares position by position"),
        ({"corrupted": TEXT}, "the same tokens"),
        ({"corrupted": " "}, "There is no corrupted prompt"),
        ({"answers": "several tokens of it"}, "It must be one token"),
        ({"foils": "="}, "both answer and foil"),
        ({"answers": ""}, "has no answer"),
    ],
)
def test_what_cannot_be_patched_is_said(visit, letters, link, sentence):
    both = {"prompt": TEXT, "corrupted": OTHER, **metric_link(letters), **link}
    if both["foils"] == "=":
        both["foils"] = both["answers"]
    app = visit("patching", **both)
    assert not app.exception
    assert sentence in words(app)


def test_a_cell_is_added_as_an_intervention_from_the_corrupted_prompt(visit, letters):
    app = visit("patching", prompt=TEXT, corrupted=OTHER, site="z", layer="1", head="2", **metric_link(letters))
    app.button("patching.add").click().run()
    assert app.query_params["do"] == "patch z L1 H2 from:and%20%23%20went%20home"
    assert not app.exception
    assert "Not applied" not in words(app)


def test_swapping_the_prompts_swaps_answers_and_foils(visit, letters):
    app = visit("patching", prompt=TEXT, corrupted=OTHER, **metric_link(letters))
    app.button("patching.swap").click().run()
    assert app.query_params["prompt"] == OTHER
    assert app.query_params["corrupted"] == TEXT
    assert app.query_params["answers"] == letters[1]
    assert not app.exception
