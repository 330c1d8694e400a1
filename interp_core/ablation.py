"""Ablating each part in turn: how much does the metric need every head, MLP or layer?

Zero ablation writes 0, mean ablation the mean over reference prompts, resample ablation the values of one of their tokens
(Wang et al. 2022, arXiv:2211.00593, appendix on ablations; Chan et al. 2022, causal scrubbing, on resampling). Zero is far
from anything that a model ever sees; mean and resample stay nearer.
"""

import functools
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_core.edits import Edit, SourceRuns, edits_of, resolved
from interp_core.errors import InterpError
from interp_core.hook_points import HookPoint, point_named
from interp_core.interventions import Intervention
from interp_core.metrics import Metric
from interp_core.models import LoadedModel
from interp_core.partial import record_run
from interp_core.row_sweeps import BUDGET, Cells, overwrite, sweep_rows
from interp_core.types import Progress, Run

AblatedPart = Literal["head", "attention", "mlp", "layer"]
ABLATED_PARTS: tuple[AblatedPart, ...] = get_args(AblatedPart)
AblationKind = Literal["zero", "mean", "resample"]
ABLATION_KINDS: tuple[AblationKind, ...] = get_args(AblationKind)

_POINTS: dict[AblatedPart, tuple[str, ...]] = {
    "head": ("z",),
    "attention": ("attn_out",),
    "mlp": ("mlp_out",),
    "layer": ("attn_out", "mlp_out"),
}


@dataclass(frozen=True)
class AblationPlan:
    """Which parts are ablated, each in turn, and how."""

    part: AblatedPart = "head"
    """`layer`: attention and MLP together."""
    kind: AblationKind = "zero"
    references: tuple[str, ...] = ()
    """Prompts for `mean` and `resample`; none for those that ship."""
    seed: int = 0
    """For `resample`."""
    bos: bool = True
    """Whether the references get a BOS in front."""


@dataclass(frozen=True)
class AblationSweep:
    """The metric with each part ablated."""

    plan: AblationPlan
    score: Float[np.ndarray, "..."]
    """`"layer head"` for heads, else `" layer"`; in the metric's unit, NaN where it is not computed yet."""
    exact: Bool[np.ndarray, "..."]
    clean_score: float
    """Of the run as it is, in the same unit."""
    unit: str

    @property
    def effect(self) -> Float[np.ndarray, "..."]:
        """Ablated minus clean, in the metric's unit."""
        return self.score - self.clean_score

    @property
    def complete(self) -> bool:
        """Whether every part was ablated."""
        return bool(self.exact.all())


def ablate_each(
    loaded: LoadedModel, run: Run, metric: Metric, plan: AblationPlan, *, read: int | None = None, budget: int = BUDGET
) -> Generator[Progress, None, AblationSweep]:
    """Ablate every part in turn at all positions, yielding the `AblationSweep` so far. Costs partial passes: `row_sweeps`.

    Args:
        loaded: The model.
        run: What is ablated; its interventions stay in force.
        metric: What is measured.
        plan: What is ablated, and how.
        read: Position whose next-token logits are scored; None for the last.
        budget: Rows times positions that one pass may hold.

    Raises:
        InterpError: The metric or the position does not fit, or the model lacks the part.
        MemoryLimitError: The run would not fit.
    """
    metric = metric.checked()
    n_pos = len(run.tokens)
    loaded.check_run(n_pos)
    read = n_pos - 1 if read is None else read
    if not 0 <= read < n_pos:
        raise InterpError(f"The prompt has {n_pos} tokens, so the metric cannot be read at position {read}.")
    points = [point_named(loaded.hook_points, name) for name in _POINTS[plan.part]]
    replaced = _replacements(loaded, run, plan, points)
    recorded = record_run(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run))
    reference = recorded.logits[read]

    def score(logits: Float[Tensor, "row d_vocab"]) -> Float[Tensor, " row"]:
        return metric.score(logits, reference)

    by_head = plan.part == "head"
    layers = torch.tensor(points[0].layers)
    n_heads = points[0].n_heads if by_head else 1
    layer, head = layers.repeat_interleave(n_heads), torch.arange(n_heads).repeat(len(layers))
    shape = (loaded.card.n_layers, n_heads) if by_head else (loaded.card.n_layers,)
    exact = np.ones(shape, bool)
    exact[layers.numpy()] = False
    made = AblationSweep(plan, np.full(shape, np.nan, np.float32), exact, float(score(reference[None])[0]), metric.unit)
    yield Progress(0.0, f"{len(layer):,} parts", made)

    def edits(at: int) -> dict[str, "functools.partial[Tensor]"]:
        return {
            point.hook(at): functools.partial(_replace, replaced[point.name, at], head if by_head else None)
            for point in points
        }

    done = 0
    for cells, scores in sweep_rows(
        recorded, Cells(layer, torch.zeros_like(layer)), edits, score, read=read, budget=budget
    ):
        made = replace(made, score=made.score.copy(), exact=made.exact.copy())
        place = (layer[cells].numpy(), head[cells].numpy()) if by_head else (layer[cells].numpy(),)
        made.score[place] = scores.float().cpu().numpy()
        made.exact[place] = True
        done += len(cells)
        yield Progress(done / len(layer), f"{done:,} of {len(layer):,} parts", made)
    return made


def _replacements(
    loaded: LoadedModel, run: Run, plan: AblationPlan, points: list[HookPoint]
) -> dict[tuple[str, int], Edit]:
    sources = SourceRuns(loaded, run)
    spec = {
        point.name: Intervention(plan.kind, point.name, sources=plan.references, bos=plan.bos, seed=plan.seed).checked()
        for point in points
    }
    for point in points:
        for layer in point.layers:
            sources.want(spec[point.name], point, layer)
    return {
        (point.name, layer): resolved(sources, spec[point.name], point, layer)
        for point in points
        for layer in point.layers
    }


def _replace(
    edit: Edit, head: Int[Tensor, " cell"] | None, rows: Tensor, cells: Int[Tensor, " row"], first: int
) -> Tensor:
    value = torch.zeros_like(rows[:1]) if edit.intervention.action == "zero" else edit.value(first, rows.shape[1])
    assert value is not None
    # The values of positions before `first` are never read.
    padded = torch.cat([value.new_zeros(1, first, *value.shape[2:]), value], dim=1) if first else value
    inner = None if head is None else head[cells].to(rows.device)
    return overwrite(rows, padded.to(rows.dtype), pos=None, inner=inner, first=first)
