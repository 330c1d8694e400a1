"""From resolved sizes and switches to the parts of a model, each with its weights."""

from dataclasses import dataclass, replace
from typing import Literal

from interp_core.architecture import Architecture, Attention, LayerKind, Mlp, Norm, Part, PartName, Positions, Weight


@dataclass(frozen=True)
class Design:
    """Everything that a configuration decides, defaults filled in."""

    n_layers: int
    d_model: int
    n_heads: int
    n_key_value_heads: int
    d_head: int
    d_mlp: int
    """0: attention alone."""
    d_vocab: int
    d_vocab_out: int
    n_ctx: int
    norm: Norm = "RMSNorm"
    norm_weights: Literal["", "w", "wb"] = "w"
    """Which weights a norm has: none, a scale, a scale and a bias."""
    pre_norms: bool = True
    post_norms: bool = False
    second_norm: bool = True
    """Whether the MLP has a norm of its own; in parallel layers it may share attention's."""
    embed_norm: bool = False
    parallel: bool = False
    positions: Positions = "rotary"
    n_positions: int = 0
    """Rows of a learned positional embedding."""
    rotary_dim: int = 0
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    gate_bias: bool = False
    unembed_bias: bool = False
    qk_norm: Literal["", "head", "full"] = ""
    activation: str = "silu"
    gated: bool = True
    tied: bool = False
    windows: tuple[int, ...] = ()
    """Of each layer; empty where none has one."""
    unrotated: tuple[int, ...] = ()
    """Layers without the rotary step, in models that otherwise have it."""
    expert_layers: tuple[int, ...] = ()
    n_experts: int = 0
    experts_per_token: int = 0
    d_expert: int = 0
    d_shared: int = 0
    shared_gate: bool = False
    """Whether the shared expert's output is scaled by a gate of its own."""
    notes: tuple[str, ...] = ()
    exact: bool = True


def assemble(design: Design, name: str, family: str, style: Literal["Hugging Face", "TransformerLens"]) -> Architecture:
    """The architecture that a design describes."""
    experts, unrotated = set(design.expert_layers), set(design.unrotated)
    kinds: dict[tuple[int, bool, bool], int] = {}
    layers = []
    for layer in range(design.n_layers):
        window = design.windows[layer] if design.windows else 0
        layers.append(kinds.setdefault((window, layer in experts, layer in unrotated), len(kinds)))
    return Architecture(
        name=name, family=family, written_as=style, exact=design.exact, notes=design.notes, n_layers=design.n_layers,
        d_model=design.d_model, d_vocab=design.d_vocab, n_ctx=design.n_ctx, norm=design.norm,
        positions=design.positions, parallel=design.parallel, tied=design.tied,
        kinds=tuple(_kind(design, *key) for key in kinds), layers=tuple(layers), before=_before(design),
        after=_after(design),
    )  # fmt: skip


def _matrix(name: str, **axes: int) -> Weight:
    return Weight(name, tuple(axes.values()), tuple(axes))


def _part(name: PartName, *weights: Weight, multiplied: int | None = None, module: str = "") -> Part:
    matrices = sum(weight.n_params for weight in weights if weight.name.startswith("W"))
    return Part(name, weights, matrices if multiplied is None else multiplied, module or name)


def _norm(design: Design, name: PartName, module: str = "") -> Part:
    weights = [_matrix(letter, d_model=design.d_model) for letter in design.norm_weights]
    return _part(name, *weights, module=module)


def _before(design: Design) -> tuple[Part, ...]:
    d_model = design.d_model
    parts = [_part("embed", _matrix("W_E", d_vocab=design.d_vocab, d_model=d_model), multiplied=0)]
    if design.positions == "learned":
        parts.append(_part("pos_embed", _matrix("W_pos", n_ctx=design.n_positions, d_model=d_model), multiplied=0))
    if design.embed_norm:
        parts.append(_norm(design, "embed_norm", "embed_ln"))
    return tuple(parts)


def _after(design: Design) -> tuple[Part, ...]:
    shape = (design.d_model, design.d_vocab_out)
    weights = [Weight("W_U", shape, ("d_model", "d_vocab"), shared=design.tied)]
    if design.unembed_bias:
        weights.append(_matrix("b_U", d_vocab=design.d_vocab_out))
    unembed = _part("unembed", *weights, multiplied=design.d_model * design.d_vocab_out)
    return (unembed,) if design.norm == "none" else (_norm(design, "ln_final"), unembed)


def _kind(design: Design, window: int, has_experts: bool, unrotated: bool) -> LayerKind:
    attention = Attention(
        design.n_heads, design.n_key_value_heads, design.d_head, 0 if unrotated else design.rotary_dim, window, design.qk_norm
    )  # fmt: skip
    mlp = None
    if has_experts:
        mlp = Mlp(
            design.d_expert, design.gated, design.activation, design.n_experts, design.experts_per_token, design.d_shared
        )  # fmt: skip
    elif design.d_mlp:
        mlp = Mlp(design.d_mlp, design.gated, design.activation)
    pre, post = design.pre_norms and design.norm != "none", design.post_norms and design.norm != "none"
    # TransformerBridge calls an only norm ln1 or ln2, whether it stands in front or behind.
    behind = ("ln1_post", "ln2_post") if pre else ("ln1", "ln2")
    parts = [_norm(design, "ln1")] if pre else []
    parts += [_attention(design), *([_norm(design, "ln1_post", behind[0])] if post else [])]
    if mlp is not None:
        parts += [_norm(design, "ln2")] if pre and design.second_norm else []
        parts += [_mlp(design, mlp), *([_norm(design, "ln2_post", behind[1])] if post else [])]
    return LayerKind(attention, mlp, tuple(parts))


def _attention(design: Design) -> Part:
    d_model, d_head, heads = design.d_model, design.d_head, design.n_heads
    count = {"Q": heads, "K": design.n_key_value_heads, "V": design.n_key_value_heads}
    weights = [_matrix(f"W_{one}", head=n, d_model=d_model, d_head=d_head) for one, n in count.items()]
    weights += [_matrix(f"b_{one}", head=n, d_head=d_head) for one, n in count.items() if design.qkv_bias]
    if design.qk_norm == "head":
        weights += [_matrix(f"w_{one}", d_head=d_head) for one in "QK"]
    elif design.qk_norm == "full":
        weights += [_matrix(f"w_{one}", head=count[one], d_head=d_head) for one in "QK"]
    weights.append(_matrix("W_O", head=heads, d_head=d_head, d_model=d_model))
    if design.o_bias:
        weights.append(_matrix("b_O", d_model=d_model))
    return _part("attn", *weights)


def _mlp(design: Design, mlp: Mlp) -> Part:
    if mlp.n_experts:
        return _experts(design, mlp)
    return _part("mlp", *_dense(design, "", d_mlp=mlp.d_mlp, leading={}))


def _dense(design: Design, suffix: str, d_mlp: int, leading: dict[str, int]) -> list[Weight]:
    d_model = design.d_model
    weights = [_matrix(f"W_in{suffix}", **leading, d_model=d_model, d_mlp=d_mlp)]
    if design.gated:
        weights.insert(0, _matrix(f"W_gate{suffix}", **leading, d_model=d_model, d_mlp=d_mlp))
    weights.append(_matrix(f"W_out{suffix}", **leading, d_mlp=d_mlp, d_model=d_model))
    if design.mlp_bias:
        weights += [_matrix(f"b_in{suffix}", **leading, d_mlp=d_mlp)]
        weights += [_matrix(f"b_gate{suffix}", **leading, d_mlp=d_mlp)] if design.gated and design.gate_bias else []
        weights += [_matrix(f"b_out{suffix}", **leading, d_model=d_model)]
    return weights


def _experts(design: Design, mlp: Mlp) -> Part:
    router = _matrix("W_router", d_model=design.d_model, expert=mlp.n_experts)
    each = _dense(design, "", mlp.d_mlp, {"expert": mlp.n_experts})
    shared = _dense(design, "_shared", mlp.d_shared, {}) if mlp.d_shared else []
    if design.shared_gate:
        shared.append(_matrix("W_shared_gate", d_model=design.d_model))
    part = _part("mlp", router, *each, *shared)
    matrices = sum(weight.n_params for weight in each if weight.name.startswith("W"))
    used = matrices // mlp.n_experts * mlp.experts_per_token
    return replace(part, multiplied=part.multiplied - matrices + used)
