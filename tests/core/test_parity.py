"""Parity: small where the numbers are right, and large where they are not."""

import json

import pytest
import torch

from interp_core.parity import _compare, _log_probs, load_reference, measure_parity, measure_probes, probe_prompts
from interp_core.prompts import Prompt
from tests.core.test_generation import last


def test_a_right_model_is_within_1e_4(tiny):
    parity = last(measure_parity(tiny, [Prompt("When Mary"), Prompt("and John")]))
    assert 0 <= parity.log_prob_difference < 1e-4
    assert parity.same_top
    assert parity.n_prompts == 2
    assert parity.rounding < 1e-4


def test_a_wrong_weight_is_found(tiny):
    weight = next(parameter for name, parameter in tiny.model.named_parameters() if "mlp" in name)
    kept = weight.data.clone()
    try:
        weight.data.add_(0.1)
        assert last(measure_parity(tiny, [Prompt("When Mary")])).log_prob_difference > 1e-2
    finally:
        weight.data.copy_(kept)


def test_a_value_that_is_not_a_number_is_kept_and_not_called_small(tiny):
    weight = next(parameter for name, parameter in tiny.model.named_parameters() if "mlp" in name)
    kept = weight.data.clone()
    try:
        weight.data.fill_(torch.nan)
        difference = last(measure_parity(tiny, [Prompt("a"), Prompt("b")])).log_prob_difference
        assert difference != difference
    finally:
        weight.data.copy_(kept)


def test_the_probe_set_is_measured_once_and_kept(tiny, folders, monkeypatch):
    first = last(measure_probes(tiny))
    kept = list((folders / "cache" / "parity").glob("*.json"))
    assert any(json.loads(path.read_text())["n_prompts"] == 20 for path in kept)
    monkeypatch.setattr("interp_core.parity.load_reference", lambda *_: pytest.fail("measured again"))
    assert last(measure_probes(tiny)) == first


def test_a_damaged_kept_figure_is_measured_again(tiny, folders):
    last(measure_probes(tiny))
    for path in (folders / "cache" / "parity").glob("*.json"):
        path.write_text("{")
    assert last(measure_probes(tiny)).n_prompts == 20


def test_there_are_twenty_probes_of_twenty_kinds():
    assert len(set(probe_prompts())) == 20


@pytest.mark.default_model
def test_the_default_model_is_within_float32_rounding_on_every_probe(default_model):
    """1e-4 everywhere but where Hugging Face's own float32 pass is further than that from its float64 pass."""
    reference = load_reference(default_model.folder, torch.float32)
    found = [_compare(default_model, reference, Prompt(text)) for text in probe_prompts()]
    assert all(one.same_top for one in found)
    exact = reference.double()
    for one in (one for one in found if one.difference > 1e-4):
        rounding = float((one.theirs.double() - _log_probs(exact, one.ids)).abs().max())
        assert one.difference <= 4 * rounding, one.text
        assert rounding > 1e-4, one.text
