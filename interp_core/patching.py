"""Activation patching: where does a model carry the difference between two prompts?

One activation after another is put from one run into the other, and the metric says how much of the behaviour moved with
it. Denoising puts clean activations into the corrupted run (what suffices); noising corrupted ones into the clean run
(what is needed).

Sources: Meng et al. 2022, arXiv:2202.05262 (method); Wang et al. 2022, arXiv:2211.00593 (logit difference); Heimersheim
and Nanda 2024, arXiv:2404.15255 (reading it). The numbers are those of `transformer_lens.patching`.
"""

import functools
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.gradients import score_gradients
from interp_core.hook_points import HookPoint, point_named
from interp_core.metrics import Metric, recovered_fraction
from interp_core.models import LoadedModel
from interp_core.partial import record_run, unembedding_columns
from interp_core.prompt_pairs import PromptPair
from interp_core.row_sweeps import BUDGET, Cells, Edit, check_attention_output, overwrite, sweep_rows
from interp_core.sweep_memory import check_runs, gradients_fit
from interp_core.types import Progress

SweepSite = Literal[
    "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "q", "k", "v", "pattern", "mlp_post"
]
SWEEP_SITES: tuple[SweepSite, ...] = get_args(SweepSite)
HEAD_SITES: tuple[SweepSite, ...] = ("z", "q", "k", "v", "pattern")
Direction = Literal["denoising", "noising"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


@dataclass(frozen=True)
class SweepPlan:
    """Which activations are patched, one at a time."""

    site: SweepSite = "resid_pre"
    by_position: bool = True
    """Each position apart, or all at once. Residual stream, `attn_out` and `mlp_out` are always apart."""
    layer: int | None = None
    """For `mlp_post`: the layer whose neurons are patched, each apart."""
    direction: Direction = "denoising"

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes of the result."""
        if self.site == "mlp_post":
            return ("pos", "unit") if self.by_position else ("unit",)
        if self.site in HEAD_SITES:
            return ("layer", "pos", "head") if self.by_position else ("layer", "head")
        return ("layer", "pos")


@dataclass(frozen=True)
class PatchingSweep:
    """The metric after each patch."""

    plan: SweepPlan
    score: Float[np.ndarray, "..."]
    """By the plan's axes, in the metric's unit; NaN where it is not computed yet."""
    exact: np.ndarray
    """Whether the score was computed, or is the gradient's first-order estimate; same shape."""
    clean_score: float
    corrupted_score: float
    unit: str
    preview: Float[np.ndarray, "..."] | None = None
    """The gradient's estimate, in the metric's unit; NaN where no patch can have an effect, None without a gradient."""
    no_preview: str = ""
    """A sentence on why there is none, where one was asked for."""

    @property
    def effect(self) -> Float[np.ndarray, "..."]:
        """Recovered fraction: 0 corrupted, 1 clean. Never clipped."""
        return (self.score - self.corrupted_score) / (self.clean_score - self.corrupted_score)

    @property
    def complete(self) -> bool:
        """Whether every cell is exact."""
        return bool(self.exact.all())

    def agreement(self) -> tuple[float, tuple[int, ...], float] | None:
        """How well the preview foretold the exact cells: Pearson correlation, the worst cell, and by how much it is off.

        None without a preview, or with fewer than two exact cells that differ.
        """
        if self.preview is None:
            return None
        both = self.exact & np.isfinite(self.preview)
        exact, guessed = self.score[both], self.preview[both]
        if len(exact) < 2:
            return None
        if not (np.ptp(exact) > 0 and np.ptp(guessed) > 0):
            return None
        off = np.where(both, np.abs(self.score - self.preview), -1)
        worst = np.unravel_index(int(off.argmax()), off.shape)
        return float(np.corrcoef(exact, guessed)[0, 1]), tuple(map(int, worst)), float(off.max())


def patch_sweep(
    loaded: LoadedModel,
    pair: PromptPair,
    metric: Metric,
    plan: SweepPlan,
    *,
    read: int | None = None,
    budget: int = BUDGET,
    preview: bool = True,
    so_far: PatchingSweep | None = None,
) -> Generator[Progress, None, PatchingSweep]:
    """Patch every cell of a plan, yielding the `PatchingSweep` so far: first the gradient's preview, then exact cells.

    Exact values come from partial passes: see `row_sweeps`. The two runs' interventions apply throughout.

    Args:
        loaded: The model.
        pair: Clean and corrupted run.
        metric: What is measured.
        plan: What is patched.
        read: Position whose next-token logits are scored; None for the last.
        budget: Rows times positions that one pass may hold.
        preview: Whether the gradient's estimate comes first.
        so_far: What an earlier sweep of the same runs, metric and plan had when it was stopped: its exact cells are kept.

    Raises:
        InterpError: The pair, the metric or the plan does not fit.
        MemoryLimitError: The runs would not fit.
    """
    sweep = _Sweep(loaded, pair, metric.checked(), plan, read)
    made = so_far or sweep.empty(preview)
    yield Progress(0.0, f"{made.exact.size:,} cells", made)
    done = int(made.exact.sum())
    for indices, scores in sweep.run(budget, made.exact):
        made = replace(made, score=made.score.copy(), exact=made.exact.copy())
        flat = np.unravel_index(indices.cpu().numpy(), made.score.shape)
        made.score[flat] = scores.float().cpu().numpy()
        made.exact[flat] = True
        done += len(indices)
        yield Progress(done / made.exact.size, f"{done:,} of {made.exact.size:,} cells", made)
    return made


class _Sweep:
    """One sweep: both runs, and the cells in the order of the flattened result."""

    def __init__(
        self, loaded: LoadedModel, pair: PromptPair, metric: Metric, plan: SweepPlan, read: int | None
    ) -> None:
        self.loaded, self.plan, self.metric, self.pair = loaded, plan, metric, pair
        n_pos = len(pair.clean.tokens)
        loaded.check_run(n_pos)
        self.read = n_pos - 1 if read is None else read
        if not 0 <= self.read < n_pos:
            raise InterpError(f"The prompts have {n_pos} tokens, so the metric cannot be read at position {self.read}.")
        self.point = _point(loaded, plan)
        if self.point.name == "attn_out":
            check_attention_output(loaded, pair.clean, pair.corrupted)
        self.layers = self.point.layers if plan.layer is None else (plan.layer,)
        points = {self.point, self._through}
        check_runs(loaded, points, len(self.layers), n_pos)
        names = [point.hook(layer) for layer in self.layers for point in points]
        runs = {
            run: record_run(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run), keep=names)
            for run in (pair.clean, pair.corrupted)
        }
        clean, corrupted = runs[pair.clean], runs[pair.corrupted]
        self.reference = clean.logits[self.read]
        self.clean_score = float(self.score(clean.logits[self.read][None])[0])
        self.corrupted_score = float(self.score(corrupted.logits[self.read][None])[0])
        recovered_fraction(torch.zeros(1), self.clean_score, self.corrupted_score, metric.unit)
        self.into, self.source = (corrupted, clean) if plan.direction == "denoising" else (clean, corrupted)
        self.shape = self._shape(n_pos)

    def score(self, logits: Float[Tensor, "row d_vocab"]) -> Float[Tensor, " row"]:
        return self.metric.score(logits, self.reference)

    def _shape(self, n_pos: int) -> tuple[int, ...]:
        sizes = {"layer": self.loaded.card.n_layers, "pos": n_pos, "head": self.point.n_heads, "unit": self.point.width}
        return tuple(sizes[axis] for axis in self.plan.axes)

    def empty(self, wants_preview: bool) -> PatchingSweep:
        """The result before the first pass: cells before the first difference, or after `read`, are known."""
        no_preview = self._no_preview() if wants_preview else ""
        preview = self.preview() if wants_preview and not no_preview else None
        base = self.corrupted_score if self.plan.direction == "denoising" else self.clean_score
        known = ~self._wanted().cpu().numpy()
        score = np.full(self.shape, np.nan, np.float32) if preview is None else preview.copy()
        score[known] = base
        if preview is not None:
            preview[known] = np.nan  # nothing was foretold there: it must not count as agreement
        ends = (self.clean_score, self.corrupted_score)
        return PatchingSweep(self.plan, score, known, *ends, self.metric.unit, preview, no_preview)

    def _no_preview(self) -> str:
        """Why a gradient would foretell nothing, or cannot be had; empty where it can."""
        if not self.metric.has_gradient:
            return "No preview: a rank moves in steps, so it has no gradient."
        if self.metric.kind == "kl" and self.plan.direction == "noising":
            return "No preview: KL divergence from the clean run is smallest in the clean run itself, where its gradient is 0."
        n_pos = len(self.pair.clean.tokens)
        if not gradients_fit(self.loaded, {self.point, self._through}, len(self.layers), n_pos):
            return f"No preview: a backward pass over {n_pos:,} tokens does not fit into the memory that is free."
        return ""

    def _grid(self) -> dict[str, Int[Tensor, "..."]]:
        axes = torch.meshgrid(*(torch.arange(size) for size in self.shape), indexing="ij")
        return dict(zip(self.plan.axes, axes, strict=True))

    def _wanted(self) -> Tensor:
        """Which cells can have an effect and exist in this model."""
        grid = self._grid()
        wanted = torch.ones(self.shape, dtype=torch.bool)
        if "pos" in grid:
            wanted &= (grid["pos"] >= self.pair.first_difference) & (grid["pos"] <= self.read)
        elif self.pair.first_difference > self.read:
            wanted &= False
        if "layer" in grid:
            wanted &= torch.isin(grid["layer"], torch.tensor(self.layers))
        return wanted

    def run(self, budget: int, known: np.ndarray) -> Iterator[tuple[Int[Tensor, " row"], Float[Tensor, " row"]]]:
        """Indices into the flattened result, and their scores, of what is not known."""
        wanted = (self._wanted() & ~torch.from_numpy(known)).flatten().nonzero()[:, 0]
        if not len(wanted):
            return
        grid = {axis: values.flatten()[wanted] for axis, values in self._grid().items()}
        layer = grid.get("layer", torch.full_like(wanted, self.layers[0]))
        pos = grid.get("pos", torch.full_like(wanted, self.pair.first_difference))
        inner = grid.get("head", grid.get("unit"))
        pattern = self.point.name == "pattern"

        def edits(at: int) -> dict[str, Edit]:
            return {self._through.hook(at): functools.partial(edit, self._value(at))}

        def edit(source: Tensor, rows: Tensor, cells: Tensor, first: int) -> Tensor:
            if pattern:
                rows, source = rows.transpose(1, 2), source.transpose(1, 2)[..., : rows.shape[-1]]
            made = overwrite(
                rows,
                source,
                pos=pos[cells].to(rows.device) if "pos" in grid else None,
                inner=None if inner is None else inner[cells].to(rows.device),
                first=first,
            )
            return made.transpose(1, 2) if pattern else made

        ids, metric = self.metric.narrowed()
        columns = None if ids is None else unembedding_columns(self.into, ids)
        metric = self.metric if columns is None else metric

        def score(logits: Float[Tensor, "row column"]) -> Float[Tensor, " row"]:
            return metric.score(logits, self.reference if columns is None else None)

        cells = Cells(layer, pos)
        for rows, scores in sweep_rows(self.into, cells, edits, score, read=self.read, budget=budget, columns=columns):
            yield wanted[rows], scores

    @property
    def _through(self) -> HookPoint:
        """Where rows are edited: the stream between attention and MLP is reached through attention's write."""
        return _named(self.loaded, "attn_out") if self.point.name == "resid_mid" else self.point

    def _value(self, layer: int) -> Tensor:
        value = self.source.kept[self.point.hook(layer)]
        if self.point.name == "resid_mid":
            return value - (self.into.kept[self.point.hook(layer)] - self._written(layer))
        return value

    def _written(self, layer: int) -> Tensor:
        return self.into.kept[_named(self.loaded, "attn_out").hook(layer)]

    def preview(self) -> Float[np.ndarray, "..."]:
        """First-order estimate of every cell's score: attribution patching, Syed et al. 2023, arXiv:2310.10348."""
        through = self._through
        gradients = score_gradients(
            self.loaded.model,
            self.into.tokens,
            self.into.edits,
            [through.hook(layer) for layer in self.layers],
            lambda logits: self.score(logits[self.read][None])[0],
        )
        base = self.corrupted_score if self.plan.direction == "denoising" else self.clean_score
        made = np.full(self.shape, np.nan, np.float32)
        for layer in self.layers:
            name = self.point.hook(layer)
            product = (self.source.kept[name] - self.into.kept[name]) * gradients[through.hook(layer)]
            estimate = (base + self._summed(product[0])).detach().float().cpu().numpy()
            if "layer" in self.plan.axes:
                made[layer] = estimate
            else:
                made[...] = estimate
        return made

    def _summed(self, product: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Over what one cell patches at once."""
        if self.point.name == "pattern":
            product = product.sum(-1).T
        elif self.plan.site != "mlp_post":
            product = product.sum(-1)
        return product if "pos" in self.plan.axes else product.sum(0)


def _point(loaded: LoadedModel, plan: SweepPlan) -> HookPoint:
    point = _named(loaded, plan.site)
    if plan.site == "mlp_post" and plan.layer not in point.layers:
        raise InterpError(
            f"Neurons are patched in one layer at a time, and layer {plan.layer} has none. Pick one of "
            f"0 to {loaded.card.n_layers - 1}."
        )
    return point


def _named(loaded: LoadedModel, name: str) -> HookPoint:
    return point_named(loaded.hook_points, name)
