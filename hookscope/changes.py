"""Ablation and patching in a notebook."""

from collections.abc import Sequence
from typing import Literal

from hookscope.models import Asked, Intervened, prompt_of, run_of
from interp_core.ablation import AblatedPart, AblationKind, AblationPlan, AblationSweep
from interp_core.ablation import ablate_each as _ablate_each
from interp_core.answers import single_token
from interp_core.comparison import Comparison, compare_runs
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric, MetricKind
from interp_core.models import LoadedModel
from interp_core.pair_fit import usable_pairs
from interp_core.pair_sets import PairRow, read_shipped
from interp_core.pair_sweeps import PairsSweep, Plan, need_of
from interp_core.pair_sweeps import sweep_pairs as _sweep_pairs
from interp_core.patching import Direction, PatchingSweep, SweepPlan, SweepSite, patch_sweep
from interp_core.path_patching import patch_paths as _patch_paths
from interp_core.path_plan import PathPlan, PathSweep, Receiver, Sender
from interp_core.prompt_pairs import PromptPair
from interp_core.types import Run


def compare(model: LoadedModel, prompt: Intervened) -> Comparison:
    """What a prompt's interventions change in what the model says, position by position.

    Raises:
        InterpError: An intervention does not fit.
    """
    changed = run_of(model, prompt)
    return compare_runs(model, Run(changed.model, changed.tokens), changed)


def ablate_each(
    model: LoadedModel,
    prompt: Asked,
    *,
    part: AblatedPart = "head",
    kind: AblationKind = "zero",
    references: Sequence[str] = (),
    seed: int = 0,
    metric: MetricKind = "kl",
    answers: Sequence[str] = (),
    foils: Sequence[str] = (),
) -> AblationSweep:
    """The metric with every head, MLP or layer ablated in turn; see `interp_core.ablation`.

    References get a BOS where the prompt does.

    Raises:
        InterpError: An answer is not one token, or something does not fit.
    """
    plan = AblationPlan(part, kind, tuple(references), seed, bos=prompt_of(prompt).prepend_bos)
    return finish(_ablate_each(model, run_of(model, prompt), _metric(model, metric, answers, foils), plan))


def patch(
    model: LoadedModel,
    clean: Asked,
    corrupted: Asked,
    site: SweepSite = "resid_pre",
    *,
    by_position: bool = True,
    layer: int | None = None,
    direction: Direction = "denoising",
    metric: MetricKind = "logit_difference",
    answers: Sequence[str] = (),
    foils: Sequence[str] = (),
) -> PatchingSweep:
    """Patch every activation of a kind from one prompt's run into the other's; see `interp_core.patching`.

    Raises:
        InterpError: The prompts cannot be compared, an answer is not one token, or something does not fit.
    """
    pair = PromptPair(run_of(model, clean), run_of(model, corrupted))
    plan = SweepPlan(site, by_position, layer, direction)
    return finish(patch_sweep(model, pair, _metric(model, metric, answers, foils), plan))


def sweep_pairs(
    model: LoadedModel,
    pairs: str | Sequence[PairRow],
    plan: Plan | None = None,
    *,
    metric: MetricKind = "logit_difference",
    interventions: Sequence[str] = (),
    prepend_bos: bool = True,
) -> PairsSweep:
    """One sweep over many pairs, with mean and standard error: a set that ships, by name, or rows of your own.

    `plan` is a `SweepPlan` (patching; the default: every head's output), a `PathPlan` or an `AblationPlan`. Rows that cannot
    be used on this model are left out.

    Raises:
        InterpError: There is no such set, or none of its pairs can be used.
    """
    rows = read_shipped(pairs).rows if isinstance(pairs, str) else tuple(pairs)
    plan = plan or SweepPlan("z", by_position=False)
    usable, _ = usable_pairs(model.tokenizer, rows, need_of(plan), bos=prepend_bos)
    specs = tuple(Intervention.parse(text) for text in interventions)
    return finish(_sweep_pairs(model, usable, metric, plan, specs))


def patch_paths(
    model: LoadedModel,
    clean: Asked,
    corrupted: Asked,
    receivers: Sequence[Receiver] = (Receiver(),),
    *,
    mlps: Literal["recomputed", "frozen"] = "recomputed",
    direction: Direction = "noising",
    group: Sequence[Sender] = (),
    metric: MetricKind = "logit_difference",
    answers: Sequence[str] = (),
    foils: Sequence[str] = (),
) -> PathSweep:
    """Patch the paths from every head and MLP to the receivers; see `interp_core.path_patching`.

    With a `group`, its senders send in every cell, together with the cell's own; `sweep.group_score` is that of the group
    alone.

    Raises:
        InterpError: The prompts cannot be compared, an answer is not one token, or a receiver or a sender is not there.
    """
    pair = PromptPair(run_of(model, clean), run_of(model, corrupted))
    plan = PathPlan(tuple(receivers), mlps, direction, tuple(group))
    return finish(_patch_paths(model, pair, _metric(model, metric, answers, foils), plan))


def _metric(model: LoadedModel, kind: MetricKind, answers: Sequence[str], foils: Sequence[str]) -> Metric:
    read = [
        tuple(single_token(model.tokenizer, text, what) for text in texts)
        for texts, what in ((answers, "answer"), (foils, "foil"))
    ]
    return Metric(kind, *read).checked()
