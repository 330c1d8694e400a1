"""What the families of decoder-only models have, by their Hugging Face model type: what their configurations leave unsaid.

A value in a pair, such as `("attention_bias", False)`, is a switch of the configuration with its default. Each family is
compared with the parameters of transformers' own model in the tests.
"""

from dataclasses import dataclass, replace
from typing import Literal

from interp_core.architecture import Norm, Positions

Switch = bool | tuple[str, bool]


@dataclass(frozen=True)
class Family:
    """One model type."""

    norm: Norm = "RMSNorm"
    norm_weights: Literal["", "w", "wb"] = "w"
    pre_norms: bool = True
    post_norms: bool = False
    embed_norm: bool = False
    qk_norm: Literal["", "head", "full"] = ""
    parallel: Switch = False
    second_norm: bool = True
    """Whether the MLP of parallel layers has a norm of its own."""
    positions: Positions = "rotary"
    rotary_share: float = 1.0
    """Part of each head that is rotated, where the configuration does not say."""
    more_positions: int = 0
    """Rows of the positional embedding beyond the context."""
    qkv_bias: Switch = False
    o_bias: Switch = False
    mlp_bias: Switch = False
    unembed_bias: bool = False
    gated: bool = True
    activation: str = "silu"
    tied: bool = False
    """Where the configuration does not say."""
    d_head: int = 0
    """Where the configuration does not say; 0: d_model / heads."""
    windows: Literal["", "all", "odd_full", "sixth_full"] = ""
    """Layers that have the sliding window where the configuration does not list them."""
    experts: Literal["", "all", "steps"] = ""
    """Layers that have experts: all, or those that the configuration counts out."""
    expert_width: str = "moe_intermediate_size"
    unknown: tuple[str, ...] = ()
    """Switches that bring weights which are not counted here."""


_LLAMA = Family(qkv_bias=("attention_bias", False), o_bias=("attention_bias", False), mlp_bias=("mlp_bias", False))
_BARE = Family()
_GPT2 = Family(
    norm="LayerNorm", norm_weights="wb", positions="learned", qkv_bias=True, o_bias=True, mlp_bias=True, gated=False,
    activation="gelu_new", tied=True,
)  # fmt: skip
_CROSS = replace(_GPT2, unknown=("add_cross_attention",))
_GEMMA = Family(
    qkv_bias=("attention_bias", False), o_bias=("attention_bias", False), activation="gelu_pytorch_tanh", tied=True, d_head=256
)  # fmt: skip
_GEMMA2 = replace(_GEMMA, post_norms=True, windows="odd_full")
_GPTJ = replace(
    _GPT2, positions="rotary", qkv_bias=False, o_bias=False, unembed_bias=True, parallel=True, second_norm=False, tied=False
)  # fmt: skip
_QWEN3 = Family(qkv_bias=("attention_bias", False), o_bias=("attention_bias", False), qk_norm="head", d_head=128)
_BLOOM = replace(_GPT2, positions="alibi", embed_norm=True, activation="gelu")
_COHERE = Family(
    norm="LayerNorm", parallel=True, second_norm=False, qkv_bias=("attention_bias", False), o_bias=("attention_bias", False),
    tied=True, unknown=("use_qk_norm",),
)  # fmt: skip
_FALCON = replace(
    _GPT2, positions="rotary", qkv_bias=("bias", False), o_bias=("bias", False), mlp_bias=("bias", False), activation="gelu",
    parallel=("parallel_attn", True), second_norm=False,
)  # fmt: skip
_OLMO = Family(norm="LayerNorm", norm_weights="", qkv_bias=("attention_bias", False), o_bias=("attention_bias", False))

FAMILIES: dict[str, Family] = {
    "gpt2": _CROSS,
    "gpt_bigcode": replace(_CROSS, activation="gelu_pytorch_tanh"),
    "gpt_neo": replace(_GPT2, qkv_bias=False),
    "gpt_neox": replace(
        _GPT2, positions="rotary", rotary_share=0.25, qkv_bias=("attention_bias", True), o_bias=("attention_bias", True),
        parallel=("use_parallel_residual", True), activation="gelu", tied=False,
    ),
    "gptj": _GPTJ,
    "codegen": _GPTJ,
    "opt": replace(
        _GPT2, qkv_bias=("enable_bias", True), o_bias=("enable_bias", True), mlp_bias=("enable_bias", True),
        activation="relu", more_positions=2,
    ),
    "bloom": _BLOOM,
    "falcon": _FALCON,
    "mpt": replace(
        _BLOOM, embed_norm=False, norm_weights="w", qkv_bias=False, o_bias=False, mlp_bias=False,
    ),
    "llama": _LLAMA,
    "smollm3": replace(_LLAMA, tied=True),
    "granite": _LLAMA,
    "mistral": replace(_BARE, windows="all"),
    "ministral": replace(_BARE, windows="all"),
    "mixtral": replace(_BARE, windows="all", experts="all", expert_width="intermediate_size"),
    "phi3": replace(_BARE, windows="all"),
    "phi": replace(
        _GPT2, positions="rotary", rotary_share=0.5, parallel=True, second_norm=False, unembed_bias=True, tied=False,
        unknown=("qk_layernorm",),
    ),
    "qwen2": replace(_BARE, qkv_bias=True),
    "qwen2_moe": replace(_BARE, qkv_bias=("qkv_bias", True), experts="steps"),
    "qwen3": _QWEN3,
    "qwen3_moe": replace(_QWEN3, experts="steps", d_head=0),
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": replace(_GEMMA2, qk_norm="head", windows="sixth_full"),
    "gemma3": replace(_GEMMA2, qk_norm="head", windows="sixth_full"),
    "olmo": _OLMO,
    "olmo2": replace(_OLMO, norm="RMSNorm", norm_weights="w", pre_norms=False, post_norms=True, qk_norm="full"),
    "olmoe": replace(
        _OLMO, norm="RMSNorm", norm_weights="w", qk_norm="full", experts="all", expert_width="intermediate_size"
    ),
    "cohere": _COHERE,
    "stablelm": Family(
        norm="LayerNorm", norm_weights="wb", rotary_share=0.25, qkv_bias=("use_qkv_bias", False), second_norm=False,
        parallel=("use_parallel_residual", False), unknown=("qk_layernorm",),
    ),
    "starcoder2": Family(
        norm="LayerNorm", norm_weights="wb", qkv_bias=("use_bias", True), o_bias=("use_bias", True),
        mlp_bias=("use_bias", True), gated=False, activation="gelu_pytorch_tanh", tied=True, windows="all",
    ),
    "nemotron": Family(
        norm="LayerNorm", norm_weights="wb", rotary_share=0.5, qkv_bias=("attention_bias", False),
        o_bias=("attention_bias", False), mlp_bias=("mlp_bias", False), gated=False, activation="relu2",
    ),
}  # fmt: skip

_GEMMA3 = {
    "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8,
    "num_key_value_heads": 4, "vocab_size": 262_208, "max_position_embeddings": 131_072, "sliding_window": 4096,
}  # fmt: skip
DEFAULTS: dict[str, dict[str, int]] = {"gemma3": _GEMMA3, "gemma3_text": _GEMMA3}
"""Sizes that transformers' class fills in, of families whose models are published without them."""
