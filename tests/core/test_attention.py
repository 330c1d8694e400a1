"""Attention patterns against Hugging Face, and layers that run again."""

import numpy as np
import pytest
import torch

from interp_core.attention import LivePatterns, PatternShape, layer_patterns
from interp_core.attention_survey import LEVEL_BYTES, pool_for, survey_attention
from interp_core.errors import InterpError, JobCancelledError
from interp_core.models import load_model, load_reference
from interp_core.prompts import Prompt
from interp_core.replay import LayerInputs, replay_layer
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES
from tests.patterns import all_patterns

TEXT = "The small brown fox crossed the frozen river. The small brown fox crossed the frozen"


@torch.no_grad()
def reference_patterns(reference, ids):
    return torch.stack(reference(torch.tensor([ids]), output_attentions=True).attentions)[:, 0].numpy()


@pytest.mark.parametrize("processing", ["raw", "compatibility"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_equals_hugging_face_and_runs_again_with_the_same_bits(tiny_folders, family, processing):
    spec = ModelSpec("folder", f"tiny-{family}", processing=processing, device="cpu")
    loaded = load_model(spec, tiny_folders[family])
    run = Run(spec, loaded.tokenizer.tokenise(Prompt(TEXT)).ids)
    found = all_patterns(loaded, run)
    reference = reference_patterns(load_reference(tiny_folders[family], torch.float32), run.tokens)
    np.testing.assert_allclose(found, reference, atol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    assert not np.triu(found, 1).any()
    inputs = survey_attention(loaded, run).inputs
    for layer in (2, 0, 1):
        np.testing.assert_array_equal(layer_patterns(loaded, run, inputs, layer), found[layer])
    np.testing.assert_array_equal(layer_patterns(loaded, run, inputs, 1, [2]), found[1, [2]])


def test_a_layer_that_runs_again_on_other_inputs_gives_other_patterns(tiny, tiny_spec):
    """The identity above could hold for a replay that ignored its inputs."""
    run, other = Run(tiny_spec, tuple(range(2, 30))), Run(tiny_spec, tuple(range(40, 68)))
    inputs = survey_attention(tiny, other).inputs
    assert np.abs(layer_patterns(tiny, run, inputs, 2) - all_patterns(tiny, run)[2]).max() > 0.01


def test_nothing_is_left_behind_by_a_survey_or_by_one_that_is_stopped(tiny, tiny_spec):
    hooks = tiny.hook_count()
    run = Run(tiny_spec, tuple(range(2, 30)))
    survey_attention(tiny, run)
    assert tiny.hook_count() == hooks

    def stop(layer: int) -> None:
        if layer == 1:
            raise JobCancelledError

    tiny.on_layer = stop
    with pytest.raises(JobCancelledError):
        survey_attention(tiny, run)
    tiny.on_layer = None
    assert tiny.hook_count() == hooks


def test_a_pass_that_is_only_watched_ends_before_the_unembedding(tiny, tiny_spec):
    seen = []
    handle = tiny.model.unembed.register_forward_pre_hook(lambda *_: seen.append(1))
    LivePatterns(tiny, Run(tiny_spec, (0, 5, 6))).walk(lambda *_: None)
    handle.remove()
    assert not seen


def test_one_token_attends_to_itself(tiny, tiny_spec):
    assert all_patterns(tiny, Run(tiny_spec, (0,))).tolist() == [[[[1.0]]] * 4] * 3


def test_a_survey_is_within_half_a_step_of_255_and_pools_by_the_maximum(tiny, tiny_spec):
    run = Run(tiny_spec, tuple(np.random.default_rng(0).integers(2, 300, 200).tolist()))
    truth = all_patterns(tiny, run)
    survey = survey_attention(tiny, run)
    rows, columns = np.tril_indices(200)
    assert survey.pool == 1
    assert np.abs(survey.levels / 255 - truth[:, :, rows, columns]).max() <= 0.5 / 255 + 1e-6
    assert survey.present.all()
    assert survey.complete


def test_pooled_cells_hold_the_largest_of_their_weights(monkeypatch, tiny, tiny_spec):
    monkeypatch.setattr("interp_core.attention_survey.MOST_SIDE", 64)
    run = Run(tiny_spec, tuple(np.random.default_rng(0).integers(2, 300, 190).tolist()))
    truth = np.zeros((3, 4, 192, 192), np.float32)
    truth[:, :, :190, :190] = all_patterns(tiny, run)
    survey = survey_attention(tiny, run)
    assert survey.pool == 3
    pooled = truth.reshape(3, 4, 64, 3, 64, 3).max((3, 5))
    rows, columns = np.tril_indices(64)
    assert np.abs(survey.levels / 255 - pooled[:, :, rows, columns]).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("n_pos", [1, 15, 130, 512, 2048, 8192, 131_072])
@pytest.mark.parametrize(("n_layers", "n_heads"), [(3, 4), (30, 9), (12, 12), (80, 64)])
def test_pooled_patterns_are_bounded_however_long_the_prompt(n_pos, n_layers, n_heads):
    pool = pool_for(PatternShape(n_layers, n_heads, n_pos))
    side = -(-n_pos // pool)
    assert side <= 512
    assert n_layers * n_heads * side * (side + 1) // 2 <= 1.02 * LEVEL_BYTES
    assert pool == 1 or -(-n_pos // (pool - 1)) > side  # no more than needed


def test_value_norms_are_those_of_the_key_value_head_that_a_query_head_shares(tiny, tiny_spec):
    run = Run(tiny_spec, tuple(range(2, 30)))
    survey = survey_attention(tiny, run)
    name = "blocks.1.attn.hook_v"
    values = replay_layer(tiny.model, survey.inputs, 1, keep=[name])[name][0]
    expected = np.sqrt((values.numpy() ** 2).sum(-1))
    for head in range(4):
        np.testing.assert_allclose(survey.value_norms[1, head], expected[:, head // 2], rtol=1e-5)


def test_a_layer_without_attention_is_said_so(tiny, tiny_spec):
    with pytest.raises(InterpError, match="Layer 7 of tiny-llama"):
        layer_patterns(tiny, Run(tiny_spec, (4, 5)), LayerInputs(), 7)


@pytest.mark.default_model
def test_the_default_model_s_patterns_equal_hugging_face(default_model, default_folder):
    ids = default_model.tokenizer.tokenise(Prompt(TEXT)).ids
    found = all_patterns(default_model, Run(default_model.spec, ids))
    expected = reference_patterns(load_reference(default_folder, torch.float32), ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
