"""The logit lens against the model's own output, its definitions, and TransformerLens' accumulated residual stream."""

import numpy as np
import pytest
import torch

from interp_core.edits import edits_of
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.logit_lens import layer_streams, read_logit_lens
from interp_core.models import load_model
from interp_core.prompts import Prompt
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES
from tests.reference import hooked_transformer

IDS = tuple(np.random.default_rng(3).integers(2, 300, 150).tolist())  # more than one chunk of positions
IOI = "When Mary and John went to the store, John gave a drink to"


def loaded_as(folders, family, processing="compatibility"):
    spec = ModelSpec("folder", f"tiny-{family}", processing=processing, device="cpu")
    return load_model(spec, folders[family])


def model_log_probs(loaded, run):
    edits = edits_of(loaded, run)
    return forward(loaded.model, loaded.tokens(run.tokens), edits).output[0].float().log_softmax(-1).numpy()


@pytest.mark.parametrize("norm", ["recomputed", "frozen"])
@pytest.mark.parametrize("processing", ["raw", "compatibility"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_row_is_the_model_s_own_output(tiny_folders, family, processing, norm):
    loaded = loaded_as(tiny_folders, family, processing)
    run = Run(loaded.spec, IDS)
    found = finish(read_logit_lens(loaded, run, norm=norm, token=17, k=4))
    expected = model_log_probs(loaded, run)
    np.testing.assert_allclose(found.token_probability[-1], np.exp(expected[:, 17]), atol=1e-5)
    np.testing.assert_array_equal(found.top_ids[-1, :, 0], expected.argmax(-1))
    np.testing.assert_allclose(found.top_probability[-1, :, 0], np.exp(expected.max(-1)), atol=1e-5)
    np.testing.assert_allclose(found.kl[-1], 0, atol=1e-6)
    ranks = (expected > expected[:, 17:18]).sum(-1)
    assert (found.token_rank[-1] == ranks).mean() > 0.99  # ties may fall either way in the last bit


@pytest.mark.parametrize("norm", ["recomputed", "frozen"])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_every_row_follows_from_its_definition(tiny_folders, family, norm):
    loaded = loaded_as(tiny_folders, family)
    run = Run(loaded.spec, IDS[:20])
    found = finish(read_logit_lens(loaded, run, norm=norm, token=9))
    streams = layer_streams(loaded, run)
    model = loaded.model
    for row, stream in enumerate(streams):
        with torch.no_grad():
            # The norm is linear but for its scale: x * |final| / |x| has the scale of the final stream.
            read = stream if norm == "recomputed" else stream * _spread(streams[-1], family) / _spread(stream, family)
            normed = model.ln_final(read[None])[0]
            if norm == "frozen":
                bias = model.ln_final(torch.zeros_like(stream)[None])[0]
                normed = (normed - bias) * _spread(stream, family) / _spread(streams[-1], family) + bias
            logits = model.unembed(normed[None])[0]
        cap = 30.0 if family == "gemma2" else None
        logits = logits if cap is None else cap * torch.tanh(logits / cap)
        expected = logits.log_softmax(-1).numpy()
        np.testing.assert_allclose(found.token_probability[row], np.exp(expected[:, 9]), atol=2e-4)
        np.testing.assert_allclose(found.entropy[row], -(np.exp(expected) * expected).sum(-1), atol=5e-3)
        final = model_log_probs(loaded, run)
        np.testing.assert_allclose(found.kl[row], (np.exp(final) * (final - expected)).sum(-1), atol=5e-3)


def _spread(stream, family):
    """What a norm divides by, without the epsilon."""
    centred = stream - stream.mean(-1, keepdim=True) if family == "gpt2" else stream
    return centred.pow(2).mean(-1, keepdim=True).sqrt()


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox"])
def test_rows_agree_with_transformer_lens(tiny_folders, family):
    reference = hooked_transformer(tiny_folders[family])
    loaded = loaded_as(tiny_folders, family)
    found = finish(read_logit_lens(loaded, Run(loaded.spec, IDS[:20]), token=9))
    with torch.no_grad():
        _, cache = reference.run_with_cache(torch.tensor([IDS[:20]]))
        stack = cache.accumulated_resid(layer=-1, incl_mid=False, pos_slice=None)
        scaled = torch.stack([reference.ln_final(stream) for stream in stack])
        expected = reference.unembed(scaled).log_softmax(-1)[:, 0].numpy()
    np.testing.assert_allclose(found.token_probability, np.exp(expected[..., 9]), atol=1e-4)
    np.testing.assert_allclose(found.top_probability[..., 0], np.exp(expected.max(-1)), atol=1e-4)


def test_interventions_are_in_force_in_every_row(tiny):
    change = (Intervention("zero", "attn_out", layers=(1,)),)
    plain = finish(read_logit_lens(tiny, Run(tiny.spec, IDS[:12])))
    changed_run = Run(tiny.spec, IDS[:12], change)
    changed = finish(read_logit_lens(tiny, changed_run, token=5))
    np.testing.assert_array_equal(plain.entropy[:2], changed.entropy[:2])
    assert (plain.entropy[2:] != changed.entropy[2:]).any()
    expected = model_log_probs(tiny, changed_run)
    np.testing.assert_allclose(changed.token_probability[-1], np.exp(expected[:, 5]), atol=1e-5)


@pytest.mark.parametrize("norm", ["recomputed", "frozen"])
def test_an_intervention_on_what_the_final_norm_reads_acts_once_and_in_the_last_row_alone(tiny, norm):
    change = (Intervention.parse("add ln_final.hook_in x4 plus:Love"),)
    plain = finish(read_logit_lens(tiny, Run(tiny.spec, IDS[:12]), norm=norm, token=5))
    run = Run(tiny.spec, IDS[:12], change)
    changed = finish(read_logit_lens(tiny, run, norm=norm, token=5))
    expected = np.exp(model_log_probs(tiny, run)[:, 5])
    np.testing.assert_allclose(changed.token_probability[-1], expected, atol=1e-5)
    assert np.abs(changed.token_probability[-1] - plain.token_probability[-1]).max() > 1e-4
    if norm == "recomputed":
        np.testing.assert_array_equal(changed.token_probability[:-1], plain.token_probability[:-1])


def test_progress_runs_to_its_end_and_leaves_no_hooks(tiny):
    before = tiny.hook_count()
    steps = read_logit_lens(tiny, Run(tiny.spec, IDS))
    fractions = []
    for progress in steps:
        assert tiny.hook_count() == before
        fractions.append(progress.fraction)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert tiny.hook_count() == before


@pytest.mark.default_model
def test_the_default_model_s_last_row_and_its_answer(default_model):
    run = Run(default_model.spec, default_model.tokenizer.tokenise(Prompt(IOI)).ids)
    mary = default_model.tokenizer.tokenise(Prompt(" Mary", prepend_bos=False)).ids[0]
    expected = model_log_probs(default_model, run)
    for norm in ("recomputed", "frozen"):
        found = finish(read_logit_lens(default_model, run, norm=norm, token=mary))
        np.testing.assert_allclose(found.token_probability[-1], np.exp(expected[:, mary]), atol=1e-5)
        assert found.top_tokens[int(found.top_ids[-1, -1, 0])] == " Mary"
        assert found.token_rank[-1, -1] == 0
        assert found.token_rank[5, -1] > 100
