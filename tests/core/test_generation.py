"""Generation: the same tokens as Hugging Face where greedy, the distribution it says where sampled."""

import numpy as np
import pytest
import torch

from interp_core.errors import ContextLengthError, InterpError
from interp_core.generation import Sampling, choose, generate
from interp_core.models import load_model, load_reference
from interp_core.predictions import predict
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES
from tests.tiny import N_CTX


def last(steps):
    """Run a generation to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_equals_hugging_face(tiny_folders, family):
    spec = ModelSpec("folder", f"tiny-{family}", device="cpu")
    loaded = load_model(spec, tiny_folders[family])
    reference = load_reference(tiny_folders[family], torch.float32)
    prompt = (0, 30, 31, 32)
    expected = reference.generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False)[0, 4:].tolist()
    assert list(last(generate(loaded, Run(spec, prompt), Sampling(12))).ids) == expected


def test_every_token_s_probability_is_that_of_one_full_pass(tiny, tiny_spec):
    made = last(generate(tiny, Run(tiny_spec, (0, 30, 31)), Sampling(10, temperature=1.3, seed=3)))
    full = predict(tiny, Run(tiny_spec, (0, 30, 31, *made.ids)))
    np.testing.assert_allclose(made.probability, full.probability[3:], atol=1e-5)


def test_a_seed_decides_the_tokens_and_another_gives_others(tiny, tiny_spec):
    def sampled(seed):
        return last(generate(tiny, Run(tiny_spec, (0, 30)), Sampling(20, temperature=2.0, seed=seed))).ids

    assert sampled(1) == sampled(1)
    assert len({sampled(seed) for seed in range(5)}) == 5


LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def frequencies(sampling, draws=4000):
    source = torch.Generator().manual_seed(0)
    drawn = [choose(LOGITS, sampling, source) for _ in range(draws)]
    return np.bincount(drawn, minlength=4) / draws


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampling_follows_the_tempered_distribution(temperature):
    expected = (LOGITS / temperature).softmax(-1).numpy()
    np.testing.assert_allclose(frequencies(Sampling(temperature=temperature)), expected, atol=0.03)


def test_top_k_keeps_the_k_likeliest():
    expected = LOGITS[:2].softmax(-1).numpy()
    np.testing.assert_allclose(frequencies(Sampling(temperature=1.0, top_k=2)), [*expected, 0, 0], atol=0.03)


def test_top_p_keeps_the_fewest_tokens_that_reach_it():
    # Probabilities 0.644, 0.237, 0.087, 0.032: 0.7 needs two of them, 0.6 only one.
    assert (frequencies(Sampling(temperature=1.0, top_p=0.7)) > 0).tolist() == [True, True, False, False]
    assert (frequencies(Sampling(temperature=1.0, top_p=0.6)) > 0).tolist() == [True, False, False, False]


def test_it_ends_when_the_model_ends_its_text(tiny, tiny_spec, monkeypatch):
    first = last(generate(tiny, Run(tiny_spec, (0, 30)), Sampling(3))).ids
    monkeypatch.setattr(tiny.tokenizer, "eos_id", first[1])
    made = last(generate(tiny, Run(tiny_spec, (0, 30)), Sampling(30)))
    assert made.ended
    assert made.ids == first[: first.index(first[1]) + 1]


def test_what_does_not_fit_the_context_is_refused(tiny, tiny_spec):
    with pytest.raises(ContextLengthError, match=f"context holds {N_CTX}"):
        last(generate(tiny, Run(tiny_spec, (0,) * 200), Sampling(100)))


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(0),
        Sampling(5000),
        Sampling(temperature=-1.0),
        Sampling(top_k=-1),
        Sampling(top_p=0.0),
        Sampling(top_p=1.5),
    ],
)
def test_values_out_of_range_are_refused(tiny, tiny_spec, sampling):
    with pytest.raises(InterpError, match="Generation takes"):
        last(generate(tiny, Run(tiny_spec, (0, 1)), sampling))
