"""Queries and keys: their products make the model's own scores, in every family."""

import numpy as np
import pytest

from interp_core.attention_survey import survey_attention
from interp_core.models import load_model
from interp_core.query_key import query_key
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES
from tests.patterns import all_patterns

IDS = tuple(np.random.default_rng(0).integers(2, 300, 40).tolist())


@pytest.fixture(scope="module", params=FAMILIES)
def looked(request, tiny_folders):
    spec = ModelSpec("folder", f"tiny-{request.param}", device="cpu")
    loaded = load_model(spec, tiny_folders[request.param])
    run = Run(spec, IDS)
    return loaded, run, survey_attention(loaded, run).inputs


@pytest.mark.parametrize("query", [0, 7, 39])
def test_the_sum_of_products_is_the_score_and_its_softmax_the_pattern(looked, query):
    loaded, run, inputs = looked
    for layer in range(loaded.card.n_layers):
        patterns = all_patterns(loaded, run)[layer]
        for head in range(loaded.card.n_heads):
            found = query_key(loaded, run, inputs, layer, head, query)
            product = found.scale * (found.k * found.q).sum(-1)
            if found.soft_cap is not None:
                product = found.soft_cap * np.tanh(product / found.soft_cap)
            seen = np.isfinite(found.scores)
            np.testing.assert_allclose(product[seen], found.scores[seen], atol=2e-5, rtol=1e-4)
            assert not found.bias.any()
            weights = np.exp(found.scores - found.scores[seen].max())
            np.testing.assert_allclose(weights / weights.sum(), found.pattern, atol=1e-6)
            np.testing.assert_allclose(found.pattern, patterns[head, query, : query + 1], atol=1e-6)


def test_a_sliding_window_masks_what_lies_before_it(looked):
    loaded, run, inputs = looked
    masked = [
        layer
        for layer in range(loaded.card.n_layers)
        if np.isinf(query_key(loaded, run, inputs, layer, 0, 39).scores).any()
    ]
    if loaded.card.name != "tiny-gemma2":
        assert masked == []
        return
    assert 0 < len(masked) < loaded.card.n_layers  # Gemma 2 alternates
    scores = query_key(loaded, run, inputs, masked[0], 0, 39).scores
    assert np.isinf(scores[: 40 - 16]).all()
    assert np.isfinite(scores[40 - 16 :]).all()


def test_query_heads_share_key_heads_in_order(looked):
    loaded, run, inputs = looked
    shared = [query_key(loaded, run, inputs, 1, head, 9).key_head for head in range(loaded.card.n_heads)]
    group = loaded.card.n_heads // loaded.card.n_key_value_heads
    assert shared == [head // group for head in range(loaded.card.n_heads)]


@pytest.mark.default_model
def test_the_default_model_s_scores(default_model):
    run = Run(default_model.spec, (1, 500, 600, 700, 500))
    inputs = survey_attention(default_model, run).inputs
    found = query_key(default_model, run, inputs, 18, 6, 4)
    np.testing.assert_allclose(found.scale * (found.k @ found.q), found.scores, atol=1e-4)
    assert found.rotary_pairs[0].tolist() == [0, 32]
    assert found.key_head == 2
    # Undoing the rotation of a pair keeps its length: rotary embeddings only turn.
    assert found.rotary_pairs.shape == (32, 2)
