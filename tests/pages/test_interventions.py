"""Interventions, ablation and patching as pages: what is in force, what is refused, and what a reader is told."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from interp_core.ablation import ABLATED_PARTS, ABLATION_KINDS, AblationPlan, ablate_each
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import METRIC_KINDS, Metric
from interp_core.patching import DIRECTIONS, HEAD_SITES, SWEEP_SITES, SweepPlan, patch_sweep
from interp_core.prompt_pairs import PromptPair
from interp_core.prompts import Prompt
from interp_core.types import Run
from pages.ui import cached, following, schemas
from pages.ui.ablate import sweep as ablate_sweep
from pages.ui.answers import METRICS
from pages.ui.patching import code, controls, pictures, tables
from pages.ui.text_code import decode_text
from tests.core.test_saes import write_sae
from tests.pages.test_attention_views import picture, words

CLEAN, CORRUPTED = "a b c a b", "a b d a b"
LINK = {"prompt": CLEAN, "answers": "a", "foils": "b"}
PAIR = {**LINK, "corrupted": CORRUPTED}
ZERO = "zero z L1 H2"
PARTS = {"component": 15, "attention": 3, "layer": 3}
"""What the ablate page goes over, and how many of it the tiny model has."""


def run_of(tiny, text: str = CLEAN) -> Run:
    return Run(tiny.spec, tiny.tokenizer.tokenise(Prompt(text)).ids)


def metric_of(tiny) -> Metric:
    answer, foil = (tiny.tokenizer.tokenise(Prompt(text, prepend_bos=False)).ids[0] for text in "ab")
    return Metric("logit_difference", (answer,), (foil,))


def in_link(app: AppTest) -> list[str]:
    """The interventions in the URL."""
    if "do" not in app.query_params:
        return []
    value = app.query_params["do"]
    return decode_text(value if isinstance(value, str) else value[0]).split("|")


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)


def levels(app: AppTest) -> np.ndarray:
    return picture(app, "picture.layer")[1]["levels"]


def test_the_choices_of_the_url_are_those_of_the_techniques():
    assert schemas.STREAM_SITES + schemas.HEAD_SITES + ("mlp_post",) == SWEEP_SITES
    assert tuple(controls.SITES) == SWEEP_SITES
    assert schemas.HEAD_SITES == HEAD_SITES
    assert tuple(METRICS) == METRIC_KINDS
    for part in PARTS:
        assert part in ABLATED_PARTS
        assert schemas.ABLATE["part"].parse(part) == part
    for kind in ABLATION_KINDS:
        assert schemas.ABLATE["kind"].parse(kind) == kind
    for direction in DIRECTIONS:
        assert schemas.PATCHING["to"].parse(direction) == direction


def test_an_intervention_of_a_link_is_in_force_until_the_clean_run_is_asked_for(visit):
    plain = levels(visit("attention", prompt=CLEAN, layer="2"))
    app = visit("attention", prompt=CLEAN, layer="2", do="zero resid_pre L1 P1")
    assert "zero resid_pre L1 P1" in words(app)
    assert (levels(app) != plain).any()
    app.segmented_control(key="url.clean").set_value(True).run()
    assert "Clean run" in words(app)
    assert "set aside" in words(app)
    assert "clean" in app.query_params
    assert (levels(app) == plain).all()


def test_the_chip_stands_on_every_page_of_a_run(visit):
    for page in ("prompt", "attention", "lens", "ablate", "patching"):
        app = visit(page, do=ZERO, **LINK)
        assert not app.exception
        assert f"Under :orange-badge[{ZERO}]" in words(app)


def test_the_prompt_page_shows_the_changed_losses(visit):
    def losses(**link: str) -> np.ndarray:
        app = visit("prompt", prompt=CLEAN, **link)
        return picture(app, "prompt.view")[1]["loss"]

    changed, clean = losses(do="zero resid_pre L1"), losses(do="zero resid_pre L1", clean="1")
    np.testing.assert_array_equal(clean, losses())
    assert (changed[1:] != clean[1:]).all()


def test_the_ablate_page_compares_with_the_clean_run(visit, tiny):
    app = visit("ablate", do="zero resid_pre L1", **LINK)
    assert [metric.label for metric in app.metric] == [
        "KL divergence after 9: 'b'" if len(run_of(tiny).tokens) == 10 else app.metric[0].label,
        "Mean loss of the prompt",
        "Largest KL divergence",
    ]
    assert float(app.metric[0].value.split()[0]) > 0
    app.segmented_control(key="url.clean").set_value(True).run()
    assert len(app.metric) == 3, "the comparison stays, whatever is shown"
    assert "Nothing is changed yet" in words(visit("ablate", **LINK))


def test_interventions_are_switched_off_removed_cleared_and_had_back(visit):
    app = visit("ablate", do=f"{ZERO}|scale mlp_out L0 x2", **LINK)
    app.toggle(key=f"do.0.True.{ZERO}").set_value(False).run()
    assert in_link(app) == [f"off {ZERO}", "scale mlp_out L0 x2"]
    assert f":orange-badge[{ZERO}]" not in words(app)
    app.button(key="do.remove.1.scale mlp_out L0 x2").click().run()
    assert in_link(app) == [f"off {ZERO}"]
    app.button(key="do.clear").click().run()
    assert in_link(app) == []
    assert "None: the model runs as it is." in words(app)
    for expected in ([f"off {ZERO}"], [f"off {ZERO}", "scale mlp_out L0 x2"], [ZERO, "scale mlp_out L0 x2"]):
        app.button(key="do.undo").click().run()
        assert in_link(app) == expected
    assert "do.undo" not in [one.key for one in app.button]


def test_the_form_adds_one_and_keeps_what_was_typed_when_it_is_wrong(visit):
    app = visit("prompt", prompt=CLEAN)
    app.button(key="form.show").click().run()
    app.selectbox(key="form.point").set_value("z").run()
    app.text_input(key="form.layers").set_value("99")
    app.text_input(key="form.heads").set_value("2")
    app.button(key="form.add").click().run()
    assert "there is no layer 99. The last one is 2." in words(app)
    assert app.text_input(key="form.layers").value == "99"
    assert in_link(app) == []
    app.text_input(key="form.layers").set_value("x")
    app.button(key="form.add").click().run()
    assert "'x' is no list of numbers" in words(app)
    app.text_input(key="form.layers").set_value("1")
    app.button(key="form.add").click().run()
    assert in_link(app) == [ZERO]
    assert not app.error
    app.text_input(key="form.text").set_value("explode z").run()
    assert "is no intervention" in app.error[0].value
    app.text_input(key="form.text").set_value("scale blocks.0.mlp.hook_post U3 x2").run()
    assert in_link(app) == [ZERO, "scale mlp_post L0 U3 x2"]
    app.button(key="form.close").click().run()
    assert "form.add" not in [one.key for one in app.button]


def test_the_form_of_every_action_opens_and_says_what_is_lacking_or_adds(visit):
    app = visit("prompt", prompt=CLEAN)
    app.button(key="form.show").click().run()
    for point in ("resid_pre", "q_input", "mlp_in", "result"):
        app.selectbox(key="form.point").set_value(point).run()
        assert ("form.heads" in [one.key for one in app.text_input]) == (point in ("q_input", "result"))
        assert ("Each" in words(app) or "each head" in words(app)) == (point in ("q_input", "result"))
    app.selectbox(key="form.point").set_value("mlp_in").run()
    for count, action in enumerate(("mean", "resample", "freeze", "scale", "patch", "add")):
        app.selectbox(key="form.action").set_value(action).run()
        app.button(key="form.add").click().run()
        assert not app.exception
        if action in ("patch", "add"):
            assert ("nothing to patch from" if action == "patch" else "no vector") in words(app)
            app.text_area(key="form.sources").set_value(CORRUPTED)
            app.button(key="form.add").click().run()
        assert len(in_link(app)) == count + 1
        assert in_link(app)[-1].startswith(f"{action} mlp_in")
        app.text_area(key="form.sources").set_value("") if action in ("patch", "add") else None
    assert not app.exception


def test_those_that_do_not_fit_are_said_and_the_others_are_in_force(visit):
    refused = {
        "zero z L99": "there is no layer 99",
        "zero z L1 H9": "there is no head 9",
        "zero resid_pre L1 P400": "no position 400",
        "patch resid_pre L1 from:a": "do not correspond",
        "zero nowhere L1": "no hook point 'nowhere'",
        "zero attn_in L1": "several query heads share a key and value head",
        "add z L1 vector:absent": "no stored vector",
    }
    app = visit("prompt", do="|".join([*refused, ZERO]), prompt=CLEAN)
    assert not app.exception
    said = [caption.value for caption in app.caption if "Not applied." in caption.value]
    assert len(said) == len(refused)
    for sentence, caption in zip(refused.values(), said, strict=True):
        assert sentence in caption
    assert f"Under :orange-badge[{ZERO}]" in words(app)
    assert in_link(app) == [*refused, ZERO]
    one = picture(visit("prompt", do=ZERO, prompt=CLEAN), "prompt.view")[1]["loss"]
    np.testing.assert_array_equal(picture(app, "prompt.view")[1]["loss"], one)


@pytest.mark.parametrize("broken", ["explode z", "~zgarbage", "zero z <b>"])
def test_a_broken_list_of_a_link_is_said_and_left_out(visit, broken):
    app = visit("prompt", do=broken)
    assert not app.exception
    assert "cannot be used" in app.warning[0].value
    assert "None: the model runs as it is." in words(app)


def test_a_source_prompt_is_shown_as_text(visit):
    app = visit("ablate", do="patch resid_pre L1 P1 from:%3Cimg%20src%3Dx%3E%20![x](http://evil.example/x)", **LINK)
    assert not app.exception
    assert "<img" not in "".join(element.value for element in app.markdown)


def test_the_sweep_shows_the_recovered_fractions_of_the_technique(visit, tiny):
    app = visit("patching", **PAIR)
    assert not app.error
    header, arrays = picture(app, "picture.patching.positions")
    made = finish(
        patch_sweep(tiny, PromptPair(run_of(tiny), run_of(tiny, CORRUPTED)), metric_of(tiny), SweepPlan("resid_pre"))
    )
    np.testing.assert_allclose(arrays["values"], made.effect, atol=1e-4)
    assert "recovered fraction" in str(header)
    assert f"{made.score.size} of {made.score.size} cells are exact" in words(app)
    assert "Gradient's estimate" not in words(app)


@pytest.mark.parametrize("site", SWEEP_SITES)
def test_every_site_is_swept_in_both_directions(visit, tiny, site):
    pair = PromptPair(run_of(tiny), run_of(tiny, CORRUPTED))
    for direction, by_position in (("denoising", True), ("noising", site in schemas.STREAM_SITES)):
        link = {"site": site, "to": direction, "by_position": str(int(by_position)), "scale": "raw", "layer": "1"}
        app = visit("patching", **PAIR, **link)
        assert not app.exception
        assert not app.error
        assert re.search(r"(\d+) of \1 cells are exact", words(app))
        if site in schemas.STREAM_SITES or (site in HEAD_SITES and not by_position):
            plan = SweepPlan(site, by_position, direction=direction)
            made = finish(patch_sweep(tiny, pair, metric_of(tiny), plan))
            key = "picture.patching.positions" if site in schemas.STREAM_SITES else "picture.patching.heads"
            np.testing.assert_allclose(picture(app, key)[1]["values"], made.score, atol=1e-4)


def test_neurons_are_a_table_ordered_by_effect(visit):
    app = visit("patching", **PAIR, site="mlp_post", layer="1")
    table = app.dataframe[-1].value
    assert next(iter(table.columns)) == "neuron"
    assert table["exact"].all()
    assert (np.diff(table.iloc[:, 1].abs()) <= 1e-9).all()
    assert "of layer 1 with the largest effect" in words(app)


def test_what_cannot_be_patched_is_said_in_a_sentence(visit):
    for changes, sentence in (
        ({"corrupted": "a b"}, "Patching compares position by position"),
        ({"corrupted": CLEAN}, "are the same tokens, so there is nothing to patch"),
        ({"corrupted": " "}, "There is no corrupted prompt"),
        ({"answers": "zqzq"}, "'zqzq' is 4 tokens of this model"),
        ({"answers": ""}, "The metric has no answer"),
        ({"foils": "a"}, "both answer and foil"),
        ({"foils": "a|zqzq"}, "The foil 'zqzq' is 4 tokens"),
        ({"metric": "kl", "do": "zero ln_final.hook_normalized"}, ""),
        ({"do": "zero unembed"}, ""),
        ({"do": "zero resid_pre L2"}, "so there is no effect to recover"),
    ):
        app = visit("patching", **{**PAIR, **changes})
        assert not app.exception
        assert sentence in "".join(error.value for error in app.error).replace("\\", "")


def test_prompts_and_answers_are_swapped_together(visit):
    app = visit("patching", **PAIR)
    assert "The prompt in the bar on top is the clean prompt" in words(app)
    app.button(key="patching.swap").click().run()
    assert app.text_area(key="url.prompt").value == CORRUPTED
    assert app.text_area(key="patching.corrupted").value == CLEAN
    assert app.text_input(key="patching.answers").value == "b"
    assert not app.error


def test_a_selected_cell_becomes_an_intervention(visit):
    app = visit("patching", **PAIR, layer="1", pos="3")
    button(app, "Add as intervention").click().run()
    assert in_link(app) == ["patch resid_pre L1 P3 from:a%20b%20d%20a%20b"]
    assert not app.exception


def test_a_stopped_sweep_keeps_what_there_is_and_goes_on_when_asked(visit, tiny, monkeypatch):
    cancelled, stopped, asked, submit = [], {}, [], cached.sweep_job
    monkeypatch.setattr(cached, "sweep_job", lambda *given: asked.append(given) or submit(*given))
    app = visit("patching", **PAIR)
    key, pair, metric, plan, so_far = asked[-1]
    assert so_far is None
    first = next(patch_sweep(tiny, pair, metric, plan)).partial
    asked.clear()
    job = SimpleNamespace(progress=SimpleNamespace(partial=first), cancel=lambda: cancelled.append(True))
    with monkeypatch.context() as patched:
        patched.setattr("streamlit.session_state", stopped)
        following._stop("patching", key, job)
    assert cancelled
    app.session_state["patching.stopped"] = stopped["patching.stopped"]
    app.run()
    assert "Stopped. Clean" in words(app)
    assert "Stopped before all values were exact" in words(app)
    assert not asked
    button(app, "Go on").click().run()
    assert asked[-1][-1] is first
    assert "Stopped" not in words(app)
    assert "Gradient's estimate" not in words(app)


def test_places_from_the_browser_are_checked():
    values = {}
    state = SimpleNamespace(set=values.__setitem__)
    pictures.select(state, "x", head=None, pos=[1])
    assert values == {"mlp": False}
    pictures.select(state, 1, head=2, pos=3)
    assert values == {"layer": 1, "head": 2, "pos": 3, "mlp": False}
    bench = SimpleNamespace(card=SimpleNamespace(n_layers=3, n_heads=4))
    for wrong in (
        {"layer": 9, "head": 0},
        {"layer": "1", "head": 0},
        {"layer": 0, "head": "4"},
        {"layer": 0, "head": 4},
        {},
    ):
        values.clear()
        ablate_sweep._select(state, bench, wrong)
        assert values == {}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_ablated_in_every_way(visit, part):
    for kind in ABLATION_KINDS:
        app = visit("ablate", **LINK, part=part, kind=kind)
        assert not app.exception
        assert not app.error
        assert f"{PARTS[part]} of {PARTS[part]} parts ablated." in words(app)


def test_the_map_holds_the_changes_of_the_technique(visit, tiny):
    app = visit("ablate", **LINK)
    made = finish(ablate_each(tiny, run_of(tiny), metric_of(tiny), AblationPlan("component")))
    drawn = picture(app, "picture.ablate")[1]["values"]
    np.testing.assert_allclose(drawn.ravel(), made.effect.ravel(), atol=1e-4)


def test_a_selected_part_becomes_an_intervention(visit):
    head = {"layer": "1", "head": "2"}
    for link, label, expected in (
        (head, "Ablate it (zero)", ["zero z L1 H2"]),
        ({**head, "kind": "mean"}, "Ablate it (mean)", ["mean z L1 H2"]),
        ({**head, "kind": "resample", "seed": "7"}, "Ablate it (resample)", ["resample z L1 H2 seed:7"]),
        (head, "Isolate it", ["zero z L1 H2 others"]),
        (head, "Freeze it", ["freeze z L1 H2"]),
        ({"layer": "1", "mlp": "1"}, "Ablate it (zero)", ["zero mlp_out L1"]),
        ({"layer": "1", "part": "attention"}, "Ablate it (zero)", ["zero attn_out L1"]),
        ({"layer": "1", "part": "layer"}, "Ablate it (zero)", ["zero attn_out L1", "zero mlp_out L1"]),
    ):
        app = visit("ablate", **LINK, **link)
        button(app, label).click().run()
        assert in_link(app) == expected
        assert not app.exception
        assert "on top of the interventions in force" in words(app)


def test_an_ablation_that_is_already_there_is_switched_on_and_not_added_twice(visit):
    app = visit("ablate", **LINK, layer="1", head="2", do=f"off {ZERO}")
    button(app, "Ablate it (zero)").click().run()
    assert in_link(app) == [ZERO]


def test_tables_name_every_place(tiny):
    pair, metric = PromptPair(run_of(tiny), run_of(tiny, CORRUPTED)), metric_of(tiny)
    str_tokens = tiny.tokenizer.tokenise(Prompt(CLEAN)).str_tokens
    for plan in (SweepPlan("resid_pre"), SweepPlan("z", False), SweepPlan("mlp_post", True, 1)):
        made = finish(patch_sweep(tiny, pair, metric, plan))
        table = tables.sweep_table(made, str_tokens)
        assert len(table) == made.score.size
        assert set(plan.axes) <= set(table.columns)
        np.testing.assert_allclose(table["recovered_fraction"], made.effect.ravel())
    made = finish(ablate_each(tiny, run_of(tiny), metric, AblationPlan("layer")))
    assert list(ablate_sweep._table(made).columns) == ["layer", "metric (logits)", "change (logits)", "computed"]


def test_a_cell_without_its_head_is_no_intervention(tiny):
    state = {"head": None, "pos": 1, "unit": None, "layer": 1, "corrupted": CORRUPTED}
    assert code.as_intervention(state, SweepPlan("z"), Prompt(CLEAN)) is None
    made = code.as_intervention({**state, "head": 2}, SweepPlan("z"), Prompt(CLEAN))
    assert made == Intervention("patch", "z", (1,), (2,), (1,), sources=(CORRUPTED,))


def test_the_form_acts_on_features_of_the_saes_that_the_model_has(visit, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path))
    app = visit("prompt", prompt=CLEAN)
    app.button(key="form.show").click().run()
    assert "form.feature" not in app.session_state
    write_sae(tmp_path / "one", tiny)
    write_sae(tmp_path / "other", tiny, model_name="gpt2")
    app.run()
    app.radio(key="form.feature").set_value(True).run()
    assert app.selectbox(key="form.sae").options == ["folder:one"]
    assert "It reads resid_post of layer 1." in words(app)
    app.button(key="form.add").click().run()
    assert "no feature is named" in words(app)
    app.text_input(key="form.units").set_value("40")
    app.button(key="form.add").click().run()
    assert "has no feature 40. The last one is 39." in words(app)
    app.text_input(key="form.units").set_value("3")
    for action in ("zero", "scale", "set", "add"):
        app.selectbox(key="form.feature_action").set_value(action).run()
        app.button(key="form.add").click().run()
    app.number_input(key="form.add_exactly").set_value(-75.5)
    app.text_input(key="form.positions").set_value("2")
    app.button(key="form.add").click().run()
    assert not app.exception
    assert in_link(app) == [
        "zero sae:folder:one U3", "scale sae:folder:one U3 x2", "set sae:folder:one U3 x5", "add sae:folder:one U3 x5",
        "add sae:folder:one P2 U3 x-75.5",
    ]  # fmt: skip
    assert "set F3 of folder:one to 5" in words(app).replace("\\", "")


def test_the_strength_of_an_intervention_is_a_slider(visit):
    app = visit("prompt", do="scale mlp_out L1 x2")
    slider = next(one for one in app.slider if one.label == "Strength")
    assert slider.value == 2
    slider.set_value(3.0).run()
    assert any("x3" in str(one.label) for one in app.toggle)
    assert not app.exception
