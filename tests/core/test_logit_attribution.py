"""Direct logit attribution: the parts add up to the logit, in every family, and are those of TransformerLens."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from interp_core.edits import edits_of
from interp_core.errors import InterpError, MetricError
from interp_core.head_writes import read_head_writes
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.layer_writes import layer_writes
from interp_core.logit_attribution import attribute_logit
from interp_core.models import load_model
from interp_core.prompts import Prompt
from interp_core.residual_stream import STREAM_SITES, read_residual_stream
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES
from tests.reference import hooked_transformer

IDS = tuple(np.random.default_rng(5).integers(2, 300, 24).tolist())
IOI = "When Mary and John went to the store, John gave a drink to"


@pytest.fixture(scope="module")
def biased_folders(tiny_folders, tmp_path_factory):
    """The tiny models with random biases and norm weights: fresh ones have none to get wrong."""
    generator = torch.Generator().manual_seed(1)
    made = {}
    for family, folder in tiny_folders.items():
        made[family] = shutil.copytree(folder, tmp_path_factory.mktemp("biased") / f"tiny-{family}")
        path = made[family] / "model.safetensors"
        weights = load_file(path)
        for name, value in weights.items():
            if name.endswith("bias") and value.is_floating_point():
                weights[name] = 0.3 * torch.randn(value.shape, generator=generator)
            elif "norm" in name or ".ln_" in name:
                weights[name] = value + 0.3 * torch.randn(value.shape, generator=generator)
        save_file(weights, path, metadata={"format": "pt"})
    return made


def loaded_as(folders, family, processing="compatibility"):
    spec = ModelSpec("folder", f"tiny-{family}", processing=processing, device="cpu")
    return load_model(spec, folders[family])


def own_logit(loaded, run, pos, answer, foil):
    logits = forward(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run)).output[0, pos].double()
    return float(logits[answer] - (0 if foil is None else logits[foil]))


@pytest.mark.parametrize(("pos", "foil"), [(None, None), (7, 11)])
@pytest.mark.parametrize("processing", ["raw", "compatibility"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_parts_add_up_to_the_model_s_own_logit(biased_folders, family, processing, pos, foil):
    loaded = loaded_as(biased_folders, family, processing)
    run = Run(loaded.spec, IDS)
    found = attribute_logit(loaded, run, 5, foil, pos=pos)
    assert found.capped == pytest.approx(own_logit(loaded, run, found.pos, 5, foil), abs=1e-4)
    assert abs(found.remainder) < 1e-4
    assert np.abs(found.head_remainder).max() < 1e-4
    assert np.abs(found.source_remainder).max() < 1e-4
    assert np.abs(found.neuron_remainder).max() < 1e-4
    assert not found.interventions.any()
    assert (found.sources[:, :, found.pos + 1 :] == 0).all()
    assert (found.capped == found.logit) == (family != "gemma2")


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox"])
def test_parts_are_those_of_transformer_lens(biased_folders, family):
    reference = hooked_transformer(biased_folders[family])
    loaded = loaded_as(biased_folders, family)
    found = attribute_logit(loaded, Run(loaded.spec, IDS), 5, 11)
    with torch.no_grad():
        _, cache = reference.run_with_cache(torch.tensor([IDS]))
        cache.compute_head_results()
        pair = {"tokens": torch.tensor([5]), "incorrect_tokens": torch.tensor([11]), "pos_slice": -1}
        parts, labels = cache.decompose_resid(layer=-1, pos_slice=-1, return_labels=True)
        values = dict(zip(labels, cache.logit_attrs(parts, **pair)[:, 0].tolist(), strict=True))
        heads = cache.stack_head_results(layer=-1, pos_slice=-1)
        heads = cache.logit_attrs(heads, **pair)[:, 0].reshape(loaded.card.n_layers, -1)
        neurons = cache.stack_neuron_results(layer=-1, pos_slice=-1)
        neurons = cache.logit_attrs(neurons, **pair)[:, 0].reshape(loaded.card.n_layers, -1)
    embedding = values["embed"] + values.get("pos_embed", 0.0)
    assert found.embedding == pytest.approx(embedding, abs=1e-4)
    for layer in range(loaded.card.n_layers):
        assert found.attention[layer] == pytest.approx(values[f"{layer}_attn_out"], abs=1e-4)
        assert found.mlp[layer] == pytest.approx(values[f"{layer}_mlp_out"], abs=1e-4)
    np.testing.assert_allclose(found.heads, heads.numpy(), atol=1e-4)
    np.testing.assert_allclose(found.neurons, neurons.numpy(), atol=1e-4)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
@pytest.mark.parametrize(
    "change",
    [
        Intervention("zero", "z", layers=(1,), heads=(2,)),
        Intervention("zero", "attn_out", layers=(1,)),
        Intervention("scale", "resid_post", layers=(1,), factor=1.5),
        Intervention("scale", "resid_mid", layers=(0,), factor=0.5),
        Intervention("scale", "mlp_post", layers=(2,), units=(3,), factor=4.0),
    ],
    ids=lambda change: change.text,
)
def test_under_interventions_the_parts_still_add_up_and_what_was_put_in_is_named(biased_folders, family, change):
    loaded = loaded_as(biased_folders, family)
    run = Run(loaded.spec, IDS, (change,))
    found = attribute_logit(loaded, run, 5, 11)
    assert found.capped == pytest.approx(own_logit(loaded, run, found.pos, 5, 11), abs=1e-4)
    assert abs(found.remainder) < 1e-4
    in_stream = change.point == "resid_post"
    assert (np.abs(found.interventions) > 1e-3).tolist() == [False, in_stream, False]
    if change.point == "z":
        assert found.heads[1, 2] == 0
        assert abs(found.source_remainder[1, 2]) > 1e-3


def test_interventions_behind_the_layers_act_once(biased_folders):
    loaded = loaded_as(biased_folders, "gemma2")
    for text, in_sum in (("add ln_final.hook_in x4 plus:Love", True), ("scale unembed.hook_in x2", False)):
        run = Run(loaded.spec, IDS, (Intervention.parse(text),))
        found = attribute_logit(loaded, run, 5, 11)
        assert found.capped == pytest.approx(own_logit(loaded, run, found.pos, 5, 11), abs=1e-4)
        assert (abs(found.remainder) < 1e-4) == in_sum
        assert (abs(found.interventions[-1]) > 1e-3) == in_sum
        writes = finish(read_head_writes(loaded, run, k=loaded.card.d_vocab))
        logits = np.take_along_axis(writes.promoted, writes.promoted_ids.argsort(-1), -1)
        factor = 1 if in_sum else 2
        np.testing.assert_allclose(logits[..., 5] - logits[..., 11], factor * found.heads, atol=2e-4)


def test_a_sum_that_does_not_hold_is_refused(biased_folders, monkeypatch):
    loaded = loaded_as(biased_folders, "llama")
    monkeypatch.setattr("interp_core.write_looks.Looks.mlp", property(lambda looks: looks.attention))
    with pytest.raises(InterpError, match="not what the residual stream gains there"):
        attribute_logit(loaded, Run(loaded.spec, IDS), 5)


def test_a_model_without_a_known_readout_is_refused(biased_folders):
    loaded = loaded_as(biased_folders, "llama")
    del loaded.model.unembed
    with pytest.raises(InterpError, match="cannot be read early"):
        attribute_logit(loaded, Run(loaded.spec, IDS), 5)


def test_a_logit_scale_of_the_architecture_is_taken_in(biased_folders, monkeypatch):
    loaded = loaded_as(biased_folders, "llama")
    plain = attribute_logit(loaded, Run(loaded.spec, IDS), 5)
    own = type(loaded.model).forward
    monkeypatch.setattr(type(loaded.model), "forward", lambda *args, **options: 0.25 * own(*args, **options))
    scaled = attribute_logit(loaded_as(biased_folders, "llama"), Run(loaded.spec, IDS), 5)
    assert scaled.logit == pytest.approx(0.25 * plain.logit, rel=1e-4)
    assert abs(scaled.remainder) < 1e-4


@pytest.mark.parametrize("pos", [-1, 24, 99])
def test_a_position_that_is_not_there_is_named(tiny, pos):
    run = Run(tiny.spec, IDS)
    for ask in (
        lambda: attribute_logit(tiny, run, 5, pos=pos),
        lambda: finish(read_head_writes(tiny, run, pos=pos)),
        lambda: read_residual_stream(tiny, run, pos=pos),
    ):
        with pytest.raises(InterpError, match=f"24 tokens, so there is no position {pos}. Give 0 to 23"):
            ask()


def test_answer_and_foil_must_differ(tiny):
    with pytest.raises(MetricError, match="same token"):
        attribute_logit(tiny, Run(tiny.spec, IDS), 5, 5)


@pytest.mark.parametrize("processing", ["raw", "compatibility"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_head_writes_is_its_attribution_to_every_token(biased_folders, family, processing):
    loaded = loaded_as(biased_folders, family, processing)
    run = Run(loaded.spec, IDS)
    found = finish(read_head_writes(loaded, run, pos=9, k=loaded.card.d_vocab))
    order = found.promoted_ids.argsort(-1)
    logits = np.take_along_axis(found.promoted, order, -1)
    np.testing.assert_allclose(logits.mean(-1), 0, atol=1e-4)
    pair = attribute_logit(loaded, run, 5, 11, pos=9)
    np.testing.assert_allclose(logits[..., 5] - logits[..., 11], pair.heads, atol=2e-4)
    np.testing.assert_allclose(found.suppressed, found.promoted[..., ::-1], atol=1e-6)


def test_norms_and_cosines_follow_from_their_definitions(tiny):
    run = Run(tiny.spec, IDS)
    names = [f"blocks.{layer}.hook_{site}" for layer in range(3) for site in STREAM_SITES]
    kept = {name: value[0] for name, value in forward(tiny.model, tiny.tokens(IDS), keep=names).kept.items()}
    found, there = read_residual_stream(tiny, run), read_residual_stream(tiny, run, pos=4)
    for layer in range(3):
        for place, site in enumerate(STREAM_SITES):
            expected = kept[f"blocks.{layer}.hook_{site}"].norm(dim=-1)
            np.testing.assert_allclose(found.norms[place, layer], expected, rtol=1e-5)
        for place, (write, stream) in enumerate([("attn_out", "resid_pre"), ("mlp_out", "resid_mid")]):
            pair = (kept[f"blocks.{layer}.hook_{write}"], kept[f"blocks.{layer}.hook_{stream}"])
            np.testing.assert_allclose(found.writes[place, layer], torch.cosine_similarity(*pair, dim=-1), atol=1e-5)
    one, other = kept["blocks.0.hook_resid_post"], kept["blocks.2.hook_resid_post"]
    cosine = torch.cosine_similarity(one, other, dim=-1).numpy()
    assert found.between[0, 2] == pytest.approx(cosine.mean(), abs=1e-5)
    assert there.between[0, 2] == pytest.approx(cosine[4], abs=1e-5)
    np.testing.assert_allclose(np.diagonal(found.between), 1, atol=1e-5)


def test_parallel_layers_have_no_middle(biased_folders):
    loaded = loaded_as(biased_folders, "gpt_neox")
    found = read_residual_stream(loaded, Run(loaded.spec, IDS))
    assert np.isnan(found.norm_of("resid_mid")).all()
    assert not np.isnan(found.writes).any()


def test_layers_without_heads_are_left_out(biased_folders):
    loaded = loaded_as(biased_folders, "llama")
    loaded.hook_points = tuple(point for point in loaded.hook_points if point.name not in ("z", "mlp_post"))
    writes = layer_writes(loaded, torch.ones(32, dtype=torch.float64))
    assert writes.attention == writes.mlp == (None, None, None)
    found = attribute_logit(loaded, Run(loaded.spec, IDS), 5)
    assert abs(found.remainder) < 1e-4
    assert np.isnan(found.heads).all()
    with pytest.raises(InterpError, match="does not show what single heads write"):
        finish(read_head_writes(loaded, Run(loaded.spec, IDS)))


@pytest.mark.default_model
def test_the_default_model_s_parts_add_up_within_a_thousandth(default_model):
    tokenizer = default_model.tokenizer
    run = Run(default_model.spec, tokenizer.tokenise(Prompt(IOI)).ids)
    mary, john = (tokenizer.tokenise(Prompt(name, prepend_bos=False)).ids[0] for name in (" Mary", " John"))
    for foil in (None, john):
        found = attribute_logit(default_model, run, mary, foil)
        assert found.logit == pytest.approx(own_logit(default_model, run, found.pos, mary, foil), abs=1e-3)
        assert abs(found.remainder) < 1e-3
        assert np.abs(found.head_remainder).max() < 1e-3
        assert np.abs(found.source_remainder).max() < 1e-3
        assert np.abs(found.neuron_remainder).max() < 1e-3
    assert found.logit > 2
    writes = finish(read_head_writes(default_model, run))
    best = np.unravel_index(found.heads.argmax(), found.heads.shape)
    words = [writes.tokens[int(index)] for index in (*writes.promoted_ids[best][:3], *writes.suppressed_ids[best][:3])]
    assert {" Mary", " John"} & set(words)
