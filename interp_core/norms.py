"""Norms taken apart: weight, bias and centring, found by asking the norm and not by knowing its class.

Every norm that the Bridge loads is, at one position, `weight * (x - mean(x)) / scale + bias`, or the same without the
mean. Three inputs tell all three; the scale at a position then follows from what went in and what came out. That holds
for raw and processed weights, and for weights stored as an offset from 1.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_LARGE = 1000.0
"""Large beside the epsilon under the norm's root, which then does not matter."""


@dataclass(frozen=True)
class NormParts:
    """One norm, but for its scale. Float64, on the CPU."""

    weight: Float[Tensor, " d_model"]
    bias: Float[Tensor, " d_model"]
    centres: bool
    """Whether the mean is taken off first (LayerNorm) or not (RMSNorm)."""

    def inverse_scale(
        self, entering: Float[Tensor, "*pos d_model"], leaving: Float[Tensor, "*pos d_model"]
    ) -> Float[Tensor, "*pos"]:
        """1 / scale at every position, from what entered the norm and what left it."""
        unscaled = self.weight * self.centred(entering.double().cpu())
        moved = leaving.double().cpu() - self.bias
        return (moved * unscaled).sum(-1) / (unscaled**2).sum(-1).clamp_min(1e-300)

    def centred(self, x: Float[Tensor, "*pos d_model"]) -> Float[Tensor, "*pos d_model"]:
        """Without its mean, where the norm takes it off."""
        return x - x.mean(-1, keepdim=True) if self.centres else x

    def pull_back(self, direction: Float[Tensor, " d_model"]) -> Float[Tensor, " d_model"]:
        """The direction in front of the norm that reads what `direction` reads behind it, times the scale."""
        return self.centred(self.weight * direction)


@torch.no_grad()
def take_apart(norm: Any, d_model: int, like: Tensor) -> NormParts:
    """Ask a norm for its parts.

    Args:
        norm: Module that takes and returns `"batch pos d_model"`.
        d_model: Its width.
        like: A tensor of the dtype and on the device that the norm takes.
    """
    probe = torch.ones(d_model, dtype=torch.float64)
    probe[1::2] = -1
    if d_model % 2:
        probe[-1] = -2.0  # with the two ones before it: the mean stays 0, and no place is 0
        probe[-2] = 1.0
    ones = torch.ones_like(probe)
    asked = torch.stack([torch.zeros_like(probe), _LARGE * probe, _LARGE * ones])
    answers = norm(asked[None].to(dtype=like.dtype, device=like.device))[0].double().cpu()
    bias = answers[0]
    weight = (answers[1] - bias) * probe.pow(2).mean().sqrt() / probe
    centres = bool((answers[2] - bias).abs().max() < 0.5 * weight.abs().max())
    return NormParts(weight, bias, centres)
