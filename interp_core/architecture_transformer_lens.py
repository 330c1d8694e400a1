"""TransformerLens configurations, and the short dictionaries that transformer_viz takes: the same names, fewer of them.

Weights are counted as HookedTransformer has them: every projection with a bias, an unembedding of its own, norms without
weights where they were folded (`LNPre`, `RMSPre`).
"""

from collections.abc import Mapping
from typing import Any, Literal

from interp_core.architecture import Norm, Positions
from interp_core.architecture_fields import MOST_HEADS, MOST_LAYERS, Fields
from interp_core.architecture_parts import Design

_NORMS: dict[str, tuple[Norm, Literal["", "w", "wb"]]] = {
    "LN": ("LayerNorm", "wb"), "LNPre": ("LayerNorm", ""), "RMS": ("RMSNorm", "w"), "RMSPre": ("RMSNorm", ""),
    "none": ("none", ""),
}  # fmt: skip
_POSITIONS: dict[str, Positions] = {
    "standard": "learned", "shortformer": "learned", "rotary": "rotary", "alibi": "alibi", "none": "none",
}  # fmt: skip
_ASSUMED_CTX = 1024


def read_transformer_lens(config: Mapping[str, Any], name: str) -> Design:
    """The design of a configuration.

    Raises:
        ArchitectureError: A size is missing or cannot be.
    """
    fields, notes = Fields(config, name), []
    n_layers, d_model = fields.count("n_layers", most=MOST_LAYERS), fields.count("d_model")
    n_heads, d_head = _heads(fields, d_model, notes)
    n_key_value_heads = fields.key_value_heads("n_key_value_heads", n_heads)
    d_mlp = fields.count("d_mlp", default=0 if fields.flag("attn_only", False) else 4 * d_model, least=0)
    if fields.flag("attn_only", False) and d_mlp:
        notes.append(f"attn_only is on, so d_mlp={d_mlp:,} is not used.")
        d_mlp = 0
    norm, norm_weights = _norm(fields)
    positions = _positions(fields, notes)
    n_ctx = fields.count("n_ctx", default=0, least=0)
    if positions == "learned" and not n_ctx:
        notes.append(f"n_ctx is not given, so the positional embedding is counted with {_ASSUMED_CTX:,} positions.")
    d_vocab = fields.count("d_vocab")
    d_vocab_out = d_vocab if config.get("d_vocab_out") in (None, -1) else fields.count("d_vocab_out")
    n_experts = fields.count("num_experts", default=0, least=0)
    if n_experts:
        notes.append("Weights of experts are counted without biases.")
    is_bridge = bool(fields.text("architecture"))
    if is_bridge:
        notes.append(
            "A TransformerBridge's configuration does not say which biases there are and whether the unembedding is tied: "
            "counts are an estimate. The model itself, or its config.json, is counted exactly."
        )
    return Design(
        n_layers, d_model, n_heads, n_key_value_heads, d_head, d_mlp, d_vocab, d_vocab_out, n_ctx, norm=norm,
        norm_weights=norm_weights, post_norms=fields.flag("use_normalization_before_and_after", False),
        parallel=fields.flag("parallel_attn_mlp", False), positions=positions,
        n_positions=n_ctx or _ASSUMED_CTX,
        rotary_dim=fields.count("rotary_dim", default=d_head, least=0) if positions == "rotary" else 0,
        qkv_bias=True, o_bias=True, mlp_bias=not n_experts, unembed_bias=True,
        qk_norm="head" if fields.flag("use_qk_norm", False) else "",
        activation=fields.text("act_fn"), gated=fields.flag("gated_mlp", False), windows=_windows(fields, n_layers),
        expert_layers=tuple(range(n_layers)) if n_experts else (), n_experts=n_experts,
        experts_per_token=fields.count("experts_per_token", default=1, most=n_experts) if n_experts else 0,
        d_expert=d_mlp, notes=tuple(notes), exact=not n_experts and not is_bridge,
    )  # fmt: skip


def _heads(fields: Fields, d_model: int, notes: list[str]) -> tuple[int, int]:
    """TransformerLens writes -1 for heads that follow from the widths."""
    unknown = fields.config.get("n_heads") in (None, -1)
    d_head = fields.count("d_head", default=0, least=0)
    if unknown and d_head:
        fields = Fields({"n_heads": max(1, d_model // d_head)}, fields.name)
    n_heads = fields.count("n_heads", most=MOST_HEADS)
    if not d_head:
        if d_model % n_heads:
            raise fields.refuse(f"a width of {d_model:,} cannot be shared by {n_heads:,} heads. Give d_head.")
        d_head = d_model // n_heads
    if n_heads * d_head != d_model:
        notes.append(f"{n_heads:,} heads of {d_head:,} make {n_heads * d_head:,}, and d_model is {d_model:,}.")
    return n_heads, d_head


def _norm(fields: Fields) -> tuple[Norm, Literal["", "w", "wb"]]:
    written = fields.text("normalization_type", default="LN")
    if "normalization_type" in fields.config and fields.config["normalization_type"] is None:
        written = "none"
    if written not in _NORMS:
        raise fields.refuse(
            f"normalization_type is {written[:40]!r}, and must be one of {', '.join(_NORMS)}. Correct it."
        )
    return _NORMS[written]


def _positions(fields: Fields, notes: list[str]) -> Positions:
    written = fields.text("positional_embedding_type", default="standard")
    if written not in _POSITIONS:
        notes.append(f"How {written[:40]!r} gives positions is not drawn, and weights that it has are not counted.")
    return _POSITIONS.get(written, "other")


def _windows(fields: Fields, n_layers: int) -> tuple[int, ...]:
    window = fields.count("window_size", default=0, least=0)
    if not window or not fields.flag("use_local_attn", False):
        return ()
    kinds = fields.per_layer("attn_types", n_layers) or ("local",) * n_layers
    return tuple(window if kind == "local" else 0 for kind in kinds)
