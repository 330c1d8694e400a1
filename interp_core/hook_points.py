"""Hook points by one name each, and what their axes are.

TransformerBridge gives many points two names. Names are made canonical here, before anything is validated, keyed or put
into a link, so that no edit is applied twice. No torch here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from interp_core.errors import InterventionError

Axes = Literal["pos", "pos head", "head query_pos key_pos"]
"""What lies between the batch axis and the last one, which is named apart; a pattern has its key positions last."""

_SHORT = {
    "hook_resid_pre": "resid_pre",
    "hook_resid_mid": "resid_mid",
    "hook_resid_post": "resid_post",
    "hook_attn_out": "attn_out",
    "hook_mlp_out": "mlp_out",
    "attn.hook_q": "q",
    "attn.hook_k": "k",
    "attn.hook_v": "v",
    "attn.hook_z": "z",
    "attn.hook_pattern": "pattern",
    "attn.hook_attn_scores": "attn_scores",
    "mlp.hook_pre": "mlp_pre",
    "mlp.hook_post": "mlp_post",
    "hook_embed": "embed",
    "hook_pos_embed": "pos_embed",
    "attn.hook_result": "result",
    "hook_q_input": "q_input",
    "hook_k_input": "k_input",
    "hook_v_input": "v_input",
    "hook_attn_in": "attn_in",
    "hook_mlp_in": "mlp_in",
}
_LONG = {short: long for long, short in _SHORT.items()}
_SHORT |= {f"attn.hook_{name}": name for name in ("q_input", "k_input", "v_input", "attn_in")}
MAIN_POINTS = (
    "z", "pattern", "q", "k", "v", "attn_out", "mlp_out", "mlp_post", "resid_pre", "resid_mid", "resid_post", "embed",
    "result", "q_input", "k_input", "v_input", "attn_in", "mlp_in",
)  # fmt: skip
"""Those that a menu names first."""
_OUTSIDE = ("embed", "pos_embed")
DERIVED_POINTS = ("result", "q_input", "k_input", "v_input", "attn_in", "mlp_in")
"""Those that an ordinary forward pass does not compute; `derived_points` does."""


@dataclass(frozen=True)
class HookPoint:
    """One kind of hook point, in every layer that has it."""

    name: str
    """Short name such as `z` or `resid_pre`; where the field has none, the hook's name without its layer."""
    axes: Axes
    width: int
    """Length of the last axis; 0 for key positions."""
    n_heads: int
    """Heads that the point has: those of keys and values may be fewer than the queries'. 0 without a head axis."""
    layers: tuple[int, ...]
    """Layers that have it; empty for a point outside the layers."""

    @property
    def derived(self) -> bool:
        """Whether an ordinary forward pass does not compute it."""
        return self.name in DERIVED_POINTS

    def hook(self, layer: int | None) -> str:
        """The model's name of it in a layer."""
        name = _LONG.get(self.name, self.name)
        return name if layer is None else f"blocks.{layer}.{name}"


NormName = Literal["ln1", "ln1_post", "ln2", "ln2_post"]
"""A layer's norms: of attention and of the MLP, and a further one behind each."""
FINAL_RESID_HOOK = "ln_final.hook_in"
"""The residual stream after the last layer, as the final norm reads it, `"batch pos d_model"`."""


def layer_hook(short: str, layer: int) -> str:
    """The model's name of a short name in a layer."""
    return f"blocks.{layer}.{_LONG[short]}"


def full_name(short: str, layer: int | str) -> str:
    """The model's name of a short name; outside the layers, a name has none."""
    name = _LONG.get(short, short)
    return name if short in _OUTSIDE or short.startswith("ln_final") else f"blocks.{layer}.{name}"


def output_hook(layer: int) -> str:
    """What leaves W_O, with its bias, before any further norm, `"batch pos d_model"`."""
    return f"blocks.{layer}.attn.o.hook_out"


def norm_hooks(norm: NormName, layer: int) -> tuple[str, str]:
    """What a layer's norm reads and gives."""
    return f"blocks.{layer}.{norm}.hook_in", f"blocks.{layer}.{norm}.hook_out"


def canonical_name(name: str) -> tuple[str, int | None]:
    """Short name and layer (None where none is given) of a hook name in any of its spellings."""
    layer, rest = None, name.strip()
    if rest.startswith("blocks."):
        number, _, tail = rest.removeprefix("blocks.").partition(".")
        if number.isascii() and number.isdigit() and len(number) < 6 and tail:
            layer, rest = int(number), tail
    return _SHORT.get(rest, rest), layer


def point_named(points: Iterable[HookPoint], name: str) -> HookPoint:
    """The point of a short name.

    Raises:
        InterventionError: The model has none by that name.
    """
    known = {point.name: point for point in points}
    if name in known:
        return known[name]
    if name in _LACKING:
        raise InterventionError(f"This model has no {name}{_LACKING[name]}")
    near = [point for point in MAIN_POINTS if point in known]
    raise InterventionError(
        f"This model has no hook point {name[:60]!r} that a forward pass reaches. It has {', '.join(near)} and "
        f"{len(known) - len(near)} more: pick one of the list on the Ablate page."
    )


_NO_PROJECTION = (
    ": its heads do not read the residual stream by one norm and one matrix each, or do not show it. Act on q, k or v."
)
_NOT_READ = " that can be changed: its attention is computed without what it shows there, or it shows none. Act on z, or on q and k."
_LACKING = {
    "pattern": _NOT_READ,
    "attn_scores": _NOT_READ,
    "result": ": its heads do not write by one matrix each, or do not show it. Act on z or attn_out.",
    "q_input": _NO_PROJECTION,
    "k_input": _NO_PROJECTION,
    "v_input": _NO_PROJECTION,
    "attn_in": ": several query heads share a key and value head, or the architecture does not show what a head reads. Act on "
    "q_input, k_input or v_input, or on ln1.hook_in for all heads at once.",
    "mlp_in": ": its MLP does not read the residual stream by a norm of its own. Act on mlp_out.",
}
