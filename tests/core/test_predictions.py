"""Loss, rank and top-k against Hugging Face and against their definitions."""

import numpy as np
import pytest
import torch

from interp_core.models import load_model, load_reference
from interp_core.parity import probe_prompts
from interp_core.predictions import predict
from interp_core.prompts import Prompt
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES

IOI = "When Mary and John went to the store, John gave a drink to"


@torch.no_grad()
def reference_log_probs(reference, ids):
    return reference(torch.tensor([ids]), use_cache=False).logits[0].float().log_softmax(-1).numpy()


@pytest.mark.parametrize("processing", ["raw", "compatibility"])
@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_top_k_equal_hugging_face(tiny_folders, family, processing):
    spec = ModelSpec("folder", f"tiny-{family}", processing=processing, device="cpu")
    loaded = load_model(spec, tiny_folders[family])
    reference = load_reference(tiny_folders[family], torch.float32)
    for text in probe_prompts():
        ids = loaded.tokenizer.tokenise(Prompt(text)).ids
        found = predict(loaded, Run(spec, ids), k=5)
        expected = reference_log_probs(reference, ids)
        np.testing.assert_allclose(found.loss[1:], -expected[np.arange(len(ids) - 1), ids[1:]], atol=1e-4)
        np.testing.assert_allclose(np.log(found.top_probability), -np.sort(-expected)[:, :5], atol=1e-4)


def test_position_0_has_no_loss_and_no_rank(tiny, tiny_spec):
    found = predict(tiny, Run(tiny_spec, (4, 5, 6)))
    assert np.isnan(found.loss[0])
    assert found.rank[0] == -1
    assert np.isnan(predict(tiny, Run(tiny_spec, (4,))).mean_loss)


def test_rank_0_is_the_likeliest_token(tiny, tiny_spec):
    first = predict(tiny, Run(tiny_spec, (4, 5, 6)))
    best, second = first.top_ids[1, :2].tolist()
    assert predict(tiny, Run(tiny_spec, (4, 5, best))).rank[2] == 0
    assert predict(tiny, Run(tiny_spec, (4, 5, second))).rank[2] == 1


def test_a_long_prompt_in_pieces_gives_what_one_piece_gives(tiny, tiny_spec, monkeypatch):
    run = Run(tiny_spec, tuple(range(2, 102)))
    whole = predict(tiny, run)
    monkeypatch.setattr("interp_core.predictions._ROWS", 7)
    pieces = predict(tiny, run)
    np.testing.assert_array_equal(whole.loss, pieces.loss)
    np.testing.assert_array_equal(whole.top_ids, pieces.top_ids)
    np.testing.assert_array_equal(whole.rank, pieces.rank)


def test_predicting_nothing_twice_is_bit_equal(tiny, tiny_spec):
    run = Run(tiny_spec, (4, 5, 6, 7))
    np.testing.assert_array_equal(predict(tiny, run).loss, predict(tiny, run).loss)


@pytest.mark.default_model
@pytest.mark.parametrize(("prepend_bos", "low", "high"), [(True, 0.83, 0.84), (False, 0.91, 0.93)])
def test_mary_gets_the_drink(default_model, prepend_bos, low, high):
    ids = default_model.tokenizer.tokenise(Prompt(IOI, prepend_bos=prepend_bos)).ids
    found = predict(default_model, Run(default_model.spec, ids))
    assert found.top_tokens[int(found.top_ids[-1, 0])] == " Mary"
    assert low < found.top_probability[-1, 0] < high


@pytest.mark.default_model
def test_repeated_random_tokens_are_copied(default_model):
    source = torch.Generator().manual_seed(0)
    first = torch.randint(100, 40_000, (60,), generator=source).tolist()
    found = predict(default_model, Run(default_model.spec, (default_model.tokenizer.bos_id, *first, *first)))
    assert found.loss[1:61].mean() > 12
    assert found.loss[62:].mean() < 4
