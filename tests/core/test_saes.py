"""SAEs load in every architecture that SAELens knows, encode by their closed form, and are refused where they do not belong."""

import json
import shutil
import warnings

import numpy as np
import pytest
import torch
from sae_lens.registry import SAE_CLASS_REGISTRY
from safetensors.torch import load_file, save_file

from interp_core.errors import SaeError
from interp_core.hooks import forward
from interp_core.models import load_model
from interp_core.sae.features import held_sae
from interp_core.sae.loading import load_sae
from interp_core.sae.spec import CONFIG, WEIGHTS, SaeSpec, config_of, list_saes, local_folder, read_config
from interp_core.types import ModelSpec

D_SAE = 40
IDS = (0, 17, 201, 33, 5, 90)
_OWN = {
    "topk": {"k": 4}, "abstopk": {"k": 4}, "matching_pursuit": {"max_iterations": 4},
    "temporal": {"n_heads": 2, "bottleneck_factor": 2, "sae_diff_type": "topk", "kval_topk": 4},
}  # fmt: skip


def write_sae(folder, loaded, architecture="standard", hook="blocks.1.hook_resid_post", d_in=None, **metadata):
    """A random SAE of an architecture, as SAELens saves it."""
    torch.manual_seed(0)
    sae_class, config_class = SAE_CLASS_REGISTRY[architecture]
    d_in = d_in or loaded.card.d_model
    own = {"d_out": d_in, "apply_b_dec_to_input": False} if "transcoder" in architecture else {}
    config = config_class(d_in=d_in, d_sae=D_SAE, **own, **_OWN.get(architecture, {}))
    for name, value in {"hook_name": hook, "model_name": loaded.card.name, **metadata}.items():
        setattr(config.metadata, name, value)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # SAELens advises on how to load the model
        sae = sae_class(config)
        for value in sae.parameters():
            value.copy_(torch.randn_like(value) * 0.3)
        sae.save_model(folder)
    return folder


def normalise(folder, kind):
    """Have an SAE normalise what it reads, as its configuration says."""
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "normalize_activations": kind}))


@pytest.fixture
def saes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))
    (tmp_path / "saes").mkdir()
    return tmp_path / "saes"


def activation(loaded, hook):
    return forward(loaded.model, loaded.tokens(IDS), keep=[hook]).kept[hook]


@pytest.mark.parametrize("architecture", list(SAE_CLASS_REGISTRY))
def test_every_architecture_loads_and_encodes_as_saelens_does(tiny, saes, architecture):
    write_sae(saes / "one", tiny, architecture)
    sae = load_sae(tiny, SaeSpec("folder", "one"))
    x = activation(tiny, sae.hook)
    features = sae.encode(x)
    assert features.shape == (*x.shape[:2], D_SAE)
    assert sae.decode(features).shape == x.shape
    again = SAE_CLASS_REGISTRY[architecture][0].load_from_disk(saes / "one")
    assert torch.allclose(features, again.encode(x), atol=1e-5)
    assert sae.config.architecture == architecture
    assert len(sae.decoder) == D_SAE


def test_encoding_is_the_closed_form(tiny, saes):
    write_sae(saes / "relu", tiny)
    sae = load_sae(tiny, SaeSpec("folder", "relu"))
    w = load_file(saes / "relu" / WEIGHTS)
    x = activation(tiny, sae.hook)
    expected = torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])
    assert torch.allclose(sae.encode(x), expected, atol=1e-5)
    assert torch.allclose(sae.decode(expected), expected @ w["W_dec"] + w["b_dec"], atol=1e-5)
    write_sae(saes / "topk", tiny, "topk")
    sae = load_sae(tiny, SaeSpec("folder", "topk"))
    w = load_file(saes / "topk" / WEIGHTS)
    before = torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])
    kept = torch.zeros_like(before).scatter(-1, before.topk(4).indices, before.topk(4).values)
    assert torch.allclose(sae.encode(x), kept, atol=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "llama", "gemma2"])
@pytest.mark.parametrize("hook", ["blocks.0.hook_mlp_out", "blocks.2.attn.hook_z", "blocks.1.mlp.hook_post"])
def test_saes_of_other_places_are_bound_to_them(tiny_folders, saes, family, hook):
    loaded = load_model(ModelSpec("folder", f"tiny-{family}", device="cpu"), tiny_folders[family])
    x = activation(loaded, hook)
    width = int(np.prod(x.shape[2:]))
    write_sae(saes / "one", loaded, hook=hook, d_in=width)
    sae = load_sae(loaded, SaeSpec("folder", "one"))
    assert sae.hook == hook
    assert sae.encode(x).shape == (1, len(IDS), D_SAE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_name": "EleutherAI/pythia-70m"}, "was trained on EleutherAI/pythia-70m, and the model is"),
        ({"weight_processing": "raw"}, "was trained on raw weights"),
        ({"model_class_name": "AutoModelForCausalLM"}, "was trained on raw weights"),
        ({"hook": "blocks.9.hook_resid_post"}, "has layers 0 to 2 only"),
        ({"hook": "blocks.1.hook_nothing"}, "does not have"),
        ({"d_in": 5}, "reads 5 numbers at each position"),
        ({"hook": "blocks.1.attn.hook_pattern"}, "belongs to another model"),
    ],
)
def test_an_sae_that_does_not_belong_is_refused(tiny, saes, changes, sentence):
    write_sae(saes / "one", tiny, **changes)
    with pytest.raises(SaeError, match=sentence):
        load_sae(tiny, SaeSpec("folder", "one"))


def test_damaged_saes_are_refused(tiny, saes):
    spec = SaeSpec("folder", "one")

    def damaged(change):
        shutil.rmtree(saes / "one", ignore_errors=True)
        write_sae(saes / "one", tiny)
        change(saes / "one" / WEIGHTS, saes / "one" / CONFIG)
        with pytest.raises(SaeError) as raised:
            load_sae(tiny, spec)
        return str(raised.value)

    def not_a_number(weights, config):
        held = load_file(weights)
        held["W_enc"][3, 4] = float("nan")
        save_file(held, weights)

    def narrower(weights, config):
        held = load_file(weights)
        held["W_dec"] = held["W_dec"][:7].clone()
        save_file(held, weights)

    assert "not finite in W_enc" in damaged(not_a_number)
    assert "cannot be loaded" in damaged(lambda weights, config: weights.write_bytes(weights.read_bytes()[:200]))
    assert "sae_weights.safetensors" in damaged(lambda weights, config: weights.unlink())
    assert "cannot be read" in damaged(lambda weights, config: config.write_text("{"))
    assert "names no hook_name" in damaged(
        lambda weights, config: config.write_text(json.dumps({"d_in": 32, "d_sae": 40}))
    )
    assert "cannot be loaded" in damaged(
        lambda weights, config: config.write_text(config.read_text().replace('"standard"', '"unheard_of"'))
    )
    damaged(narrower)


@pytest.mark.parametrize("k", [4000, "4", -1])
def test_settings_with_which_nothing_can_be_encoded_are_refused(tiny, saes, k):
    path = write_sae(saes / "one", tiny, "topk") / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), "k": k}))
    with pytest.raises(SaeError, match="cannot be loaded"):
        load_sae(tiny, SaeSpec("folder", "one"))


@pytest.mark.parametrize(
    ("limit", "taken"), [(float("nan"), None), (-1, None), (0, None), (float("inf"), None), (10**400, None), (2, 2.0)]
)
def test_a_norm_limit_that_is_none_is_not_taken_for_one(limit, taken):
    content = {"hook_name": "blocks.1.hook_resid_post", "d_in": 32, "d_sae": 40, "norm_limit": limit}
    assert config_of(content, "one").norm_limit == taken


def test_the_hook_point_s_older_key_is_read():
    assert config_of({"hook_point": "blocks.1.hook_resid_post", "d_in": 32, "d_sae": 40}, "one").layer == 1


@pytest.mark.parametrize("text", ["one", "folder:one", "release:gpt2-small-res-jb:blocks.3.hook_resid_pre"])
def test_names_are_read_and_written(text):
    assert SaeSpec.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "../x", "folder:../x", "folder:a/b", "release:x", "nowhere:x", "release:x:../y", "a" * 300, "folder:..", "é"],
)
def test_names_that_cannot_be_are_refused(text):
    with pytest.raises(SaeError, match="cannot be an SAE's name"):
        SaeSpec.parse(text)


def test_what_is_on_this_machine_is_listed(tiny, saes):
    write_sae(saes / "b", tiny)
    write_sae(saes / "a", tiny)
    assert [spec.text for spec in list_saes() if spec.source == "folder"] == ["folder:a", "folder:b"]
    with pytest.raises(SaeError, match="There is no SAE 'folder:c'"):
        local_folder(SaeSpec("folder", "c"))


def test_processing_is_read_from_what_saelens_writes(tiny, saes):
    write_sae(saes / "one", tiny, model_from_pretrained_kwargs={"center_writing_weights": False})
    assert read_config(saes / "one").processing == "raw"
    content = {"d_in": 3, "d_sae": 4, "metadata": {"hook_name": "blocks.2.hook_resid_pre"}}
    made = config_of(content, "x")
    assert (made.processing, made.place, made.architecture) == ("compatibility", "resid_pre of layer 2", "standard")


def test_an_sae_that_is_replaced_on_disk_is_read_again(tiny, saes):
    tiny.saes.clear()
    write_sae(saes / "one", tiny, "topk")
    first = held_sae(tiny, "folder:one")
    assert held_sae(tiny, "folder:one") is first
    shutil.rmtree(saes / "one")
    write_sae(saes / "one", tiny, "standard")
    assert held_sae(tiny, "folder:one").config.architecture == "standard"
    tiny.saes.clear()
