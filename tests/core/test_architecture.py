"""Architectures by their configurations, against the parameters of the real models."""

import json
import math
import time

import pytest
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformers import AutoConfig, AutoModelForCausalLM

from interp_core.architecture import Architecture
from interp_core.architecture_families import FAMILIES
from interp_core.architecture_reading import parse_architecture, read_architecture
from interp_core.architecture_sources import architecture_of, architecture_of_folder
from interp_core.errors import ArchitectureError, ModelError
from interp_core.models import load_model
from interp_core.types import ModelSpec
from tests.conftest import FAMILIES as TINY

SIZES = {
    "vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
}  # fmt: skip
MLP = {"intermediate_size": 48}
GROUPED = {**MLP, "num_key_value_heads": 2}
OLD = {
    "vocab_size": 400,
    "n_embd": 32,
    "n_layer": 4,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
REAL = [
    ("gpt2", OLD),
    ("gpt2", {**OLD, "n_inner": 40, "tie_word_embeddings": False}),
    ("gpt_bigcode", OLD),
    ("gpt_bigcode", {**OLD, "multi_query": False}),
    ("gpt_neo", {**SIZES, "num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]]}),
    ("gpt_neox", {**SIZES, **MLP}),
    ("gpt_neox", {**SIZES, **MLP, "use_parallel_residual": False, "attention_bias": False}),
    ("gptj", {**OLD, "rotary_dim": 4}),
    ("codegen", {**OLD, "rotary_dim": 4}),
    ("opt", {**SIZES, "ffn_dim": 40, "word_embed_proj_dim": 32}),
    ("opt", {**SIZES, "ffn_dim": 40, "word_embed_proj_dim": 32, "layer_norm_elementwise_affine": False}),
    ("bloom", {"vocab_size": 400, "hidden_size": 32, "n_layer": 4, "n_head": 4}),
    ("falcon", SIZES),
    ("falcon", {**SIZES, "new_decoder_architecture": True, "num_kv_heads": 2}),
    ("falcon", {**SIZES, "num_ln_in_parallel_attn": 2}),
    ("falcon", {**SIZES, "new_decoder_architecture": True, "num_ln_in_parallel_attn": 1}),
    ("falcon", {**SIZES, "parallel_attn": False, "num_ln_in_parallel_attn": 2}),
    ("falcon", {**SIZES, "parallel_attn": False, "alibi": True, "multi_query": False, "bias": True}),
    ("mpt", {"vocab_size": 400, "d_model": 32, "n_layers": 4, "n_heads": 4, "max_seq_len": 64}),
    ("llama", {**SIZES, **GROUPED}),
    ("llama", {**SIZES, **GROUPED, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "head_dim": 16}),
    ("smollm3", {**SIZES, **GROUPED}),
    ("granite", {**SIZES, **GROUPED}),
    ("mistral", {**SIZES, **GROUPED, "sliding_window": 16}),
    ("ministral", {**SIZES, **GROUPED, "head_dim": 8}),
    ("mixtral", {**SIZES, **GROUPED, **EXPERTS}),
    ("phi3", {**SIZES, **GROUPED}),
    ("phi", {**SIZES, **MLP}),
    ("qwen2", {**SIZES, **GROUPED}),
    ("qwen2_moe", {**SIZES, **GROUPED, **EXPERTS, "shared_expert_intermediate_size": 40, "decoder_sparse_step": 2}),
    ("qwen2_moe", {**SIZES, **GROUPED, **EXPERTS, "qkv_bias": False}),
    ("qwen3", {**SIZES, **GROUPED, "head_dim": 8}),
    ("qwen3_moe", {**SIZES, **GROUPED, **EXPERTS, "mlp_only_layers": [1]}),
    ("gemma", {**SIZES, **GROUPED, "head_dim": 16}),
    ("gemma2", {**SIZES, **GROUPED, "head_dim": 16}),
    ("gemma3_text", {**SIZES, **GROUPED, "head_dim": 16}),
    ("olmo", {**SIZES, **GROUPED}),
    ("olmo2", {**SIZES, **GROUPED}),
    ("olmoe", {**SIZES, **GROUPED, **EXPERTS}),
    ("cohere", {**SIZES, **GROUPED}),
    ("stablelm", {**SIZES, **GROUPED}),
    ("stablelm", {**SIZES, **GROUPED, "use_parallel_residual": True, "use_qkv_bias": True}),
    ("starcoder2", {**SIZES, **GROUPED}),
    ("nemotron", {**SIZES, **GROUPED}),
]  # fmt: skip
VIZ = {
    "model_name": "my-transformer",
    "n_layers": 6,
    "d_model": 512,
    "n_heads": 8,
    "d_head": 64,
    "d_mlp": 2048,
    "d_vocab": 50257,
}


def params(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def weights(architecture: Architecture, part: str, layer: int | None = None) -> dict[str, tuple[int, ...]]:
    where = (
        (*architecture.before, *architecture.after)
        if layer is None
        else architecture.kinds[architecture.layers[layer]].parts
    )
    return {weight.name: weight.shape for one in where if one.name == part for weight in one.weights}


@pytest.mark.parametrize(("model_type", "sizes"), REAL)
def test_the_count_is_that_of_transformers_own_model(model_type, sizes):
    config = AutoConfig.for_model(model_type, **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    found = read_architecture(json.loads(config.to_json_string()))
    assert found.exact, found.notes
    assert found.n_params == params(model)


def test_every_family_is_compared_with_transformers():
    # gemma3 is the same text model inside a model that also sees pictures.
    assert set(FAMILIES) == {model_type for model_type, _ in REAL} | {"gemma3"}


@pytest.mark.parametrize("family", TINY)
def test_sizes_and_shapes_are_those_of_the_loaded_model(family, tiny_folders):
    model = load_model(ModelSpec("folder", f"tiny-{family}", processing="raw", device="cpu"), tiny_folders[family])
    found, card = architecture_of(model), model.card
    assert (found.n_layers, found.d_model, found.d_vocab, found.n_ctx) == (
        card.n_layers, card.d_model, card.d_vocab, card.n_ctx,
    )  # fmt: skip
    assert found.n_params == card.n_params
    blocks = model.model.blocks  # pyright: ignore[reportAttributeAccessIssue]
    for layer in range(found.n_layers):
        attention = found.kinds[found.layers[layer]].attention
        assert attention.window == (card.windows[layer] if any(card.windows) else 0)
        assert (attention.n_heads, attention.n_key_value_heads) == (card.n_heads, card.n_key_value_heads)
        shapes = weights(found, "attn", layer)
        for name in ("W_Q", "W_K", "W_V", "W_O"):
            assert math.prod(shapes[name]) == blocks[layer].attn.__getattr__(name[-1].lower()).weight.numel()
        has = {name for name in ("ln1", "ln1_post", "ln2", "ln2_post") if hasattr(blocks[layer], name)}
        assert {part.name for part in found.kinds[found.layers[layer]].parts} == has | {"attn", "mlp"}
    points = {point.name: point for point in model.hook_points}
    assert points["z"].n_heads == card.n_heads
    assert found.kinds[0].mlp is not None
    assert points["mlp_post"].width == found.kinds[0].mlp.d_mlp


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_a_transformer_bridge_is_counted_as_the_model_that_it_wraps(family, tiny_folders):
    model = load_model(ModelSpec("folder", f"tiny-{family}", processing="raw", device="cpu"), tiny_folders[family])
    found = architecture_of(model.model)
    assert found.exact
    assert (found.n_params, found.tied) == (model.card.n_params, architecture_of(model).tied)
    alone = architecture_of(model.model.cfg)
    assert not alone.exact
    assert "A TransformerBridge's configuration does not say which biases" in alone.notes[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"attn_only": True},
        {"d_mlp": 48, "act_fn": "gelu"},
        {"d_mlp": 48, "act_fn": "silu", "gated_mlp": True, "normalization_type": "RMS", "positional_embedding_type": "rotary", "rotary_dim": 8},
        {"d_mlp": 48, "act_fn": "relu", "normalization_type": None},
        {"d_mlp": 48, "act_fn": "relu", "normalization_type": "LNPre", "parallel_attn_mlp": True, "n_key_value_heads": 2},
        {"attn_only": True, "normalization_type": None, "positional_embedding_type": "shortformer", "d_vocab_out": 7},
    ],
)  # fmt: skip
def test_a_transformer_lens_configuration_counts_what_hooked_transformer_holds(changes):
    fields = {"n_layers": 2, "d_model": 32, "n_heads": 4, "d_head": 8, "d_vocab": 50, "n_ctx": 20, **changes}
    with pytest.warns(DeprecationWarning):
        model = HookedTransformer(HookedTransformerConfig(**fields, init_weights=False))
    found = read_architecture(fields)
    assert found.n_params == params(model)
    assert architecture_of(model).n_params == found.n_params
    assert (found.kinds[0].mlp is None) == bool(changes.get("attn_only"))
    assert weights(found, "attn", 1)["W_Q"] == tuple(model.blocks[1].attn.W_Q.shape)
    assert weights(found, "unembed")["W_U"] == tuple(model.unembed.W_U.shape)


def test_the_dictionary_of_transformer_viz_is_read():
    found = read_architecture(VIZ)
    assert (found.name, found.n_layers, found.kinds[0].attention.n_heads) == ("my-transformer", 6, 8)
    assert "1,024 positions" in found.notes[0]
    assert read_architecture({**VIZ, "d_mlp": 0}).kinds[0].mlp is None


def test_windows_and_experts_make_kinds_of_layers():
    config = AutoConfig.for_model("gemma2", **SIZES, **GROUPED).to_dict()
    found = read_architecture(config)
    assert found.layers == (0, 1, 0, 1)
    assert [kind.attention.window for kind in found.kinds] == [4096, 0]
    mixed = AutoConfig.for_model("qwen2_moe", **SIZES, **GROUPED, **EXPERTS, decoder_sparse_step=2).to_dict()
    dense, sparse = read_architecture(mixed).kinds
    assert dense.mlp is not None
    assert sparse.mlp is not None
    assert (dense.mlp.n_experts, sparse.mlp.n_experts, sparse.mlp.experts_per_token) == (0, 4, 2)
    experts = next(part for part in sparse.parts if part.name == "mlp")
    assert experts.multiplied < experts.n_params


def test_operations_are_two_a_multiplied_element_and_four_a_pair():
    # Worked by hand: GPT-2 small, 12 layers of 12 d_model^2 each, the unembedding, 1,024 positions looked back over.
    found = read_architecture(
        {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}
    )
    assert found.n_params == 124_439_808
    assert found.n_multiplied == 12 * 12 * 768**2 + 768 * 50257
    assert found.flops(1024) == 2 * found.n_multiplied + 4 * 12 * 768 * 1024
    assert found.cached_per_token == 12 * 2 * 768


def test_a_window_bounds_how_far_a_token_looks():
    config = AutoConfig.for_model("mistral", **SIZES, **GROUPED, sliding_window=16).to_dict()
    found = read_architecture(config)
    assert found.flops(64) == found.flops(16) > found.flops(15)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 0}, r"n_layers is '0', and must be a whole number from 1 to 100,000"),
        ({"n_layers": -3}, "n_layers is '-3'"),
        ({"n_layers": "six"}, "n_layers is 'six'"),
        ({"n_layers": 2.5}, "n_layers is '2.5'"),
        ({"n_layers": True}, "n_layers is 'True'"),
        ({"n_layers": 10**30}, "n_layers is '1000000"),
        ({"n_layers": None}, "has no n_layers"),
        ({"d_vocab": None}, "has no d_vocab"),
        ({"n_key_value_heads": 3}, "8 heads cannot share 3 key and value heads"),
        ({"n_heads": 7, "d_head": None}, "a width of 512 cannot be shared by 7 heads"),
        ({"normalization_type": "BatchNorm"}, "normalization_type is 'BatchNorm'"),
        ({"gated_mlp": "yes"}, "gated_mlp is 'yes', and must be true or false"),
        ({"n_heads": 10_001, "d_head": 1}, "n_heads is '10001', and must be a whole number from 1 to 10,000"),
        ({"n_heads": None, "d_head": 1, "d_model": 100_000_000}, "n_heads is '100000000', and must be"),
        ({"n_heads": 1, "n_key_value_heads": 100_000_000}, "n_key_value_heads is '100000000', and must be"),
    ],
)
def test_what_describes_no_model_is_refused_with_a_sentence(changes, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        read_architecture({**VIZ, **changes})
    assert str(caught.value).startswith("my-transformer: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "no JSON object"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("{}", "has no n_layers"),
        (" " * 2_000_001, "far smaller"),
        ('{"model_type": "t5", "is_encoder_decoder": true}', "not a decoder-only"),
        ('{"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 2}', "Models without attention"),
        ('{"model_type": "llama", "hidden_size": 64}', "has no num_attention_heads"),
        ('{"model_type": "gpt2", "n_embd": 30, "n_head": 4, "n_layer": 2, "vocab_size": 5}', "a width of 30"),
        ('{"model_type": "gemma2", "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "vocab_size": 5, '
         '"sliding_window": 4, "layer_types": ["full_attention"]}', "layer_types names 1 layers, and there are 3"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_refused_with_a_sentence(text, message):
    with pytest.raises(ArchitectureError, match=message):
        parse_architecture(text)


LLAMA = {"model_type": "llama", **SIZES, **GROUPED}
NEO = {"model_type": "gpt_neo", "hidden_size": 32, "num_layers": 4, "num_heads": 4, "vocab_size": 400}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**LLAMA, "architectures": 5}, "architectures is '5', and must be a list of words"),
        ({**LLAMA, "architectures": True}, "architectures is 'True', and must be a list of words"),
        ({**LLAMA, "architectures": [["LlamaForCausalLM"]]}, "must be a list of words"),
        ({"hidden_size": 64, "is_encoder_decoder": True}, "this is not a decoder-only language model"),
        ({**NEO, "attention_types": 5}, "attention_types is '5', and must be a list such as"),
        ({**NEO, "attention_types": [1]}, "must be a list such as"),
        ({**NEO, "attention_types": [[["global"]]]}, "must be a list such as"),
        ({**NEO, "attention_types": [[["global"], "x"]]}, "times is 'x', and must be a whole number"),
        ({**NEO, "attention_types": [[["global"], None]]}, "has no times"),
        ({**NEO, "attention_types": [[3, 4]]}, "kinds is '3', and must be a list of words"),
        ({**NEO, "attention_types": [[["global"], 10**14]]}, "must be a whole number from 1 to 100,000"),
        ({**NEO, "attention_types": [[["global"], 3]]}, "attention_types names 3 layers, and there are 4"),
        ({**NEO, "attention_types": [[["a"] * 9, 100_000]] * 9}, "names 8,100,000 layers, and there are 4"),
        ({**LLAMA, "model_type": "qwen3_moe", **EXPERTS, "mlp_only_layers": 5}, "mlp_only_layers is '5'"),
        ({**LLAMA, "model_type": "qwen3_moe", **EXPERTS, "mlp_only_layers": "12"}, "must be a list of whole numbers"),
        ({**LLAMA, "model_type": "qwen3_moe", **EXPERTS, "mlp_only_layers": True}, "must be a list of whole numbers"),
        ({**LLAMA, "model_type": "qwen3_moe", **EXPERTS, "mlp_only_layers": [True]}, "must be a list of whole numbers"),
        ({**LLAMA, "num_attention_heads": 100_000_000}, "num_attention_heads is '100000000', and must be"),
        ({**LLAMA, "num_key_value_heads": 100_000_000}, "num_key_value_heads is '100000000', and must be"),
        ({**LLAMA, "model_type": "falcon", "new_decoder_architecture": True, "num_kv_heads": 3}, "4 heads cannot share 3"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_with_a_sentence(config, message):
    with pytest.raises(ArchitectureError, match=message):
        read_architecture(config)


def test_many_dense_layers_are_looked_up_at_once():
    many = {**LLAMA, "model_type": "qwen3_moe", **EXPERTS, "num_hidden_layers": 20_000}
    began = time.monotonic()
    found = read_architecture({**many, "mlp_only_layers": list(range(19_999, -1, -1))})
    assert len(found.kinds) == 1
    assert time.monotonic() - began < 1  # looked through one by one it is several seconds


def test_texts_that_no_encoding_writes_are_cleaned():
    broken = {**LLAMA, "_name_or_path": "a\ud800", "hidden_act": "b\ud800"}
    found = [read_architecture(broken), parse_architecture(json.dumps(broken), "c\udfff")]
    assert [one.name for one in found] == ["a?", "c?"]
    assert found[0].kinds[0].mlp is not None
    assert found[0].kinds[0].mlp.activation == "b?"
    assert read_architecture({**VIZ, "original_architecture": "d\ud800"}).family == "d?"
    with pytest.raises(ArchitectureError) as caught:
        parse_architecture("{", "e\ud800")
    assert str(caught.value).encode()


def test_contradictions_that_can_be_drawn_are_noted():
    found = read_architecture({**VIZ, "d_head": 32, "attn_only": True})
    assert any("8 heads of 32 make 256" in note for note in found.notes)
    assert any("d_mlp=2,048 is not used" in note for note in found.notes)


@pytest.mark.parametrize(
    ("model_type", "changes", "note"),
    [
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention is on, and the weights that it brings are not"),
        ("gpt_bigcode", {"add_cross_attention": True}, "add_cross_attention is on, and the weights that it brings are not"),
        ("opt", {"_remove_final_layer_norm": True}, "Its final norm is left out, and is drawn and counted"),
    ],
)  # fmt: skip
def test_a_switch_whose_weights_are_not_counted_is_noted(model_type, changes, note):
    config = AutoConfig.for_model(model_type).to_dict()
    assert read_architecture(config).exact
    found = read_architecture({**config, **changes})
    assert not found.exact
    assert note in found.notes[-1]


def test_the_older_spelling_of_bloom_s_width_is_read():
    found = read_architecture({"model_type": "bloom", "vocab_size": 400, "n_embed": 32, "n_layer": 4, "n_head": 4})
    assert (found.d_model, found.exact) == (32, True)


@pytest.mark.parametrize("kind", [{}, {"model_type": "gemma3_text"}])
def test_what_a_gemma_3_configuration_leaves_out_is_as_transformers_fills_it_in(kind):
    short = {"hidden_size": 64, "num_hidden_layers": 12, "intermediate_size": 96}
    found = read_architecture({"model_type": "gemma3", "text_config": {**kind, **short}})
    config = AutoConfig.for_model("gemma3_text", **short)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert found.exact, found.notes
    assert found.n_params == params(model)
    whole = read_architecture(AutoConfig.for_model("gemma3_text").to_dict())
    assert read_architecture({"model_type": "gemma3", "text_config": kind}).n_params == whole.n_params
    kept = read_architecture(config.to_dict())
    assert (found.kinds, found.layers, found.n_ctx) == (kept.kinds, kept.layers, kept.n_ctx)


def test_an_unknown_family_is_a_guess_and_says_so():
    found = read_architecture({**SIZES, **MLP, "model_type": "brand_new", "rms_norm_eps": 1e-6, "rope_theta": 1e4})
    assert not found.exact
    assert "'brand_new' is not one whose weights are known" in found.notes[0]
    assert (found.norm, found.positions) == ("RMSNorm", "rotary")


def test_ten_thousand_layers_are_read_at_once():
    found = read_architecture({**VIZ, "n_layers": 10_000})
    assert (len(found.kinds), len(found.layers)) == (1, 10_000)
    assert json.dumps(found.document(), allow_nan=False)


def test_names_that_lead_nowhere_are_said_so(folders):
    for name, message in (("folder:nowhere", "no readable config.json"), ("a b", "cannot be a model's name")):
        with pytest.raises(ModelError, match=message):
            architecture_of(name)
    with pytest.raises(ArchitectureError, match="A list has no configuration"):
        architecture_of([1])
    with pytest.raises(ArchitectureError, match="no readable config"):
        architecture_of_folder(folders / "nothing")


def test_a_name_of_a_local_folder_is_read_without_its_weights(tiny_folders):
    found = architecture_of("folder:tiny-gemma2")
    assert (found.name, found.family) == ("tiny-gemma2", "gemma2")
