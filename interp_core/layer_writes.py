"""What attention heads and neurons count for in one direction of the residual stream, before any forward pass.

A head writes `z W_O`, a neuron its row of `W_out`; an architecture with a norm behind attention and MLP (Gemma 2) scales
both, and that scale is known after the pass only. Everything here is what stands in front of that scale.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.models import LoadedModel
from interp_core.norms import NormParts
from interp_core.readout import pull_back
from interp_core.write_routes import MATRIX_READS, Part, output_matrix, write_routes


@dataclass(frozen=True)
class LayerWrite:
    """One layer's attention, or one layer's MLP."""

    weights: Float[Tensor, "..."]
    """What each entry of `z` (`"head d_head"`), or each neuron (`"neuron"`), counts for."""
    bias: float
    """What the output bias counts for."""
    norm: NormParts | None
    """The norm behind it, where there is one."""
    norm_bias: float
    """What that norm's bias counts for; it is not scaled."""
    norm_reads: str
    """Hook name of what that norm reads."""


@dataclass(frozen=True)
class LayerWrites:
    """Of every layer; None where the architecture has no such part, or its way into the stream is not known."""

    direction: Float[Tensor, " d_model"]
    """In the residual stream; without the final norm's scale. Float64, on the CPU."""
    attention: tuple[LayerWrite | None, ...]
    mlp: tuple[LayerWrite | None, ...]


def layer_writes(loaded: LoadedModel, direction: Float[Tensor, " d_model"]) -> LayerWrites:
    """Pull a direction of the stream back through every layer's output matrices. Costs a product with each."""
    attention, mlp = (
        tuple(_write(loaded, part, layer, direction) for layer in range(loaded.card.n_layers))
        for part in ("attn", "mlp")
    )
    return LayerWrites(direction, attention, mlp)


def _write(loaded: LoadedModel, part: Part, layer: int, direction: Float[Tensor, " d_model"]) -> LayerWrite | None:
    route = write_routes(loaded).get((part, layer))
    if route is None:
        return None
    module, norm = output_matrix(loaded.model.blocks[layer], part), route.norm
    behind = direction * route.factor if norm is None else norm.pull_back(direction)
    reads = next(point for point in loaded.hook_points if point.name == MATRIX_READS[part])
    size = max(1, reads.n_heads) * reads.width
    weights = pull_back(module, (size,), behind)
    weights = weights.reshape(reads.n_heads, reads.width) if reads.n_heads else weights
    weight = next(module.parameters())
    with torch.no_grad():
        still = module(torch.zeros(1, 1, size, dtype=weight.dtype, device=weight.device))[0, 0].double().cpu()
    norm_bias = 0.0 if norm is None else float(norm.bias @ direction)
    return LayerWrite(weights, float(still @ behind), norm, norm_bias, route.norm_reads)
