"""Pair sets: what ships works on the default model, what is uploaded is read or said, and sweeps over pairs add up."""

import json

import numpy as np
import pytest

from interp_core.ablation import AblationPlan
from interp_core.errors import BatchError, InterpError
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.pair_fit import usable_pairs
from interp_core.pair_sets import PairRow, read_pairs, read_shipped, shipped_sets
from interp_core.pair_sweeps import need_of, sweep_pairs
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.prompts import Prompt
from interp_core.types import Run

NAMES = ("agreement", "antonyms", "capitals", "greater-than", "indirect-object", "induction", "pronouns")


def test_seven_sets_ship():
    assert tuple(shipped_sets()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_pair_can_be_used_and_the_default_model_tells_its_prompts_apart(default_model, name):
    rows = read_shipped(name).rows
    assert len(rows) >= 30
    pairs, problems = usable_pairs(default_model.tokenizer, rows)
    assert not problems
    assert len(pairs) == len(rows)
    for pair in pairs[:: max(1, len(pairs) // 8)]:
        scores = [
            float(logits[pair.answer] - logits[pair.foil])
            for tokens in (pair.clean, pair.corrupted)
            for logits in [forward(default_model.model, default_model.tokens(tokens)).output[0, -1]]
        ]
        assert scores[0] > 0.4
        assert scores[0] - scores[1] > 0.4


def test_rows_are_read_from_csv_and_json_lines_and_what_is_wrong_is_said():
    made = read_pairs(b'clean,corrupted,answer,foil\na b,a c, d, e\nx,,y,\n"q, r",s, t,\n', "csv")
    assert made.rows == (PairRow("a b", "a c", " d", " e"), PairRow("q, r", "s", " t", ""))
    assert made.problems == ("Line 3: corrupted is missing or is no text.",)
    made = read_pairs(b'{"clean": "a", "corrupted": "b", "answer": " c"}\nnothing\n[1]\n', "jsonl")
    assert made.rows == (PairRow("a", "b", " c"),)
    assert made.problems == ("Line 2 is no JSON object.", "Line 3 is no JSON object.")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (" Clean;CORRUPTED ;answer;foil\na b;a c; d;\n\na;b\n", "csv"),
        ("clean\tcorrupted\tanswer\na b\ta c\t d\n\na\tb\t\n", "csv"),
        (
            '{"clean": "a b", "corrupted": "a c", "answer": " d", "foil": null}\n\n{"clean": "a", "corrupted": "b"}\n',
            "jsonl",
        ),
    ],
)
def test_files_as_other_programs_write_them_are_read_and_lines_are_named_as_they_stand(content, kind):
    made = read_pairs(content.encode(), kind)
    assert made.rows == (PairRow("a b", "a c", " d"),)
    assert [problem.partition(":")[0] for problem in made.problems] == [f"Line {content.count(chr(10))}"]


def test_other_ends_of_lines_may_stand_in_a_prompt():
    text = "a\u2028b\u0085c"
    made = read_pairs(
        json.dumps({"clean": text, "corrupted": "b", "answer": " c"}, ensure_ascii=False).encode(), "jsonl"
    )
    assert made.rows == (PairRow(text, "b", " c"),)


def test_a_question_that_comes_again_counts_once_where_the_clean_prompt_alone_is_used(tiny):
    rows = (PairRow("a b", "a c", "a", "b"), PairRow("a b", "a d", "a", "b"), PairRow("a b", "a d", "a", "c"))
    found, problems = usable_pairs(tiny.tokenizer, rows, "clean")
    assert [pair.row for pair in found] == [rows[0], rows[2]]
    assert problems == ["Pair 2: the same prompt, answer and foil as pair 1, which counts once here."]
    assert len(usable_pairs(tiny.tokenizer, rows, "pairs")[0]) == 3


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (b"", "csv", "no header with clean"),
        (b"\xff", "csv", "not UTF-8"),
        (b"clean,answer\na,b\n", "csv", "no header with corrupted: it names clean, answer"),
        (b"{}", "jsonl", "no usable pair"),
        (b"0" * (6 * 1024 * 1024), "jsonl", "the limit is"),
    ],
)
def test_a_file_without_pairs_is_refused(content, kind, sentence):
    with pytest.raises(BatchError, match=sentence):
        read_pairs(content, kind)


def test_a_set_that_does_not_ship_is_named():
    with pytest.raises(BatchError, match=r"no pair set '\.\./x'"):
        read_shipped("../x")


def test_rows_that_cannot_be_used_are_reported(tiny):
    rows = (
        PairRow("and @ went", "and # went", "a", "b"),
        PairRow("and @ went", "and # went again", "a", "b"),
        PairRow("and @ went", "and @ went", "a", "b"),
        PairRow("and @ went", "and # went", "a", "a"),
        PairRow("and @ went", "and # went", "a b c", "b"),
        PairRow("and", "the", "a", "b"),
    )
    found, problems = usable_pairs(tiny.tokenizer, rows)
    lengths = [len(tiny.tokenizer.tokenise(Prompt(row.clean)).ids) for row in rows]
    assert lengths[0] != lengths[5]
    assert [pair.row for pair in found] == [rows[0]]
    assert [problem.split(":")[0] for problem in problems] == [f"Pair {number}" for number in range(2, 7)]
    assert "Both prompts need the same number" in problems[0]
    assert "same tokens" in problems[1]
    assert "answer and foil" in problems[2]
    assert "must be one token" in problems[3]


def test_the_mean_over_pairs_is_the_mean_of_their_sweeps(tiny):
    rows = (PairRow("and @ went", "and # went", "a", "b"), PairRow("and # came", "and @ came", "c", "d"),
            PairRow("and @ came", "and # came", "a", "d"))  # fmt: skip
    pairs, problems = usable_pairs(tiny.tokenizer, rows)
    assert len(pairs) == 3, problems
    plan = SweepPlan("z", False)
    made = finish(sweep_pairs(tiny, pairs, "logit_difference", plan))
    single = [
        finish(
            patch_sweep(
                tiny,
                PromptPair(Run(tiny.spec, pair.clean), Run(tiny.spec, pair.corrupted)),
                Metric("logit_difference", (pair.answer,), (pair.foil,)),
                plan,
            )
        ).effect
        for pair in pairs
    ]
    assert np.allclose(made.effects, single, atol=1e-5)
    assert np.allclose(made.mean, np.mean(single, 0), atol=1e-5)
    assert np.allclose(made.standard_error, np.std(single, 0, ddof=1) / np.sqrt(3), atol=1e-5)
    assert made.places == (0, 1, 2)


def test_no_pair_at_all_is_said(tiny):
    with pytest.raises(InterpError, match="No pair of the set"):
        finish(sweep_pairs(tiny, [], "logit_difference", SweepPlan()))


def test_what_must_have_the_same_length_depends_on_the_sweep(tiny):
    rows = (PairRow("a b c", "a b d", "a", "b"), PairRow("a b", "a c", "a", "b"), PairRow("a b c", "a", "a", "c"))
    assert [len(usable_pairs(tiny.tokenizer, rows, need)[0]) for need in ("positions", "pairs", "clean")] == [1, 2, 3]
    assert [need_of(plan) for plan in (SweepPlan("resid_pre"), SweepPlan("z", False), PathPlan(), AblationPlan())] == [
        "positions", "pairs", "pairs", "clean",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "plan", [SweepPlan("resid_pre"), PathPlan(), AblationPlan("component")], ids=lambda plan: plan.axes[1]
)
def test_a_stopped_sweep_over_pairs_goes_on_with_those_that_are_left(tiny, plan):
    rows = tuple(PairRow(f"a {x} c", f"a {y} c", "a", "b") for x, y in ("bd", "db", "cd", "dc"))
    pairs, problems = usable_pairs(tiny.tokenizer, rows)
    assert not problems
    whole = finish(sweep_pairs(tiny, pairs, "logit_difference", plan))
    steps = sweep_pairs(tiny, pairs, "logit_difference", plan)
    so_far = next(step.partial for step in steps if step.partial is not None and len(step.partial.places) == 2)
    assert not so_far.complete
    steps.close()
    rest = sweep_pairs(tiny, pairs, "logit_difference", plan, so_far=so_far)
    assert next(rest).note == "pair 3 of 4"
    made = finish(rest)
    assert made.complete
    assert made.places == whole.places == (0, 1, 2, 3)
    assert np.array_equal(made.effects, whole.effects)
    assert np.array_equal(made.clean_scores, whole.clean_scores)


def test_pairs_without_an_effect_and_those_that_an_intervention_does_not_fit_are_left_out(tiny):
    rows = (PairRow("a b c d", "a c c d", "a", "b"), PairRow("a b", "a c", "a", "b"))
    pairs, _ = usable_pairs(tiny.tokenizer, rows, "pairs")
    at_four = (Intervention("zero", "mlp_out", layers=(0,), positions=(3,)),)
    made = finish(sweep_pairs(tiny, pairs, "logit_difference", SweepPlan("z", False), at_four))
    assert made.places == (0,)
    assert made.complete
    assert made.left_out[0][0] == 1
    assert "position" in made.left_out[0][1]
    same = (Intervention("zero", "resid_post", layers=(tiny.card.n_layers - 1,)),)
    with pytest.raises(InterpError, match="No pair of the set shows an effect"):
        finish(sweep_pairs(tiny, pairs, "logit_difference", SweepPlan("z", False), same))
