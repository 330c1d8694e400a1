"""How faithful an SAE is: what it leaves unexplained, and what the model loses when it reads the reconstruction instead.

Figures are given twice: without the positions of extreme norm (neither counted nor replaced), and with them. The few
positions on which a model parks its attention can carry most of the variance, and then the second row says little.

Sources: Bricken et al. 2023, "Towards Monosemanticity" (loss recovered against zero ablation); Gao et al. 2024,
arXiv:2406.04093 (explained variance, L0).
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from interp_core.errors import SaeError
from interp_core.hook_points import canonical_name, point_named
from interp_core.hooks import Hook, forward, resid_mid_hooks
from interp_core.models import LoadedModel
from interp_core.partial import RecordedRun, final_logits, record_run, run_layer
from interp_core.types import Progress


@runtime_checkable
class SparseCoder(Protocol):
    """The face of an SAE that is measured; every SAE of sae_lens has it."""

    def encode(self, x: Tensor, /) -> Tensor: ...

    def decode(self, feature_acts: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class QualityFigures:
    """An SAE's figures over one choice of positions."""

    n_pos: int
    """Positions that were counted and replaced."""
    l0: float
    """Mean number of active features on a position."""
    explained_variance: float
    """1 - squared error / squared distance from the mean of these positions: 1 perfect, 0 as good as the mean."""
    ce: float
    """Cross-entropy of the model as it is, nats a token, over all predicted tokens."""
    ce_with_sae: float
    """The same with these positions replaced by their reconstruction."""
    ce_zero: float
    """The same with these positions set to 0."""

    @property
    def ce_recovered(self) -> float:
        """1: the model loses nothing; 0: no better than zero ablation of the same positions. Never clipped."""
        return (self.ce_zero - self.ce_with_sae) / (self.ce_zero - self.ce)


@dataclass(frozen=True)
class SaeQuality:
    """What was measured of one SAE on one text."""

    kept: QualityFigures
    """Without the positions that were left out."""
    everywhere: QualityFigures
    """With them."""
    density: Float[np.ndarray, " d_sae"]
    """Share of the kept positions on which a feature is active, 0 to 1."""
    norm_limit: float | None
    """Norm above which a position was left out; None: none was."""

    @property
    def dead_share(self) -> float:
        """Share of the features that were active on no kept position."""
        return float((self.density == 0).mean())


def measure_quality(
    loaded: LoadedModel,
    sae: SparseCoder,
    hook: str,
    windows: Int[Tensor, "window context"],
    *,
    norm_limit: float | None = None,
    rows: int = 4,
    reconstruct: Callable[[Tensor], Tensor] | None = None,
) -> Generator[Progress, None, SaeQuality]:
    """Measure an SAE on windows of tokens. Costs a forward pass over them, and four from the SAE's place on; two without a norm limit.

    Args:
        loaded: The model, with the weight processing that the SAE was trained on.
        sae: Takes and gives activations as the model has them.
        hook: Name of the hook point, long or short.
        windows: Token ids, BOS included where the SAE was trained with it.
        norm_limit: Positions with a greater norm are left out.
        rows: Windows of one pass, where it has to be run as a whole; their logits are held at once.
        reconstruct: Makes the reconstruction of what is read, for an SAE whose features are not all of it; its decoder if absent.

    Raises:
        SaeError: Every position is left out.
        InterventionError: The model has no such hook point.
    """
    short, layer = canonical_name(hook)
    name = point_named(loaded.hook_points, short).hook(layer)
    everywhere, ce = _Sums(), 0.0
    kept = everywhere if norm_limit is None else _Sums()
    # What can be run again from a layer on is run window by window, the ways to replace it beside one another.
    rows = rows if _layer_entered(loaded, name) is None else 1
    for start in range(0, len(windows), rows):
        tokens = windows[start : start + rows].to(loaded.device)
        ce += _add(loaded, sae, name, tokens, {None: everywhere, norm_limit: kept}, reconstruct)
        yield Progress(min(1.0, (start + rows) / len(windows)), "Measuring the SAE")
    n_predicted = len(windows) * (windows.shape[1] - 1)
    figures, all_figures = (sums.figures(ce, n_predicted) for sums in (kept, everywhere))
    return SaeQuality(figures, all_figures, (kept.active / kept.n_pos).float().numpy(), norm_limit)


@torch.no_grad()
def _add(
    loaded: LoadedModel,
    sae: SparseCoder,
    name: str,
    tokens: Int[Tensor, "batch context"],
    choices: "dict[float | None, _Sums]",
    reconstruct: Callable[[Tensor], Tensor] | None,
) -> float:
    """Count some windows for each norm limit, and return the model's own loss on them, summed."""
    entered, recorded = _layer_entered(loaded, name), None
    if entered is None:
        original = forward(loaded.model, tokens, keep=[name])
        x, as_is = original.kept[name], _loss(original.output, tokens)
    else:
        recorded = record_run(loaded.model, tokens, keep=[name])
        x, as_is = recorded.kept[name], _loss(recorded.logits[None], tokens)
    acts = sae.encode(x)
    made = sae.decode(acts) if reconstruct is None else reconstruct(x)
    made = made.to(x.dtype).reshape(x.shape)  # some SAEs flatten the heads that they read
    norms = x.flatten(2).float().norm(dim=-1)
    replacements, goes_to = [], []
    for limit, sums in choices.items():
        chosen = norms <= (math.inf if limit is None else limit)
        sums.count(x[chosen], made[chosen], acts[chosen])
        for values, losses in ((made, sums.ce_with_sae), (torch.zeros_like(x), sums.ce_zero)):
            replacements.append(torch.where(chosen.reshape(*chosen.shape, *[1] * (x.ndim - 2)), values, x))
            goes_to.append(losses)
    if entered is None or recorded is None:
        changed = [
            _loss(forward(loaded.model, tokens, [_Replacement(name, one)]).output, tokens) for one in replacements
        ]
    else:
        changed = _losses_from(recorded, entered, torch.cat(replacements), tokens)
    for losses, loss in zip(goes_to, changed, strict=True):
        losses.append(loss)
    return as_is


def _layer_entered(loaded: LoadedModel, name: str) -> int | None:
    """The layer that the hook point's values enter as they are, from which alone a pass has to be run again; else None."""
    short, layer = canonical_name(name)
    if layer is None or short not in ("resid_pre", "resid_post"):
        return None
    return layer + 1 if short == "resid_post" else layer


def _losses_from(
    recorded: RecordedRun, layer: int, resid: Float[Tensor, "row pos d_model"], tokens: Int[Tensor, "1 pos"]
) -> list[float]:
    """Loss of each row, whose residual stream enters a layer; summed over the predicted tokens."""
    for at in range(layer, len(recorded.calls)):
        resid = run_layer(recorded, at, resid, 0)
    return [_loss(final_logits(recorded, row, 0)[None], tokens) for row in resid]


class _Sums:
    """What is added up over batches for one choice of positions."""

    def __init__(self) -> None:
        self.n_pos = 0
        self.active = torch.zeros(1)
        self.squares = self.error = 0.0
        self.total = torch.zeros(1, dtype=torch.float64)
        self.ce_with_sae: list[float] = []
        self.ce_zero: list[float] = []

    def count(self, x: Tensor, made: Tensor, acts: Tensor) -> None:
        self.n_pos += len(x)
        self.active = self.active + (acts != 0).sum(0).cpu()  # SAEs that choose by magnitude are active below 0 too
        self.squares += float(x.float().pow(2).sum())
        self.error += float((made.float() - x.float()).pow(2).sum())
        self.total = self.total + x.float().sum(0).cpu().double()

    def figures(self, ce: float, n_predicted: int) -> QualityFigures:
        if not self.n_pos:
            raise SaeError("Every position is left out, so there is nothing to measure. Raise the norm limit.")
        spread = self.squares - float(self.total.pow(2).sum()) / self.n_pos
        return QualityFigures(
            self.n_pos,
            l0=float(self.active.sum()) / self.n_pos,
            explained_variance=1 - self.error / spread,
            ce=ce / n_predicted,
            ce_with_sae=sum(self.ce_with_sae) / n_predicted,
            ce_zero=sum(self.ce_zero) / n_predicted,
        )


@dataclass(frozen=True)
class _Replacement:
    """An edit that puts ready values in the place of an activation."""

    name: str
    values: Tensor

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        short, layer = canonical_name(self.name)
        if short == "resid_mid" and layer is not None:
            return resid_mid_hooks(layer, lambda _: self.values)
        return [(self.name, lambda activation, hook: self.values)], []


def _loss(logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]) -> float:
    """Cross-entropy of the next tokens, nats, summed."""
    return float(cross_entropy(logits[:, :-1].flatten(0, 1).float(), tokens[:, 1:].flatten(), reduction="sum"))
