"""How what leaves a layer's output matrices gets into the residual stream, found by comparing and not by knowing its class.

Nearly everywhere it is added as it is. Some architectures have a norm behind attention and MLP, beside the one in front
(Gemma 2) or in its place and under its name (OLMo 2); some multiply both by a number (Granite).
"""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.hook_points import NormName, layer_hook, norm_hooks
from interp_core.hooks import forward
from interp_core.models import LoadedModel
from interp_core.norms import NormParts, take_apart

Part = Literal["attn", "mlp"]
MATRIX_READS: dict[Part, str] = {"attn": "z", "mlp": "mlp_post"}
"""What the output matrix of each reads. What is then added to the stream is `attn_out`, or `mlp_out`."""
_MATRIX: dict[Part, str] = {"attn": "o", "mlp": "out"}
_NORMS: dict[Part, tuple[NormName, ...]] = {"attn": ("ln1_post", "ln1"), "mlp": ("ln2_post", "ln2")}
UNDERSTOOD = {"float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2}
"""How far computed writes may miss the model's own, relative to the largest number, by dtype."""


@dataclass(frozen=True)
class WriteRoute:
    """From the output matrix of one layer's attention, or MLP, to the stream."""

    factor: float = 1.0
    """What it is multiplied by."""
    norm: NormParts | None = None
    """The norm behind it, where there is one."""
    norm_reads: str = ""
    """Hook name of what that norm reads."""


_known: "weakref.WeakKeyDictionary[Any, Mapping[tuple[Part, int], WriteRoute]]" = weakref.WeakKeyDictionary()


def output_matrix(block: Any, part: Part) -> Any:
    """A layer's own output matrix of attention or MLP; None where it has none."""
    return getattr(getattr(block, part, None), _MATRIX[part], None)


def write_routes(loaded: LoadedModel) -> Mapping[tuple[Part, int], WriteRoute]:
    """By part and layer; those are lacking whose write is not what its matrix gives, by any way that is known here.

    Costs a forward pass over a few tokens, the first time.
    """
    found = _known.get(loaded.model)
    if found is None:
        found = _known[loaded.model] = _find(loaded)
    return found


@torch.no_grad()
def _find(loaded: LoadedModel) -> dict[tuple[Part, int], WriteRoute]:
    has = {point.name: set(point.layers) for point in loaded.hook_points}
    shown: list[tuple[Part, int]] = [
        (part, layer)
        for part, reads in MATRIX_READS.items()
        for layer in sorted(has.get(reads, set()) & has.get(f"{part}_out", set()))
        if output_matrix(loaded.model.blocks[layer], part) is not None
    ]
    names = {layer_hook(site, layer) for part, layer in shown for site in (MATRIX_READS[part], f"{part}_out")}
    tokens = loaded.tokens(tuple(range(min(4, loaded.card.d_vocab))))
    kept = forward(loaded.model, tokens, keep=sorted(names)).kept
    found: dict[tuple[Part, int], WriteRoute] = {}
    for part, layer in shown:
        read = kept[layer_hook(MATRIX_READS[part], layer)]
        made = output_matrix(loaded.model.blocks[layer], part)(read.flatten(2))
        route = _route(loaded, part, layer, made, kept[layer_hook(f"{part}_out", layer)])
        if route is not None:
            found[part, layer] = route
    return found


def _route(
    loaded: LoadedModel,
    part: Part,
    layer: int,
    made: Float[Tensor, "1 pos d_model"],
    written: Float[Tensor, "1 pos d_model"],
) -> WriteRoute | None:
    tolerance = UNDERSTOOD[loaded.spec.dtype]
    factor = float((written.double() * made.double()).sum() / made.double().pow(2).sum().clamp_min(1e-300))
    if _close(factor * made, written, tolerance):
        return WriteRoute(1.0 if abs(factor - 1) < tolerance else factor)
    for name in _NORMS[part]:
        norm = getattr(loaded.model.blocks[layer], name, None)
        if norm is not None and _close(norm(made), written, tolerance):
            parts = take_apart(norm, loaded.card.d_model, next(norm.parameters()))
            return WriteRoute(norm=parts, norm_reads=norm_hooks(name, layer)[0])
    return None


def _close(one: Tensor, other: Tensor, tolerance: float) -> bool:
    return torch.allclose(one, other, rtol=0, atol=tolerance * float(other.abs().max()))
