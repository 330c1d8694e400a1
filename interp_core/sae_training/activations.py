"""Activations to train SAEs on: one pass of the model feeds all of them, and positions of extreme norm are left out.

The first position carries more than a hundred times the usual norm from layer 10 of the default model on, and before that a
few others, mostly " the", carry several times as much (attention sinks; Sun et al. 2024, arXiv:2402.17762). A reconstruction
loss would see little else: at layer 7, 1.3 % of the positions hold 29 % of the variance. So a position whose norm at a hook
point is more than `factor` times the median there is left out of training at that hook point.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_core.hooks import watch
from interp_core.models import LoadedModel

Look = Callable[[str, int, Float[Tensor, "window context d_in"]], None]
"""Takes a hook name, the place of the first window, and the activations of some windows."""


@dataclass(frozen=True)
class Calibration:
    """What activations at one hook point are like, measured before training and kept with it."""

    norm_limit: float
    """Norm above which a position is left out."""
    scale: float
    """Brings the mean norm of the other positions to the root of `d_in`; folded into the weights before they are saved."""
    mean: Float[Tensor, " d_in"]
    """Of the other positions, in the model's own units: where the decoder's bias starts."""

    def kept(self, activations: Float[Tensor, "*batch d_in"]) -> Bool[Tensor, "*batch"]:
        """Which positions are not left out."""
        return activations.float().norm(dim=-1) <= self.norm_limit


@torch.no_grad()
def look_at_windows(
    loaded: LoadedModel, windows: Int[Tensor, "window context"], hooks: Sequence[str], look: Look, *, rows: int
) -> None:
    """Show the activations of every window at every hook point, `rows` windows at a time.

    Costs one forward pass over the windows, up to the last of the hook points.
    """
    for start in range(0, len(windows), rows):
        seers = {name: _seer(look, name, start) for name in hooks}
        watch(loaded.model, windows[start : start + rows].to(loaded.device), (), seers)


def _seer(look: Look, name: str, start: int) -> Callable[[Tensor], None]:
    def see(activations: Tensor) -> None:
        look(name, start, activations)

    return see


def calibrate(
    loaded: LoadedModel, windows: Int[Tensor, "window context"], hooks: Sequence[str], *, factor: float, rows: int
) -> dict[str, Calibration]:
    """Measure what is left out, and the scale of the rest, on some windows. Costs one forward pass over them."""
    seen: dict[str, list[Tensor]] = {name: [] for name in hooks}
    look_at_windows(
        loaded, windows, hooks, lambda name, _, found: seen[name].append(found.float().flatten(0, 1)), rows=rows
    )
    made = {}
    for name, parts in seen.items():
        activations = torch.cat(parts)
        norms = activations.norm(dim=-1)
        limit = factor * float(norms.median())
        usual = norms <= limit
        scale = math.sqrt(activations.shape[-1]) / float(norms[usual].mean())
        made[name] = Calibration(limit, scale, activations[usual].mean(0).cpu())
    return made


def harvest(
    loaded: LoadedModel,
    windows: Int[Tensor, "window context"],
    calibrations: dict[str, Calibration],
    *,
    rows: int,
) -> dict[str, Float[Tensor, "token d_in"]]:
    """The activations that are not left out, by hook name, in the model's own dtype and on its device.

    Costs one forward pass, and `windows * context * d_in` numbers of memory a hook point.
    """
    seen: dict[str, list[Tensor]] = {name: [] for name in calibrations}

    def look(name: str, _: int, activations: Tensor) -> None:
        seen[name].append(activations[calibrations[name].kept(activations)])

    look_at_windows(loaded, windows, list(calibrations), look, rows=rows)
    return {name: torch.cat(parts) for name, parts in seen.items()}
