"""Path patching and sets of pairs as pages: what is drawn is what the techniques give, and sweeps stop and go on."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from interp_core.ablation import AblationPlan, ablate_each
from interp_core.errors import JobCancelledError
from interp_core.jobs import Job, finish
from interp_core.metrics import Metric
from interp_core.pair_fit import usable_pairs
from interp_core.pair_sets import PairRow, PairSet
from interp_core.pair_sweeps import sweep_pairs
from interp_core.patching import SweepPlan
from interp_core.path_patching import patch_paths
from interp_core.path_plan import RECEIVER_KINDS, PathPlan, Receiver, Sender
from interp_core.prompt_pairs import PromptPair
from interp_core.prompts import Prompt
from interp_core.types import Progress, Run
from pages.ui import cached, following, pair_results, pair_sets, schemas, waiting
from pages.ui.patching import paths
from pages.ui.text_code import decode_text
from tests.pages.conftest import words
from tests.pages.test_attention_views import picture

CLEAN, CORRUPTED = "a b c a b", "a b d a b"
PAIR = {"prompt": CLEAN, "corrupted": CORRUPTED, "answers": "a", "foils": "b"}
ROWS = (
    PairRow(CLEAN, CORRUPTED, "a", "b"),
    PairRow("b a d b a", "b a c b a", "c", "b"),
    PairRow("a b", "a b", "a", "b"),
)


def run_of(tiny, text=CLEAN):
    return Run(tiny.spec, tiny.tokenizer.tokenise(Prompt(text)).ids)


def metric_of(tiny):
    ids = [tiny.tokenizer.tokenise(Prompt(text, prepend_bos=False)).ids for text in ("a", "b")]
    return Metric("logit_difference", *ids)


def columns(app, key):
    """What a head map shows, with its column of MLPs."""
    header, arrays = picture(app, key)
    return header, arrays["values"].reshape(header["n_layers"], header["n_columns"])


def with_set(visit, page, **link):
    """A page over a set that was uploaded in this session."""
    app = visit(page, **{**PAIR, **link})
    app.session_state["pair_sets.uploaded"] = {
        "uploaded": "mine.csv",
        "set": PairSet(ROWS, ("Row 9: foil is no text.",)),
    }
    app.session_state[f"{page}.set"] = "uploaded"
    app.session_state[f"{page}.over"] = "set"
    return app.run()


def test_an_mlp_that_a_link_names_with_two_heads_is_one_receiver(visit):
    app = visit("patching", **PAIR, view="paths", receivers="mlp.2.0_mlp.2.1")
    assert not app.exception
    assert app.button(key="paths.remove.MLP of layer 2")


def test_no_more_is_added_than_a_link_may_hold():
    field = schemas.PATCHING["receivers"]
    full = tuple(("q", layer, head) for layer in range(8) for head in range(4))

    class Full(dict):
        def set(self, name, value):
            self[name] = value

    state = Full(receivers=full, senders=tuple((layer, None) for layer in range(schemas.MOST_SENDERS)))
    paths.add(state, ("k", 0, 0))
    paths.add_sender(state, (99, None))
    assert field.parse(field.dump(state["receivers"])) == state["receivers"]
    senders = schemas.PATCHING["senders"]
    assert senders.parse(senders.dump(state["senders"])) == state["senders"]


def test_the_kinds_of_receivers_are_those_of_the_technique():
    assert schemas.RECEIVER_KINDS == RECEIVER_KINDS


@pytest.mark.parametrize("text", ["", "logits.1.2", "q", "q.1", "x.1.2", "q.-1.0", "q.1.2.3", "_"])
def test_a_link_with_broken_receivers_is_refused(text):
    with pytest.raises(ValueError, match="receivers"):
        schemas.PATCHING["receivers"].parse(text)


def test_receivers_are_the_same_from_a_link_and_in_it():
    field = schemas.PATCHING["receivers"]
    for receivers in ((("logits", 0, 0),), (("q", 2, 1), ("mlp", 1, 0))):
        assert field.parse(field.dump(receivers)) == receivers


@pytest.mark.parametrize("to", ["denoising", "noising"])
def test_paths_from_every_head_and_mlp_are_drawn(visit, tiny, to):
    app = visit("patching", **PAIR, view="paths", receivers="q.2.1_v.1.0", mlps="frozen", to=to)
    assert not app.error
    assert not app.exception
    plan = PathPlan((Receiver("q", 2, 1), Receiver("v", 1, 0)), "frozen", to)
    made = finish(patch_paths(tiny, PromptPair(run_of(tiny), run_of(tiny, CORRUPTED)), metric_of(tiny), plan))
    header, values = columns(app, "picture.patching.heads")
    np.testing.assert_allclose(values, 1 - made.effect if to == "noising" else made.effect, atol=1e-4)
    assert header["n_columns"] == header["n_heads"] + 1
    assert "hookscope.patch_paths(" in app.code[-1].value


def test_a_sender_becomes_the_receiver(visit):
    app = visit("patching", **PAIR, view="paths", layer="2", head="3")
    app.button(key="paths.feed.k").click().run()
    assert app.query_params["receivers"] == "k.2.1", "heads 2 and 3 share the second key"
    assert not app.error
    app.session_state["patching.mlp"] = True
    app.run()
    app.button(key="paths.feed.mlp").click().run()
    assert app.query_params["receivers"] == "mlp.2.0"


def test_receivers_are_added_and_removed(visit):
    app = visit("patching", **PAIR, view="paths")
    app.selectbox(key="paths.kind").set_value("q").run()
    app.number_input(key="paths.layer").set_value(1).run()
    app.button(key="paths.add").click().run()
    assert app.query_params["receivers"] == "q.1.0"
    app.button(key="paths.remove.L1H0 q").click().run()
    assert "receivers" not in app.query_params
    assert not app.error


def test_a_group_of_senders_shows_what_each_adds_to_it(visit, tiny):
    app = visit("patching", **PAIR, view="paths", senders="1.2_0.mlp")
    assert not app.error
    plan = PathPlan(direction="denoising", group=(Sender(1, 2), Sender(0)))
    made = finish(patch_paths(tiny, PromptPair(run_of(tiny), run_of(tiny, CORRUPTED)), metric_of(tiny), plan))
    _, values = columns(app, "picture.patching.heads")
    np.testing.assert_allclose(values, made.effect - made.group_effect, atol=1e-4)
    assert values[1, 2] == values[0, -1] == 0
    said = " ".join(caption.value for caption in app.caption).replace("\\", "")
    assert f"recovered fraction {made.group_effect:.3f}" in said
    assert "group=[hookscope.Sender(1, 2), hookscope.Sender(0, None)]" in app.code[-1].value


def test_a_clicked_sender_joins_the_group_and_leaves_it(visit):
    app = visit("patching", **PAIR, view="paths", layer="2", head="3")
    app.button(key="paths.in").click().run()
    assert app.query_params["senders"] == "2.3"
    app.number_input(key="paths.sends.layer").set_value(1).run()
    app.segmented_control(key="paths.sends").set_value("MLP").run()
    app.button(key="paths.send").click().run()
    assert app.query_params["senders"] == "2.3_1.mlp"
    app.button(key="paths.out").click().run()
    assert app.query_params["senders"] == "1.mlp"
    app.button(key="paths.unsend.all").click().run()
    assert "senders" not in app.query_params
    assert not app.error


@pytest.mark.parametrize("text", ["", "9", "9.", "x.1", "9.6_", "9.-1", "_".join(f"1.{head}" for head in range(65))])
def test_senders_that_cannot_be_read_are_refused(text):
    with pytest.raises(ValueError, match="senders"):
        schemas.PATCHING["senders"].parse(text)


def test_senders_that_are_not_there_are_said(visit):
    app = visit("patching", **PAIR, view="paths", senders="9.1")
    assert "no sender head 1 of layer 9" in app.error[0].value


@pytest.mark.parametrize(
    ("receivers", "sentence"), [("q.9.0", "no receiver q in layer 9"), ("logits_q.1.0", "come after every other")]
)
def test_receivers_that_cannot_be_are_said(visit, receivers, sentence):
    app = visit("patching", **PAIR, view="paths", receivers=receivers)
    assert sentence in app.error[0].value
    assert not app.exception


@pytest.mark.parametrize(
    ("link", "plan"),
    [
        ({"site": "resid_pre"}, SweepPlan("resid_pre")),
        ({"site": "z"}, SweepPlan("z", False)),
        ({"site": "z", "by_position": "1", "to": "noising"}, SweepPlan("z", True, direction="noising")),
        ({"site": "mlp_post", "layer": "1"}, SweepPlan("mlp_post", False, 1)),
        ({"view": "paths"}, PathPlan(direction="denoising")),
        ({"view": "paths", "senders": "1.2"}, PathPlan(direction="denoising", group=(Sender(1, 2),))),
    ],
)
def test_every_sweep_goes_over_a_set(visit, tiny, link, plan):
    app = with_set(visit, "patching", **link)
    assert not app.exception
    assert not app.error
    pairs, problems = usable_pairs(tiny.tokenizer, ROWS)
    assert (len(pairs), len(problems)) == (2, 1)
    assert "2 of 2 pairs swept" in words(app)
    assert "2 of 4 pairs can be used" in app.warning[0].value
    assert "Row 9: foil is no text." in words(app)
    made = finish(sweep_pairs(tiny, pairs, "logit_difference", plan))
    if plan.axes == ("layer", "pos"):
        np.testing.assert_allclose(picture(app, "picture.patching.positions")[1]["values"], made.mean, atol=1e-4)
        app.segmented_control(key="patching.statistic").set_value("error").run()
        shown = picture(app, "picture.patching.positions")[1]["values"]
        np.testing.assert_allclose(shown, made.standard_error, atol=1e-4)
        app.segmented_control(key="patching.statistic").set_value("pair").run()
        app.selectbox(key="patching.pair").set_value(1).run()
        np.testing.assert_allclose(picture(app, "picture.patching.positions")[1]["values"], made.effects[1], atol=1e-4)
        assert app.query_params["pair"] == "1"
    elif "sender" in plan.axes:
        alone = [made.mean[one.layer, one.head] for one in plan.group] or [0.0]
        np.testing.assert_allclose(columns(app, "picture.patching.heads")[1], made.mean - alone, atol=1e-4)
    assert "hookscope.sweep_pairs(" in app.code[-1].value


@pytest.mark.parametrize("kind", ["zero", "resample"])
def test_an_ablation_goes_over_a_set(visit, tiny, kind):
    app = with_set(visit, "ablate", kind=kind)
    assert not app.error
    pairs, _ = usable_pairs(tiny.tokenizer, ROWS, "clean")
    assert len(pairs) == 3
    made = finish(sweep_pairs(tiny, pairs, "logit_difference", AblationPlan("component", kind)))
    np.testing.assert_allclose(columns(app, "picture.ablate")[1], made.mean, atol=1e-4)
    single = finish(ablate_each(tiny, run_of(tiny), metric_of(tiny), AblationPlan("component", kind)))
    np.testing.assert_allclose(made.effects[0], single.effect, atol=1e-5)


def test_a_set_is_swept_under_the_interventions_unless_the_clean_run_is_asked_for(visit):
    shown = [
        columns(with_set(visit, "ablate", **link), "picture.ablate")[1]
        for link in ({}, {"do": "zero mlp_out L1"}, {"do": "zero mlp_out L1", "clean": "1"})
    ]
    assert not np.allclose(shown[0], shown[1], atol=1e-3)
    np.testing.assert_allclose(shown[0], shown[2], atol=1e-6)


def test_a_set_that_ships_is_swept_on_a_model_that_can_read_it(visit):
    app = visit("ablate", over="set", set="antonyms")
    assert not app.exception
    assert "pairs can be used on this model" in words(app)


def test_a_link_to_an_uploaded_set_says_what_it_lacks(visit):
    app = visit("patching", **PAIR, over="set", set="uploaded")
    assert "a link does not carry them" in app.error[0].value
    assert "There is no pair set 'nothing'" in visit("patching", **PAIR, over="set", set="nothing").warning[0].value


def test_a_file_is_taken_or_refused():
    state = SimpleNamespace(set=lambda name, value: taken.update({name: value}))
    taken, session = {}, {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streamlit.session_state", session)
        for name, content in (
            ("x.jsonl", json.dumps({"clean": "a", "corrupted": "b", "answer": " c"})),
            ("x.csv", "a,b\n1,2\n"),
        ):
            file = io.BytesIO(content.encode())
            file.name = name
            pair_sets._use(state, file)
    assert taken == {"set": "uploaded"}
    assert session["pair_sets.uploaded"]["set"].rows == (PairRow("a", "b", " c"),)
    assert "no header with clean" in session["pair_sets.problem"]


def test_a_pair_goes_to_the_bench(visit):
    app = with_set(visit, "patching", site="z")
    state = {}
    fake = SimpleNamespace(set=state.__setitem__, schema=schemas.PATCHING)
    pair_results._open(fake, ROWS[1])
    assert state == {"prompt": "b a d b a", "corrupted": "b a c b a", "answers": "c", "foils": "b", "over": "prompt"}
    assert "The pairs" in words(app)


class _StoppedJob:
    """A job that another session stopped."""

    state = "cancelled"

    def __init__(self, partial):
        self.progress = SimpleNamespace(partial=partial)

    def join(self):
        pass


def test_a_sweep_that_another_session_stopped_goes_on_from_there(monkeypatch):
    session, partial = {}, SimpleNamespace(complete=False, n=3)
    monkeypatch.setattr("streamlit.session_state", session)
    monkeypatch.setattr("streamlit.rerun", lambda: None)
    monkeypatch.setattr("streamlit.button", lambda *_, **__: None)

    def stopped(*_, **__):
        raise JobCancelledError

    monkeypatch.setattr(following, "wait_for_job", stopped)
    begun = []

    def begin(so_far):
        begun.append(so_far)
        return _StoppedJob(partial)

    for _ in range(2):
        following.go_on(following.follow("x", "key", begin, "Working"), lambda made: made.n, 1)
    assert begun == [None, partial]


def test_a_set_sweep_goes_on_where_it_was_stopped(visit, tiny, monkeypatch):
    asked, submit = [], cached.pairs_job
    monkeypatch.setattr(cached, "pairs_job", lambda *given: asked.append(given) or submit(*given))
    app = with_set(visit, "patching", site="z")
    pairs, _ = usable_pairs(tiny.tokenizer, ROWS, "pairs")
    steps = sweep_pairs(tiny, pairs, "logit_difference", SweepPlan("z", False))
    first = next(step.partial for step in steps if step.partial is not None)
    assert len(first.places) == 1
    app.session_state["patching.set.stopped"] = (asked[-1][1], first)
    app.run()
    assert "Stopped. 1 of 2 pairs swept" in words(app).replace("\\", "")
    app.button(key="patching.set.go").click().run()
    assert asked[-1][-1] is first
    assert "Stopped" not in words(app)


@pytest.mark.parametrize("page", ["prompt", "attention", "lens", "ablate", "patching"])
def test_what_is_selected_on_any_page_can_be_switched_off_there(visit, page):
    app = visit(page, **({} if page in ("prompt", "attention", "lens") else PAIR), layer="1", head="2", pos="1")
    app.button(key="do.off.z").click().run()
    assert not app.exception
    app.toggle(key="do.there").set_value(True).run()
    app.button(key="do.off.mlp_out").click().run()
    assert decode_text(app.query_params["do"]) == "zero z L1 H2|zero mlp_out L1 P1"


def test_a_result_at_hand_does_not_stop_the_job_that_the_page_waits_for(monkeypatch):
    session = {}
    monkeypatch.setattr("streamlit.session_state", session)
    sweep, comparison, question = (Job(key, lambda model: None) for key in ("sweep", "comparison", "question"))
    comparison.done.set()
    session[waiting._WAITED_FOR] = sweep
    sweep.join()
    sweep.leave()
    waiting._let_go_of_another(comparison)
    assert not sweep.unwanted
    waiting._let_go_of_another(question)
    assert sweep.unwanted


def test_a_page_that_took_a_part_may_be_slow_to_ask_again_and_one_that_was_interrupted_may_not(monkeypatch):
    monkeypatch.setattr("streamlit.session_state", {})
    monkeypatch.setattr("interp_core.jobs.time.monotonic", lambda: now)
    now, job = 0.0, Job("survey", lambda model: None)
    job.progress = Progress(0.5, "", "a part")
    job.join()
    assert waiting.wait_for_job(job, "Surveying", enough=lambda part: part == "a part") == "a part"
    now = 50.0
    assert not job.unwanted
    now = 61.0
    assert job.unwanted

    def interrupted(part):
        raise RuntimeError

    job.join()
    with pytest.raises(RuntimeError):
        waiting.wait_for_job(job, "Surveying", show=interrupted)
    now = 62.0
    assert not job.unwanted
    now = 65.0
    assert job.unwanted
