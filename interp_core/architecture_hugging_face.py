"""Hugging Face configurations: `config.json` of a model folder."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from interp_core.architecture_families import DEFAULTS, FAMILIES, Family, Switch
from interp_core.architecture_fields import MOST_HEADS, MOST_LAYERS, Fields
from interp_core.architecture_parts import Design
from interp_core.architecture_refinements import REFINED

_N_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_D_MODEL = ("hidden_size", "n_embd", "d_model", "n_embed")
_N_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_D_MLP = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")
_N_CTX = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
_ACTIVATION = ("hidden_act", "hidden_activation", "activation_function")


def read_hugging_face(config: Mapping[str, Any], name: str) -> tuple[Design, str]:
    """The design of a configuration, and its model type.

    Raises:
        ArchitectureError: A size is missing or cannot be, or this is no decoder-only language model.
    """
    config, notes = _text_part(config)
    model_type = Fields(config, name).text("model_type")
    said = {key: value for key, value in config.items() if value is not None}
    fields = Fields({**DEFAULTS.get(model_type, {}), **said}, name)
    kinds = fields.texts("architectures")
    if config.get("is_encoder_decoder") or any("MaskedLM" in kind for kind in kinds):
        what = model_type or next(iter(kinds), "this")[:80]
        raise fields.refuse(f"{what} is not a decoder-only language model. Give one that is.")
    if not fields.has(*_N_HEADS):
        raise fields.refuse(
            "the configuration has no num_attention_heads. Models without attention are not drawn; add it if it was left out."
        )
    family = FAMILIES.get(model_type)
    if family is None:
        family = _guess(fields)
        notes.append(
            f"The model type {model_type[:40]!r} is not one whose weights are known here: the diagram and the counts are a guess "
            "by the sizes and names in the configuration."
        )
    design = _sizes(fields, family)
    design = REFINED.get(model_type, lambda _, same: same)(fields, design)
    uncounted = [switch for switch in family.unknown if fields.flag(switch, False)]
    notes += [f"{switch} is on, and the weights that it brings are not counted." for switch in uncounted]
    exact = design.exact and model_type in FAMILIES and not uncounted
    return replace(design, notes=(*notes, *design.notes), exact=exact), model_type


def _text_part(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    inner = config.get("text_config")
    if not isinstance(inner, Mapping):
        return config, []
    outer = {name: config[name] for name in ("tie_word_embeddings", "model_type") if name in config}
    return {**outer, **inner}, ["Of a model of several kinds of input, the part that reads text is drawn."]


def _guess(fields: Fields) -> Family:
    rotary = fields.has("rope_theta", "rope_parameters", "rope_scaling", "rotary_dim", "rotary_pct")
    activation = fields.text(*_ACTIVATION, default="silu")
    family = Family(positions="rotary" if rotary else "learned", gated=activation in ("silu", "swish"))
    if not fields.has("rms_norm_eps"):
        family = replace(family, norm="LayerNorm", norm_weights="wb", qkv_bias=True, o_bias=True, mlp_bias=True)
    return replace(family, experts="all" if _n_experts(fields) else "")


def _n_experts(fields: Fields) -> int:
    return fields.count("num_local_experts", "num_experts", "n_routed_experts", default=0, least=0)


def _sizes(fields: Fields, family: Family) -> Design:
    n_layers = fields.count(*_N_LAYERS, most=MOST_LAYERS)
    d_model, n_heads = fields.count(*_D_MODEL), fields.count(*_N_HEADS, most=MOST_HEADS)
    d_head = fields.count("head_dim", default=family.d_head, least=0)
    if not d_head:
        if d_model % n_heads:
            raise fields.refuse(f"a width of {d_model:,} cannot be shared by {n_heads:,} heads. Correct one of them.")
        d_head = d_model // n_heads
    n_key_value_heads = fields.key_value_heads("num_key_value_heads", n_heads)
    d_vocab, n_ctx = fields.count("vocab_size"), fields.count(*_N_CTX, default=0, least=0)
    parallel = _on(fields, family.parallel)
    mlp_bias = _on(fields, family.mlp_bias)
    rotary_dim = _rotary_dim(fields, family, d_head) if family.positions == "rotary" else 0
    design = Design(
        n_layers, d_model, n_heads, n_key_value_heads, d_head, fields.count(*_D_MLP, default=4 * d_model), d_vocab, d_vocab, n_ctx,
        norm=family.norm, norm_weights=family.norm_weights, pre_norms=family.pre_norms, post_norms=family.post_norms,
        second_norm=family.second_norm or not parallel, embed_norm=family.embed_norm, parallel=parallel,
        positions=family.positions, n_positions=n_ctx + family.more_positions, rotary_dim=rotary_dim,
        qkv_bias=_on(fields, family.qkv_bias), o_bias=_on(fields, family.o_bias), mlp_bias=mlp_bias, gate_bias=mlp_bias,
        unembed_bias=family.unembed_bias, qk_norm=family.qk_norm,
        activation=fields.text(*_ACTIVATION[::-1], default=family.activation), gated=family.gated,
        tied=fields.flag("tie_word_embeddings", family.tied), windows=_windows(fields, family, n_layers),
        unrotated=_unrotated(fields, n_layers),
    )  # fmt: skip
    return _with_experts(fields, family, design) if family.experts else design


def _on(fields: Fields, switch: Switch) -> bool:
    return switch if isinstance(switch, bool) else fields.flag(*switch)


def _rotary_dim(fields: Fields, family: Family, d_head: int) -> int:
    nested = fields.config.get("rope_parameters") or fields.config.get("rope_scaling")
    inner = Fields(nested if isinstance(nested, Mapping) else {}, fields.name)
    share = inner.share("partial_rotary_factor", default=family.rotary_share)
    share = fields.share("rotary_pct", "partial_rotary_factor", default=share)
    return min(d_head, fields.count("rotary_dim", default=int(d_head * share), least=0))


def _windows(fields: Fields, family: Family, n_layers: int) -> tuple[int, ...]:
    window = fields.count("sliding_window", default=0, least=0)
    if not window or not fields.flag("use_sliding_window", True):
        return ()
    listed = fields.per_layer("layer_types", n_layers)
    if listed is not None:
        return tuple(window if kind == "sliding_attention" else 0 for kind in listed)
    full_from = {"all": n_layers + 1, "odd_full": 2, "sixth_full": 6, "": 0}[family.windows]
    every = fields.count("sliding_window_pattern", default=full_from) if full_from else 0
    if not every:
        first = fields.count("max_window_layers", default=n_layers, least=0)
        return tuple(window if layer >= first else 0 for layer in range(n_layers))
    return tuple(0 if (layer + 1) % every == 0 else window for layer in range(n_layers))


def _unrotated(fields: Fields, n_layers: int) -> tuple[int, ...]:
    """Layers that leave out the rotary step: the list says 1 where it is applied."""
    applied = fields.per_layer("no_rope_layers", n_layers)
    return () if applied is None else tuple(layer for layer, on in enumerate(applied) if not on)


def _with_experts(fields: Fields, family: Family, design: Design) -> Design:
    n_experts = _n_experts(fields)
    step = fields.count("decoder_sparse_step", default=1)
    dense = set(fields.integers("mlp_only_layers"))
    layers = [layer for layer in range(design.n_layers) if layer not in dense and (layer + 1) % step == 0]
    if not n_experts:
        return design
    used = fields.count("num_experts_per_tok", "num_experts_per_token", default=1)
    if used > n_experts:
        raise fields.refuse(f"each token uses {used} of {n_experts} experts, more than there are. Correct one of them.")
    d_shared = fields.count("shared_expert_intermediate_size", default=0, least=0)
    return replace(
        design, expert_layers=tuple(layers), n_experts=n_experts, experts_per_token=used,
        d_expert=fields.count(family.expert_width, "intermediate_size"), d_shared=d_shared, shared_gate=d_shared > 0,
    )  # fmt: skip
