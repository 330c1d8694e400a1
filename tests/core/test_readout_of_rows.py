"""How rows of a sweep are read out: a scale of the logits is taken in, and a few columns are those of the whole."""

import numpy as np
import pytest
import torch

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.models import load_model
from interp_core.partial import final_logits, record_run, unembedding_columns
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.prompt_pairs import PromptPair
from interp_core.types import ModelSpec, Run

CLEAN, CORRUPTED = (0, 17, 201, 33, 5), (0, 17, 201, 7, 5)


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox", "llama", "qwen2", "gemma2"])
def loaded(request, tiny_folders):
    return load_model(ModelSpec("folder", f"tiny-{request.param}", device="cpu"), tiny_folders[request.param])


def recorded(loaded, *interventions):
    run = Run(loaded.spec, CLEAN, interventions)
    return record_run(loaded.model, loaded.tokens(CLEAN), edits_of(loaded, run))


def test_the_stream_that_leaves_the_last_layer_gives_the_models_logits(loaded):
    run = recorded(loaded)
    assert run.factor == 1
    for pos in (0, 4):
        assert torch.allclose(final_logits(run, run.leaving[:, pos], pos)[0], run.logits[pos], atol=1e-4)


def test_a_few_columns_are_those_of_the_whole(loaded):
    run = recorded(loaded)
    columns = unembedding_columns(run, [5, 9])
    assert columns is not None
    whole = final_logits(run, run.leaving[0], 4)
    assert torch.allclose(final_logits(run, run.leaving[0], 4, columns), whole[:, [5, 9]], atol=1e-4)


def test_an_intervention_on_the_unembedding_needs_all_of_it(tiny):
    assert unembedding_columns(recorded(tiny, Intervention("zero", "unembed.hook_in")), [5]) is None
    assert unembedding_columns(recorded(tiny, Intervention("zero", "mlp_out")), [5]) is not None


def test_a_logit_scale_of_the_architecture_is_taken_in(tiny_folders, monkeypatch):
    loaded = load_model(ModelSpec("folder", "tiny-llama", device="cpu"), tiny_folders["llama"])
    pair = PromptPair(Run(loaded.spec, CLEAN), Run(loaded.spec, CORRUPTED))
    metric, plan = Metric("logit_difference", (5,), (9,)), SweepPlan("resid_pre")
    plain = finish(patch_sweep(loaded, pair, metric, plan, preview=False))
    own = type(loaded.model).forward
    monkeypatch.setattr(type(loaded.model), "forward", lambda *args, **options: 0.25 * own(*args, **options))
    scaled = finish(patch_sweep(loaded, pair, metric, plan, preview=False))
    assert np.allclose(scaled.score, 0.25 * plain.score, atol=1e-5)
    assert np.allclose(scaled.effect, plain.effect, atol=1e-3)


def test_a_readout_that_is_not_known_is_refused(tiny_folders, monkeypatch):
    loaded = load_model(ModelSpec("folder", "tiny-llama", device="cpu"), tiny_folders["llama"])
    own = type(loaded.model).forward
    monkeypatch.setattr(type(loaded.model), "forward", lambda *args, **options: own(*args, **options) ** 3)
    pair = PromptPair(Run(loaded.spec, CLEAN), Run(loaded.spec, CORRUPTED))
    with pytest.raises(InterpError, match="does not read its logits"):
        finish(patch_sweep(loaded, pair, Metric("logit_difference", (5,), (9,)), SweepPlan(), preview=False))
