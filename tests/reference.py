"""An independent answer: HookedTransformer, built from a folder's own weights by TransformerLens' converters."""

import warnings
from pathlib import Path

import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights
from transformer_lens.pretrained.weight_conversions.llama import convert_llama_weights
from transformer_lens.pretrained.weight_conversions.neox import convert_neox_weights
from transformers import AutoModelForCausalLM


def hooked_transformer(folder: Path) -> HookedTransformer:
    """The model of a folder as HookedTransformer, norms folded, as our compatibility processing."""
    reference = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    hf = reference.config
    kind = hf.model_type
    shared = {
        "n_layers": hf.num_hidden_layers, "d_model": hf.hidden_size, "n_heads": hf.num_attention_heads,
        "d_head": hf.hidden_size // hf.num_attention_heads, "n_ctx": min(hf.max_position_embeddings, 512),
        "d_vocab": hf.vocab_size, "init_weights": False, "device": "cpu", "original_architecture": kind,
    }  # fmt: skip
    if kind == "gpt2":
        config = HookedTransformerConfig(
            **shared, d_mlp=4 * hf.hidden_size, act_fn="gelu_new", normalization_type="LN", eps=hf.layer_norm_epsilon
        )
        weights = convert_gpt2_weights(reference, config)
    elif kind == "llama":
        config = HookedTransformerConfig(
            **shared, d_mlp=hf.intermediate_size, act_fn="silu", normalization_type="RMS", eps=hf.rms_norm_eps,
            positional_embedding_type="rotary", rotary_dim=shared["d_head"], rotary_adjacent_pairs=False,
            rotary_base=hf.rope_parameters["rope_theta"], gated_mlp=True, final_rms=True,
            n_key_value_heads=hf.num_key_value_heads,
        )  # fmt: skip
        weights = convert_llama_weights(reference, config)
    else:
        rotary = int(shared["d_head"] * hf.rope_parameters.get("partial_rotary_factor", 1.0))
        config = HookedTransformerConfig(
            **shared, d_mlp=hf.intermediate_size, act_fn="gelu", normalization_type="LN", eps=hf.layer_norm_eps,
            positional_embedding_type="rotary", rotary_dim=rotary, rotary_adjacent_pairs=False,
            rotary_base=hf.rope_parameters["rope_theta"], parallel_attn_mlp=hf.use_parallel_residual,
        )  # fmt: skip
        weights = convert_neox_weights(reference, config)
    with warnings.catch_warnings():  # it goes away in TransformerLens 4, which is no reason not to ask it now
        warnings.simplefilter("ignore", DeprecationWarning)
        made = HookedTransformer(config)
    made.load_and_process_state_dict(weights, fold_ln=True, center_writing_weights=True, center_unembed=True)
    return made.eval()
