"""One sweep over many prompt pairs: the mean, its standard error, and every pair."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from interp_core.ablation import AblationPlan, ablate_each
from interp_core.edits import fitted
from interp_core.errors import HookChangedError, InterpError, InterventionError, MetricError
from interp_core.interventions import Intervention
from interp_core.metrics import Metric, MetricKind
from interp_core.models import LoadedModel
from interp_core.pair_fit import PairNeed, UsablePair
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.row_sweeps import BUDGET
from interp_core.types import Progress, Run

Plan = SweepPlan | PathPlan | AblationPlan


def need_of(plan: Plan) -> PairNeed:
    """What a plan needs to have the same number of tokens."""
    return "clean" if isinstance(plan, AblationPlan) else "positions" if "pos" in plan.axes else "pairs"


@dataclass(frozen=True)
class PairsSweep:
    """One sweep over several pairs."""

    plan: Plan
    effects: Float[np.ndarray, "pair ..."]
    """Of every pair, by the plan's axes: the recovered fraction; for ablation the change in the metric's unit."""
    clean_scores: Float[np.ndarray, " pair"]
    corrupted_scores: Float[np.ndarray, " pair"]
    """NaN for ablation, which changes the clean prompt alone."""
    unit: str
    """Of the metric."""
    places: tuple[int, ...]
    """Which of the given pairs they are."""
    left_out: tuple[tuple[int, str], ...]
    """Place and reason of each pair without an effect to measure, or that an intervention does not fit."""
    n_pairs: int
    """Of those given."""

    @property
    def mean(self) -> Float[np.ndarray, "..."]:
        """Over pairs."""
        return self.effects.mean(0)

    @property
    def standard_error(self) -> Float[np.ndarray, "..."]:
        """Of the mean: sample standard deviation over the root of the number of pairs; NaN for one pair."""
        n = len(self.effects)
        if n < 2:
            return np.full(self.effects.shape[1:], np.nan, np.float32)
        return self.effects.std(0, ddof=1) / np.sqrt(n)

    @property
    def complete(self) -> bool:
        """Whether every pair was swept or left out."""
        return len(self.places) + len(self.left_out) == self.n_pairs


def sweep_pairs(
    loaded: LoadedModel,
    pairs: Sequence[UsablePair],
    kind: MetricKind,
    plan: Plan,
    interventions: tuple[Intervention, ...] = (),
    *,
    budget: int = BUDGET,
    so_far: PairsSweep | None = None,
) -> Generator[Progress, None, PairsSweep]:
    """Sweep one pair after another, yielding the `PairsSweep` so far, None before the first pair.

    Each pair costs what its sweep costs: `patch_sweep` (without preview), `patch_paths` or `ablate_each`.

    Args:
        loaded: The model.
        pairs: What `usable_pairs` found.
        kind: What is measured, of each pair's own answer and foil.
        plan: The sweep.
        interventions: In force in every run.
        budget: Rows times positions that one pass may hold.
        so_far: Of the same question, stopped before: its pairs are not swept again.

    Raises:
        InterpError: There is no pair, or none shows an effect.
    """
    if not pairs:
        raise InterpError("No pair of the set can be used on this model. See the report for why.")
    made = so_far
    left_out = list(so_far.left_out) if so_far else []
    seen = {*(so_far.places if so_far else ()), *(place for place, _ in left_out)}
    for place, pair in enumerate(pairs):
        if place in seen:
            continue
        try:
            steps = _one(loaded, pair, kind, plan, interventions, budget)
            while True:
                step = next(steps)
                yield Progress((place + step.fraction) / len(pairs), f"pair {place + 1} of {len(pairs)}", made)
        except StopIteration as stop:
            made = _with(made, place, stop.value, plan, len(pairs))
        except HookChangedError:
            raise  # the pairs before it were run with another function
        except (MetricError, InterventionError) as error:
            left_out.append((place, str(error)))
        if made is not None:
            made = replace(made, left_out=tuple(left_out))
    if made is None:
        raise InterpError(f"No pair of the set shows an effect. Of the first: {left_out[0][1]}")
    return made


def _one(
    loaded: LoadedModel, pair: UsablePair, kind: MetricKind, plan: Plan, interventions: tuple[Intervention, ...],
    budget: int,
) -> Generator[Progress, None, Any]:  # fmt: skip
    """The sweep of one pair."""
    foils = (pair.foil,) if pair.foil is not None and kind == "logit_difference" else ()
    metric = Metric(kind, () if kind == "kl" else (pair.answer,), foils)
    clean, *corrupted = (
        Run(loaded.spec, tokens, fitted(loaded, interventions, tokens))
        for tokens in ((pair.clean,) if isinstance(plan, AblationPlan) else (pair.clean, pair.corrupted))
    )
    if isinstance(plan, AblationPlan):
        return ablate_each(loaded, clean, metric, plan, budget=budget)
    both = PromptPair(clean, corrupted[0])
    if isinstance(plan, PathPlan):
        return patch_paths(loaded, both, metric, plan, budget=budget)
    return patch_sweep(loaded, both, metric, plan, budget=budget, preview=False)


def _with(made: PairsSweep | None, place: int, swept: Any, plan: Plan, n_pairs: int) -> PairsSweep:
    """What there was, with one more pair."""
    effects = swept.effect[None]
    ends = np.asarray([[swept.clean_score], [getattr(swept, "corrupted_score", np.nan)]], np.float32)
    if made is None:
        return PairsSweep(plan, effects, ends[0], ends[1], swept.unit, (place,), (), n_pairs)
    return replace(
        made,
        effects=np.concatenate([made.effects, effects]),
        clean_scores=np.append(made.clean_scores, ends[0]),
        corrupted_scores=np.append(made.corrupted_scores, ends[1]),
        places=(*made.places, place),
    )
