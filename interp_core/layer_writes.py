"""What attention heads and neurons count for in one direction of the residual stream, before any forward pass.

A head writes `z W_O`, a neuron its row of `W_out`; an architecture with a further norm behind attention or MLP (Gemma 2)
scales both, and that scale is known after the pass only. Everything here is what stands in front of that scale.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.hook_points import PostNorm
from interp_core.models import LoadedModel
from interp_core.norms import NormParts, take_apart
from interp_core.readout import pull_back


@dataclass(frozen=True)
class LayerWrite:
    """One layer's attention, or one layer's MLP."""

    weights: Float[Tensor, "..."]
    """What each entry of `z` (`"head d_head"`), or each neuron (`"neuron"`), counts for."""
    bias: float
    """What the output bias counts for."""
    norm: NormParts | None
    """The further norm, where there is one."""
    norm_bias: float
    """What that norm's bias counts for; it is not scaled."""


@dataclass(frozen=True)
class LayerWrites:
    """Of every layer; None where the architecture has no such part."""

    direction: Float[Tensor, " d_model"]
    """In the residual stream; without the final norm's scale. Float64, on the CPU."""
    attention: tuple[LayerWrite | None, ...]
    mlp: tuple[LayerWrite | None, ...]


def layer_writes(loaded: LoadedModel, direction: Float[Tensor, " d_model"]) -> LayerWrites:
    """Pull a direction of the stream back through every layer's output matrices. Costs a product with each."""
    points = {point.name: point for point in loaded.hook_points}
    attention: list[LayerWrite | None] = []
    mlp: list[LayerWrite | None] = []
    for layer, block in enumerate(loaded.model.blocks):
        z, post = points.get("z"), points.get("mlp_post")
        attention.append(
            _write(loaded, block, ("attn", "o"), "ln1_post", (z.n_heads, z.width), direction)
            if z and layer in z.layers
            else None
        )
        mlp.append(
            _write(loaded, block, ("mlp", "out"), "ln2_post", (post.width,), direction)
            if post and layer in post.layers
            else None
        )
    return LayerWrites(direction, tuple(attention), tuple(mlp))


def output_matrix(block: Any, path: tuple[str, str]) -> Any:
    """A layer's own module, such as attention's output; None where it has none."""
    return getattr(getattr(block, path[0], None), path[1], None)


def post_norm(block: Any, name: PostNorm, d_model: int) -> NormParts | None:
    """The further norm behind attention or MLP, where there is one."""
    norm = getattr(block, name, None)
    return None if norm is None else take_apart(norm, d_model, next(norm.parameters()))


def _write(
    loaded: LoadedModel,
    block: Any,
    path: tuple[str, str],
    norm_name: PostNorm,
    shape: tuple[int, ...],
    direction: Float[Tensor, " d_model"],
) -> LayerWrite | None:
    module = output_matrix(block, path)
    if module is None:
        return None
    norm = post_norm(block, norm_name, loaded.card.d_model)
    behind = direction if norm is None else norm.pull_back(direction)
    size = int(torch.tensor(shape).prod())
    weights = pull_back(module, (size,), behind).reshape(shape)
    weight = next(module.parameters())
    with torch.no_grad():
        still = module(torch.zeros(1, 1, size, dtype=weight.dtype, device=weight.device))[0, 0].double().cpu()
    return LayerWrite(weights, float(still @ behind), norm, 0.0 if norm is None else float(norm.bias @ direction))
