"""Attention of many heads in one matrix: mean over the heads of a layer; mean, largest and rollout over layers.

Rollout follows attention through the layers: each layer's head mean, mixed half and half with the identity for the
residual stream, multiplied up from the first layer (Abnar and Zuidema 2020, arXiv:2005.00928). It is a heuristic about
the flow of tokens, not a measure of effect.
"""

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.attention import Patterns

Aggregate = Literal["head", "layer_mean", "mean", "largest", "rollout"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)


@torch.no_grad()
def aggregate_attention(
    patterns: Patterns, how: Aggregate, layer: int, head: int
) -> Float[np.ndarray, "query_pos key_pos"]:
    """One matrix of attention, 0 to 1. Costs one forward pass.

    Args:
        patterns: Of a run or of a saved run.
        how: `head`: one head. `layer_mean`: mean over the heads of `layer`. `mean`, `largest`: of the head means of
            all layers. `rollout`: as above. Rows sum to 1, except those of `largest`.
        layer: For `head` and `layer_mean`.
        head: For `head`.
    """
    made: list[Tensor] = []

    def see(seen: int, pattern: Tensor) -> None:
        if how in ("head", "layer_mean"):
            if seen == layer:
                made.append((pattern[head] if how == "head" else pattern.mean(0)).clone())
            return
        mean = pattern.mean(0)
        made[:] = [_combined(how, made[0], mean) if made else _first(how, mean)]

    patterns.walk(see)
    if not made:  # a layer without softmax attention
        return np.zeros((patterns.shape.n_pos, patterns.shape.n_pos), np.float32)
    total = made[0] / patterns.shape.n_layers if how == "mean" else made[0]
    return total.cpu().numpy()


def _first(how: Aggregate, mean: Float[Tensor, "query_pos key_pos"]) -> Float[Tensor, "query_pos key_pos"]:
    return _with_residual(mean) if how == "rollout" else mean


def _combined(
    how: Aggregate, so_far: Float[Tensor, "query_pos key_pos"], mean: Float[Tensor, "query_pos key_pos"]
) -> Float[Tensor, "query_pos key_pos"]:
    if how == "rollout":
        return _with_residual(mean) @ so_far
    return torch.maximum(so_far, mean) if how == "largest" else so_far + mean


def _with_residual(mean: Float[Tensor, "query_pos key_pos"]) -> Float[Tensor, "query_pos key_pos"]:
    mixed = (mean + torch.eye(len(mean), device=mean.device)) / 2
    return mixed / mixed.sum(-1, keepdim=True)
