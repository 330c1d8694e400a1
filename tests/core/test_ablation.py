"""Ablation sweeps and run comparison: every number equals whole forward passes under the same intervention."""

import numpy as np
import pytest
import torch

from interp_core.ablation import ABLATION_KINDS, AblationPlan, ablate_each
from interp_core.comparison import compare_runs
from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.models import load_model
from interp_core.types import ModelSpec, Run

TOKENS = (0, 17, 201, 33, 5, 90, 17, 300, 41)
METRIC = Metric("logit_difference", (5,), (9,))
REFERENCES = ("the cat sat", "a dog ran far away")
STANDING = (Intervention.parse("scale mlp_post L0 U3 x2"),)


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox", "llama", "gemma2"])
def loaded(request, tiny_folders):
    return load_model(ModelSpec("folder", f"tiny-{request.param}", device="cpu"), tiny_folders[request.param])


def scored(loaded, specs, metric=METRIC):
    run = Run(loaded.spec, TOKENS, specs)
    clean = Run(loaded.spec, TOKENS, STANDING)
    outputs = [forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, r)).output[0, -1] for r in (run, clean)]
    return float(metric.score(outputs[0][None], outputs[1])[0])


@pytest.mark.parametrize("kind", ABLATION_KINDS)
@pytest.mark.parametrize("part", ["head", "attention", "mlp", "layer"])
def test_every_ablation_equals_a_whole_pass_under_the_intervention(loaded, part, kind):
    plan = AblationPlan(part, kind, () if kind == "zero" else REFERENCES, seed=3)
    made = finish(ablate_each(loaded, Run(loaded.spec, TOKENS, STANDING), METRIC, plan, budget=40))
    assert made.complete
    assert made.score.shape == ((3, 4) if part == "head" else (3,))
    names = {"head": ("z",), "attention": ("attn_out",), "mlp": ("mlp_out",), "layer": ("attn_out", "mlp_out")}[part]
    for cell in ((0, 1), (2, 3)) if part == "head" else ((0,), (1,), (2,)):
        specs = tuple(
            Intervention(
                kind, name, layers=(cell[0],), heads=(cell[1],) if part == "head" else None, sources=plan.references,
                seed=3 if kind == "resample" else 0,
            )
            for name in names
        )  # fmt: skip
        assert made.score[cell] == pytest.approx(scored(loaded, (*STANDING, *specs)), abs=1e-4)
    assert made.clean_score == pytest.approx(scored(loaded, STANDING), abs=1e-5)
    assert np.abs(made.effect).max() > 1e-3


def test_kl_of_an_ablation_is_that_of_the_clean_run_from_the_ablated_one(loaded):
    made = finish(ablate_each(loaded, Run(loaded.spec, TOKENS, STANDING), Metric("kl"), AblationPlan("mlp")))
    expected = scored(loaded, (*STANDING, Intervention.parse("zero mlp_out L1")), Metric("kl"))
    assert made.score[1] == pytest.approx(expected, abs=1e-4)
    assert made.clean_score == pytest.approx(0, abs=1e-6)


def test_a_position_that_is_not_there_is_refused(tiny):
    with pytest.raises(InterpError, match="cannot be read at position 9"):
        finish(ablate_each(tiny, Run(tiny.spec, TOKENS), METRIC, AblationPlan(), read=9))


def test_a_comparison_says_what_two_whole_passes_say(loaded):
    clean, changed = Run(loaded.spec, TOKENS), Run(loaded.spec, TOKENS, (Intervention.parse("zero mlp_out L1"),))
    made = compare_runs(loaded, clean, changed, k=5)
    logs = [
        forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run)).output[0].log_softmax(-1)
        for run in (clean, changed)
    ]
    kl = torch.nn.functional.kl_div(logs[1], logs[0], reduction="none", log_target=True).sum(-1)
    assert np.allclose(made.kl, kl.numpy(), atol=1e-5)
    for loss, log in ((made.clean_loss, logs[0]), (made.changed_loss, logs[1])):
        assert np.isnan(loss[0])
        assert np.allclose(loss[1:], [-log[pos, TOKENS[pos + 1]].item() for pos in range(len(TOKENS) - 1)], atol=1e-5)
    for pos in range(len(TOKENS)):
        ids = made.ids[pos].tolist()
        top = [logs[run][pos].topk(5).indices.tolist() for run in (0, 1)]
        assert ids[:5] == top[0]
        assert set(ids) == set(top[0]) | set(top[1])
        orders = [log[pos].argsort(descending=True).tolist() for log in logs]
        for place, index in enumerate(ids):
            assert made.clean_rank[pos, place] == orders[0].index(index)
            assert made.changed_rank[pos, place] == orders[1].index(index)
            assert made.changed_probability[pos, place] == pytest.approx(logs[1][pos, index].exp().item(), abs=1e-6)


def test_a_run_beside_itself_differs_in_nothing(tiny):
    run = Run(tiny.spec, TOKENS)
    made = compare_runs(tiny, run, run)
    assert not made.kl.any()
    assert np.array_equal(made.clean_rank, made.changed_rank)
