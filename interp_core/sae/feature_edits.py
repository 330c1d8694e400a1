"""Interventions on features of one SAE: x becomes x + (f' - f) W_dec.

What the SAE does not explain of x stays as it is, and so do the bits of every position at which no feature changes.
Several interventions on one SAE act on the activations of one encoding, in their order, as in SAELens' `run_with_saes`:
after `zero` a feature is 0, whatever else is done to others.

Sources: Bricken et al. 2023, "Towards Monosemanticity" (ablating and pinning features); Templeton et al. 2024, "Scaling
Monosemanticity" (steering by clamping, with the error term kept).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_core.attached import Hook
from interp_core.cell_edits import hooks_at
from interp_core.hook_points import HookPoint
from interp_core.interventions import Intervention
from interp_core.sae.loading import LoadedSae


@dataclass(frozen=True)
class FeatureEdit:
    """What is done to features of one SAE."""

    interventions: tuple[Intervention, ...]
    sae: LoadedSae

    @property
    def point(self) -> HookPoint:
        """What the SAE reads."""
        return self.sae.point

    @property
    def layer(self) -> int | None:
        """Where it reads."""
        return self.sae.config.layer

    def joined(self, later: "FeatureEdit") -> "FeatureEdit":
        """Both, of the same SAE, on the activations of one encoding."""
        return replace(self, interventions=self.interventions + later.interventions)

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        """The hooks that apply it in a pass that begins at position `first`; and those that only look."""
        return hooks_at(self.point, self.layer, lambda activation: self.apply(activation, first))

    def apply(self, activation: Float[Tensor, "batch pos *inner"], first: int) -> Float[Tensor, "batch pos *inner"]:
        """The edited activation; `first` is the position of its first token."""
        places = torch.arange(first, first + activation.shape[1], device=activation.device)
        if not any(bool(_among(places, one.positions).any()) for one in self.interventions):
            return activation
        # All positions are encoded, also where few are chosen: with other row counts a product rounds otherwise, and
        # setting a feature to its own value would change it.
        return self._edited(self.sae.flat(activation), places).reshape(activation.shape)

    def _edited(self, x: Float[Tensor, "batch pos d_in"], places: Tensor) -> Float[Tensor, "batch pos d_in"]:
        features = sorted({feature for one in self.interventions for feature in one.units or ()})
        columns = torch.tensor(features, device=x.device)
        # Not `LoadedSae.encode`, which takes no gradient: a gradient under this intervention has to pass through here.
        old = self.sae.module.encode(x.float())
        old = (old.to_dense() if old.is_sparse else old)[..., columns]
        new = old
        for one in self.interventions:
            mask = _among(places, one.positions)[:, None] & _among(columns, one.units)
            new = torch.where(mask, _changed(new, one), new)
        moved = new - old
        change = (moved @ self.sae.decoder_rows(columns)) * write_scale(self.sae, x)
        return torch.where((moved != 0).any(-1, keepdim=True), (x.float() + change).to(x.dtype), x)


def write_scale(sae: LoadedSae, x: Float[Tensor, "batch pos *inner"]) -> Float[Tensor, "batch pos 1"]:
    """What the decoder's rows are multiplied with at each position: 1 unless the SAE normalises what it reads.

    Must follow the encoding of `x`, once: such an SAE remembers the scale until it is asked to undo it.
    """
    zeros = x.new_zeros(*x.shape[:2], 1, dtype=torch.float32)
    undone = sae.module.run_time_activation_norm_fn_out(torch.stack([zeros + 1, zeros]))
    return undone[0] - undone[1]


def _among(numbers: Tensor, chosen: tuple[int, ...] | None) -> Bool[Tensor, " n"]:
    if chosen is None:
        return torch.ones_like(numbers, dtype=torch.bool)
    return torch.isin(numbers, torch.tensor(chosen, device=numbers.device))


def _changed(value: Float[Tensor, "batch pos feature"], one: Intervention) -> Float[Tensor, "batch pos feature"]:
    if one.action == "scale":
        return value * one.factor
    if one.action == "add":
        return value + one.factor
    return torch.full_like(value, one.factor if one.action == "set" else 0.0)
