"""A patching sweep over many prompt pairs: the mean, its standard error, and every pair."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from interp_core.errors import InterpError, MetricError
from interp_core.interventions import Intervention
from interp_core.metrics import Metric, MetricKind
from interp_core.models import LoadedModel
from interp_core.pair_sets import UsablePair
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.prompt_pairs import PromptPair
from interp_core.row_sweeps import BUDGET
from interp_core.types import Progress, Run


@dataclass(frozen=True)
class PairsSweep:
    """One sweep over several pairs."""

    plan: SweepPlan
    effects: Float[np.ndarray, "pair ..."]
    """Recovered fraction of every pair, by the plan's axes."""
    clean_scores: Float[np.ndarray, " pair"]
    corrupted_scores: Float[np.ndarray, " pair"]
    unit: str
    places: tuple[int, ...]
    """Which of the given pairs they are; those that cannot be told apart by the metric are left out."""
    left_out: tuple[str, ...]
    """A sentence for each that was left out."""

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


def sweep_pairs(
    loaded: LoadedModel,
    pairs: Sequence[UsablePair],
    kind: MetricKind,
    plan: SweepPlan,
    interventions: tuple[Intervention, ...] = (),
    *,
    budget: int = BUDGET,
) -> Generator[Progress, None, PairsSweep]:
    """Sweep one pair after another, yielding the `PairsSweep` so far. Each costs what `patch_sweep` costs.

    Raises:
        InterpError: There is no pair, or none can be told apart by the metric.
    """
    if not pairs:
        raise InterpError("No pair of the set can be used on this model. See the report for why.")
    effects: list[np.ndarray] = []
    ends: list[tuple[float, float]] = []
    places: list[int] = []
    left_out: list[str] = []
    unit = Metric(kind).unit
    for place, one in enumerate(pairs):
        foils = (one.foil,) if one.foil is not None and kind == "logit_difference" else ()
        metric = Metric(kind, () if kind == "kl" else (one.answer,), foils)
        runs = [Run(loaded.spec, tokens, interventions) for tokens in (one.clean, one.corrupted)]
        steps = patch_sweep(loaded, PromptPair(*runs), metric, plan, budget=budget, preview=False)
        try:
            while True:
                step = next(steps)
                so_far = _made(effects, plan, ends, unit, places, left_out)
                yield Progress((place + step.fraction) / len(pairs), f"pair {place + 1} of {len(pairs)}", so_far)
        except StopIteration as stop:
            effects.append(stop.value.effect)
            ends.append((stop.value.clean_score, stop.value.corrupted_score))
            places.append(place)
        except MetricError as error:
            left_out.append(f"Pair {place + 1}: {error}")
    made = _made(effects, plan, ends, unit, places, left_out)
    if made is None:
        raise InterpError(f"The metric cannot tell the two prompts apart in any pair. {left_out[0]}")
    return made


def _made(
    effects: list[np.ndarray], plan: SweepPlan, ends: list[tuple[float, float]], unit: str, places: list[int],
    left_out: list[str],
) -> PairsSweep | None:  # fmt: skip
    if not effects:
        return None
    clean, corrupted = np.asarray(ends, np.float32).T
    return PairsSweep(plan, np.stack(effects), clean, corrupted, unit, tuple(places), tuple(left_out))
