"""Attention patterns against Hugging Face, and the grouping of layers."""

import numpy as np
import pytest
import torch

from interp_core.attention import GROUP_BYTES, attention_patterns, layer_group
from interp_core.errors import InterpError
from interp_core.models import load_model, load_reference
from interp_core.prompts import Prompt
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES

TEXT = "The small brown fox crossed the frozen river. The small brown fox crossed the frozen"


@torch.no_grad()
def reference_patterns(reference, ids):
    return torch.stack(reference(torch.tensor([ids]), output_attentions=True).attentions)[:, 0].numpy()


@pytest.mark.parametrize("processing", ["raw", "compatibility"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_equals_hugging_face(tiny_folders, family, processing):
    spec = ModelSpec("folder", f"tiny-{family}", processing=processing, device="cpu")
    loaded = load_model(spec, tiny_folders[family])
    ids = loaded.tokenizer.tokenise(Prompt(TEXT)).ids
    found = attention_patterns(loaded, Run(spec, ids), range(3))
    np.testing.assert_allclose(
        found.patterns, reference_patterns(load_reference(tiny_folders[family], torch.float32), ids), atol=1e-5
    )
    np.testing.assert_allclose(found.patterns.sum(-1), 1, atol=1e-5)
    assert not np.triu(found.patterns, 1).any()


def test_a_pass_that_stops_early_gives_the_same_bits(tiny, tiny_spec):
    run = Run(tiny_spec, tuple(range(2, 30)))
    every = attention_patterns(tiny, run, range(3))
    np.testing.assert_array_equal(attention_patterns(tiny, run, range(1, 2)).layer(1), every.layer(1))
    np.testing.assert_array_equal(attention_patterns(tiny, run, range(0, 1)).layer(0), every.layer(0))


def test_one_token_attends_to_itself(tiny, tiny_spec):
    assert attention_patterns(tiny, Run(tiny_spec, (0,)), range(1)).patterns.tolist() == [[[[1.0]]] * 4]


@pytest.mark.parametrize("n_pos", [1, 15, 130, 512, 2048, 8192])
@pytest.mark.parametrize("layer", [0, 13, 29])
def test_a_group_holds_its_layer_and_is_bounded(n_pos, layer):
    group = layer_group(layer, 30, 9, n_pos)
    assert layer in group
    assert group.start >= 0
    assert group.stop <= 30
    assert len(group) == 1 or len(group) * 9 * n_pos * n_pos * 4 <= GROUP_BYTES
    assert all(layer_group(other, 30, 9, n_pos) == group for other in group)


def test_a_layer_without_attention_is_said_so(tiny, tiny_spec):
    with pytest.raises(InterpError, match=r"no attention pattern at blocks\.7"):
        attention_patterns(tiny, Run(tiny_spec, (4, 5)), range(7, 8))


@pytest.mark.default_model
def test_the_induction_head_of_the_default_model_finds_the_successor(default_model):
    source = torch.Generator().manual_seed(0)
    first = torch.randint(100, 40_000, (60,), generator=source).tolist()
    run = Run(default_model.spec, (default_model.tokenizer.bos_id, *first, *first))
    pattern = attention_patterns(default_model, run, range(18, 19)).layer(18)[6]
    assert np.mean([pattern[query, query - 59] for query in range(61, 121)]) > 0.85
    previous = attention_patterns(default_model, run, range(16, 17)).layer(16)[0]
    assert np.diagonal(previous, -1).mean() > 0.85


@pytest.mark.default_model
def test_the_default_model_s_patterns_equal_hugging_face(default_model, default_folder):
    ids = default_model.tokenizer.tokenise(Prompt(TEXT)).ids
    found = attention_patterns(default_model, Run(default_model.spec, ids), range(30)).patterns
    np.testing.assert_allclose(found, reference_patterns(load_reference(default_folder, torch.float32), ids), atol=2e-5)
