"""Where a feature of an SAE on attention's heads gets its input from: direct feature attribution.

What enters the encoder is z, and every head's z is a sum over the positions that it reads: attention times value. So a
feature's pre-activation is a sum over heads and source positions, plus constants (Kissane et al. 2024, arXiv:2406.17759).
Attention itself is taken as it is.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError, SaeError
from interp_core.hook_points import layer_hook
from interp_core.hooks import watch
from interp_core.models import LoadedModel
from interp_core.sae.features import check_features, held_sae
from interp_core.sae.loading import LoadedSae
from interp_core.types import Run

_LINEAR = ("standard", "gated", "jumprelu", "topk", "abstopk")
"""Architectures with one matrix between what they read and a threshold."""


@dataclass(frozen=True)
class FeatureSources:
    """One feature's pre-activation at one position, as a sum. All in SAE units."""

    sae: str
    feature: int
    pos: int
    contribution: Float[np.ndarray, "head key_pos"]
    """Attention times value along the feature's encoder direction; 0 behind the position."""
    constant: float
    """Biases: of the encoder, and the decoder's where that is taken off the input."""
    pre_activation: float
    """In front of the threshold, from z as the model has it; of a gated SAE, the gate's."""

    @property
    def remainder(self) -> float:
        """What the sum leaves over: rounding, a bias of the values, or an intervention on z."""
        return self.pre_activation - self.constant - float(self.contribution.sum(dtype=np.float64))


def feature_sources(loaded: LoadedModel, run: Run, name: str, feature: int, pos: int) -> FeatureSources:
    """Take a feature's pre-activation at a position apart by head and source position.

    Costs one forward pass up to the SAE's layer.

    Raises:
        InterpError: The SAE does not read z through one matrix, or lacks the feature; or there is no such position.
        MemoryLimitError: The pass would not fit.
    """
    n_pos = len(run.tokens)
    sae = held_sae(loaded, name)
    check_features(sae.config, name, [feature])
    layer = _layer(loaded, sae, name)
    if not 0 <= pos < n_pos:
        raise InterpError(f"The prompt has {n_pos} tokens, so there is no position {pos}. Give 0 to {n_pos - 1}.")
    loaded.check_run(n_pos)
    seen: dict[str, Tensor] = {}
    look = {
        layer_hook("v", layer): lambda values: seen.update(v=values[0].float()),
        layer_hook("pattern", layer): lambda pattern: seen.update(pattern=pattern[0, :, pos].float()),
        layer_hook("z", layer): lambda z: seen.update(z=z[0, pos].float()),
    }
    watch(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run), look)
    direction, constant = _encoder(sae, feature)
    by_head = direction.reshape(seen["z"].shape)
    # Query heads share the value heads in equal groups.
    shared = seen["v"].repeat_interleave(len(by_head) // seen["v"].shape[1], dim=1)
    contribution = seen["pattern"] * torch.einsum("phd,hd->hp", shared, by_head)
    total = float((seen["z"].double() * by_head.double()).sum()) + constant
    return FeatureSources(name, feature, pos, contribution.cpu().numpy(), constant, total)


def _layer(loaded: LoadedModel, sae: LoadedSae, name: str) -> int:
    points = {point.name: point for point in loaded.hook_points}
    layer = sae.config.layer
    if sae.point.name != "z" or layer is None:
        raise SaeError(f"{name} reads {sae.config.place}. Only what an SAE reads from heads (z) has source positions.")
    if sae.config.architecture not in _LINEAR or sae.module.cfg.normalize_activations in (
        "layer_norm",
        "constant_norm_rescale",
    ):
        raise SaeError(
            f"{name} is a {sae.config.architecture} SAE, or normalises what it reads, so a feature is not a sum over what it "
            "reads. Choose an SAE with one encoder matrix and no normalisation."
        )
    if any(site not in points or layer not in points[site].layers for site in ("v", "pattern")):
        raise SaeError(f"{loaded.card.name} does not show attention and values in layer {layer}. Pick another model.")
    return layer


@torch.no_grad()
def _encoder(sae: LoadedSae, feature: int) -> tuple[Float[Tensor, " d_in"], float]:
    """What the input is multiplied with, and what is added."""
    module = sae.module
    direction = module.W_enc[:, feature].float()
    bias = float(module.b_gate[feature] if sae.config.architecture == "gated" else module.b_enc[feature])
    if module.cfg.apply_b_dec_to_input:
        bias -= float(module.b_dec.double() @ direction.double())
    counts = bool(getattr(module.cfg, "rescale_acts_by_decoder_norm", False))
    norm = float(module.W_dec[feature].norm()) if counts else 1.0
    return direction * norm, bias * norm
