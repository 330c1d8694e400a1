"""Configurations of models that tests draw, with the sizes of well-known ones."""

from interp_core.architecture_reading import read_architecture

_HF = {
    "vocab_size": 400,
    "hidden_size": 64,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "max_position_embeddings": 128,
}
_WIDE = {"intermediate_size": 256}
CONFIGS = {
    "gpt2": {"model_type": "gpt2", "vocab_size": 400, "n_embd": 64, "n_layer": 6, "n_head": 8, "n_positions": 128},
    "llama": {"model_type": "llama", **_HF, **_WIDE, "num_key_value_heads": 2},
    "gemma2": {"model_type": "gemma2", **_HF, **_WIDE, "num_key_value_heads": 4, "head_dim": 16, "sliding_window": 32},
    "gpt_neox": {"model_type": "gpt_neox", **_HF, **_WIDE},
    "gptj": {"model_type": "gptj", "vocab_size": 400, "n_embd": 64, "n_layer": 6, "n_head": 8, "n_positions": 128, "rotary_dim": 4},
    "bloom": {"model_type": "bloom", "vocab_size": 400, "hidden_size": 64, "n_layer": 6, "n_head": 8},
    "olmo2": {"model_type": "olmo2", **_HF, **_WIDE},
    "mixtral": {"model_type": "mixtral", **_HF, **_WIDE, "num_local_experts": 4, "num_experts_per_tok": 2},
    "attention_only": {"n_layers": 2, "d_model": 64, "n_heads": 8, "d_head": 8, "d_mlp": 0, "d_vocab": 400, "n_ctx": 128},
    "without_norms": {
        "n_layers": 2, "d_model": 64, "n_heads": 8, "d_head": 8, "d_mlp": 256, "act_fn": "relu", "d_vocab": 400,
        "n_ctx": 128, "normalization_type": None,
    },
}  # fmt: skip


def document(name: str, **changes: object) -> dict:
    """The description of one of them, called by its name."""
    return read_architecture({**CONFIGS[name], **changes}, name).document()
