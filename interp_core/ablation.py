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
from interp_core.row_sweeps import BUDGET, Cells, check_attention_output, overwrite, sweep_rows
from interp_core.types import Progress, Run

AblatedPart = Literal["component", "head", "attention", "mlp", "layer"]
ABLATED_PARTS: tuple[AblatedPart, ...] = get_args(AblatedPart)
AblationKind = Literal["zero", "mean", "resample"]
ABLATION_KINDS: tuple[AblationKind, ...] = get_args(AblationKind)

_POINTS: dict[AblatedPart, tuple[str, ...]] = {
    "component": ("z", "mlp_out"),
    "head": ("z",),
    "attention": ("attn_out",),
    "mlp": ("mlp_out",),
    "layer": ("attn_out", "mlp_out"),
}


@dataclass(frozen=True)
class AblationPlan:
    """Which parts are ablated, each in turn, and how."""

    part: AblatedPart = "head"
    """`layer`: attention and MLP together. `component`: every head, and every MLP."""
    kind: AblationKind = "zero"
    references: tuple[str, ...] = ()
    """Prompts for `mean` and `resample`; none for those that ship."""
    seed: int = 0
    """For `resample`."""
    bos: bool = True
    """Whether the references get a BOS in front."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of a sweep's arrays; the components of a layer are its heads, then its MLP."""
        return ("layer", self.part) if self.part in ("head", "component") else ("layer",)


@dataclass(frozen=True)
class AblationSweep:
    """The metric with each part ablated."""

    plan: AblationPlan
    score: Float[np.ndarray, "..."]
    """By the plan's axes, in the metric's unit; NaN where it is not computed yet."""
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
    loaded: LoadedModel,
    run: Run,
    metric: Metric,
    plan: AblationPlan,
    *,
    read: int | None = None,
    budget: int = BUDGET,
    so_far: AblationSweep | None = None,
) -> Generator[Progress, None, AblationSweep]:
    """Ablate every part in turn at all positions, yielding the `AblationSweep` so far. Costs partial passes: `row_sweeps`.

    Args:
        loaded: The model.
        run: What is ablated; its interventions stay in force.
        metric: What is measured.
        plan: What is ablated, and how.
        read: Position whose next-token logits are scored; None for the last.
        budget: Rows times positions that one pass may hold.
        so_far: Of the same question, stopped before: what is exact there is not computed again.

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
    if any(point.name == "attn_out" for point in points):
        check_attention_output(loaded, run)
    replaced = _replacements(loaded, run, plan, points)
    recorded = record_run(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run))
    reference = recorded.logits[read]

    def score(logits: Float[Tensor, "row d_vocab"]) -> Float[Tensor, " row"]:
        return metric.score(logits, reference)

    cells = _cells(loaded, plan, points)
    made = so_far or _empty(loaded, plan, points, float(score(reference[None])[0]), metric.unit)
    yield Progress(0.0, f"{made.exact.size:,} parts", made)
    # What is known is not computed again.
    cells = {axis: values[~torch.from_numpy(made.exact[_places(cells, plan)])] for axis, values in cells.items()}
    if not len(cells["layer"]):
        return made

    which = {point.name: _which(cells["inner"], plan, point, loaded.card.n_heads) for point in points}

    def edits(at: int) -> dict[str, "functools.partial[Tensor]"]:
        return {
            point.hook(at): functools.partial(_replace, replaced[point.name, at], *which[point.name])
            for point in points
        }

    done = int(made.exact.sum())
    rows = Cells(cells["layer"], torch.zeros_like(cells["layer"]))
    for indices, scores in sweep_rows(recorded, rows, edits, score, read=read, budget=budget):
        made = replace(made, score=made.score.copy(), exact=made.exact.copy())
        place = _places({axis: values[indices] for axis, values in cells.items()}, plan)
        made.score[place] = scores.float().cpu().numpy()
        made.exact[place] = True
        done += len(indices)
        yield Progress(done / made.exact.size, f"{done:,} of {made.exact.size:,} parts", made)
    return made


def _cells(loaded: LoadedModel, plan: AblationPlan, points: list[HookPoint]) -> dict[str, Int[Tensor, " cell"]]:
    """Layer of every part that the model has, and which of the layer's it is: a head, or the MLP after them."""
    n_heads = loaded.card.n_heads
    inner = {"head": torch.arange(n_heads), "component": torch.arange(n_heads + 1)}.get(
        plan.part, torch.zeros(1)
    ).long()
    layers = torch.tensor(points[0].layers)
    return {"layer": layers.repeat_interleave(len(inner)), "inner": inner.repeat(len(layers))}


def _empty(loaded: LoadedModel, plan: AblationPlan, points: list[HookPoint], score: float, unit: str) -> AblationSweep:
    wide = {"head": 0, "component": 1}.get(plan.part)
    shape = (loaded.card.n_layers,) if wide is None else (loaded.card.n_layers, loaded.card.n_heads + wide)
    exact = np.ones(shape, bool)
    exact[list(points[0].layers)] = False
    return AblationSweep(plan, np.full(shape, np.nan, np.float32), exact, score, unit)


def _places(cells: dict[str, Int[Tensor, " cell"]], plan: AblationPlan) -> tuple[Int[np.ndarray, " cell"], ...]:
    """Where cells stand in the result."""
    return tuple(cells[axis].numpy() for axis in ("layer", "inner")[: len(plan.axes)])


def _which(
    inner: Int[Tensor, " cell"], plan: AblationPlan, point: HookPoint, n_heads: int
) -> tuple[Int[Tensor, " cell"] | None, Bool[Tensor, " cell"]]:
    """The head of each cell, None for all of them, and which cells are replaced at a point at all."""
    if plan.part == "component":
        return (inner, inner < n_heads) if point.name == "z" else (None, inner == n_heads)
    return (inner if plan.part == "head" else None), torch.ones(len(inner), dtype=torch.bool)


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
    edit: Edit,
    head: Int[Tensor, " cell"] | None,
    replaced: Bool[Tensor, " cell"],
    rows: Tensor,
    cells: Int[Tensor, " row"],
    first: int,
) -> Tensor:
    value = torch.zeros_like(rows[:1]) if edit.intervention.action == "zero" else edit.value(first, rows.shape[1])
    assert value is not None
    # The values of positions before `first` are never read.
    padded = torch.cat([value.new_zeros(1, first, *value.shape[2:]), value], dim=1) if first else value
    here = replaced[cells]
    inner = None if head is None else head[cells[here]].to(rows.device)
    rows[here] = overwrite(rows[here], padded.to(rows.dtype), pos=None, inner=inner, first=first)
    return rows
