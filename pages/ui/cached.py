"""The engine, and one function a question: pages call these (and `attention.data`) and nothing else that computes.

Techniques are imported inside the jobs, in the model's thread: they import torch, which must not delay the first
paint. That is the one place where the house style allows an import inside a function.
"""

# ruff: noqa: PLC0415

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.engine import Engine
from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from interp_core.jobs import Job
from interp_core.prompts import Prompt
from interp_core.settings import Settings, load_settings
from interp_core.types import ModelSpec, Run
from pages.ui.waiting import wait_for_job

if TYPE_CHECKING:
    from interp_core.ablation import AblationPlan
    from interp_core.comparison import Comparison
    from interp_core.generation import Continuation, Sampling
    from interp_core.metrics import Metric, MetricKind
    from interp_core.model_card import ModelCard
    from interp_core.models import LoadedModel
    from interp_core.pair_fit import UsablePair
    from interp_core.pair_sweeps import Plan
    from interp_core.parity import Parity
    from interp_core.patching import SweepPlan
    from interp_core.path_plan import PathPlan
    from interp_core.predictions import Predictions
    from interp_core.prompt_pairs import PromptPair
    from interp_core.saved_runs import SavedRun
    from interp_core.tokens import Tokenised


@st.cache_resource(show_spinner=False)
def engine() -> Engine:
    """The engine of this server process, with every resident model."""
    try:
        return Engine(load_settings())
    except InterpError as error:
        st.warning(str(error))
        return Engine(Settings())


def loaded(spec: ModelSpec) -> "LoadedModel":
    """A resident model, for what needs no forward pass."""
    lane = engine().open(spec)
    lane.settled.wait()
    if lane.error:
        raise lane.error
    assert lane.loaded is not None
    return lane.loaded


def card(spec: ModelSpec) -> "ModelCard":
    """What was loaded."""
    return loaded(spec).card


def tokenised(spec: ModelSpec, prompt: Prompt) -> "Tokenised":
    """A prompt as the model sees it. Needs no turn in the queue."""
    results, key = engine().results, (spec, "tokenise", prompt)
    known = results.get(key)
    if known is None:
        known = loaded(spec).tokenizer.tokenise(prompt)
        results.put(key, known)
    return known


def saved_run(folder: Path) -> "SavedRun":
    """A run on disk, its manifest checked."""
    from interp_core.saved_runs import open_run

    return open_run(folder)


def fit_interventions(
    spec: ModelSpec, interventions: tuple[Intervention, ...], tokens: tuple[int, ...]
) -> tuple[Intervention, ...]:
    """Those that are switched on, in canonical form. Raises where one does not fit the model or the prompt."""
    results, key = engine().results, (spec, "fit", interventions, tokens)
    known = results.get(key)
    if known is None:
        from interp_core.edits import fitted

        known = fitted(loaded(spec), interventions, tokens)
        if not any(one.function for one in interventions):  # the files of hook functions may change at any time
            results.put(key, known)
    return known


def comparison(clean: Run, changed: Run) -> "Comparison":
    """What interventions change in what the model says."""

    def work(model: "LoadedModel") -> "Comparison":
        from interp_core.comparison import compare_runs

        return compare_runs(model, clean, changed)

    return ask(clean.model, ("comparison", clean, changed), work, "Comparing with the clean run")


def sweep_job(key: Any, pair: "PromptPair", metric: "Metric", plan: "SweepPlan | PathPlan", so_far: Any = None) -> Job:
    """A patching sweep, under way or done; it goes on from `so_far`, where it was stopped before."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.patching import SweepPlan, patch_sweep
        from interp_core.path_patching import patch_paths

        sweep: Any = patch_sweep if isinstance(plan, SweepPlan) else patch_paths
        return sweep(model, pair, metric, plan, so_far=so_far)

    return engine().submit(pair.clean.model, key, work)


def ablation_job(key: Any, run: Run, metric: "Metric", plan: "AblationPlan", so_far: Any = None) -> Job:
    """An ablation sweep, under way or done; it goes on from `so_far`, where it was stopped before."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.ablation import ablate_each

        return ablate_each(model, run, metric, plan, so_far=so_far)

    return engine().submit(run.model, key, work)


def pairs_job(
    spec: ModelSpec,
    key: Any,
    pairs: "tuple[UsablePair, ...]",
    kind: "MetricKind",
    plan: "Plan",
    interventions: tuple[Intervention, ...],
    so_far: Any = None,
) -> Job:
    """A sweep over pairs, under way or done; it goes on from `so_far`, where it was stopped before."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.pair_sweeps import sweep_pairs

        return sweep_pairs(model, pairs, kind, plan, interventions, so_far=so_far)

    return engine().submit(spec, key, work)


def common_tokens(spec: ModelSpec, prompts: tuple[tuple[int, ...], ...]) -> "Tokenised":
    """The tokens of one prompt; of several of one length, the tokens that all share and an ellipsis for the others."""
    results, key = engine().results, (spec, "common tokens", prompts)
    known = results.get(key)
    if known is None:
        known = loaded(spec).tokenizer.describe(prompts[0])
        same = [len(set(column)) == 1 for column in zip(*prompts, strict=False)]
        shown = tuple(token if alike else "…" for token, alike in zip(known.str_tokens, same, strict=False))
        known = replace(known, str_tokens=shown + known.str_tokens[len(shown) :])
        results.put(key, known)
    return known


def predictions(run: Run, k: int = 10) -> "Predictions":
    """Loss and the likeliest next tokens at every position."""

    def work(model: "LoadedModel") -> "Predictions":
        from interp_core.predictions import predict

        return predict(model, run, k=k)

    return ask(run.model, ("predictions", run, k), work, "Predicting")


def start_generation(run: Run, sampling: "Sampling", attempt: int) -> Job:
    """A job that continues a run. `attempt` tells two presses of the button apart; its result is not cached."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.generation import generate

        return generate(model, run, sampling)

    job = engine().submit(run.model, ("generate", run, sampling, attempt), work, keep=False)
    job.leave()  # each wait joins for itself: the fragment that waits may be drawn anew meanwhile
    return job


def wait_for_generation(job: Job, show: Callable[["Continuation"], object]) -> "Continuation":
    """Wait for a generation, showing what there is after every token."""
    job.join()
    return wait_for_job(job, "Generating", show)


def probe_parity(spec: ModelSpec) -> "Parity":
    """Parity over the fixed probe set."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.parity import measure_probes

        return measure_probes(model)

    return ask(spec, "probe parity", work, "Measuring parity on the probe set")


def prompt_parity(spec: ModelSpec, prompt: Prompt) -> "Parity":
    """Parity on one prompt."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.parity import measure_parity

        return measure_parity(model, [prompt])

    return ask(spec, ("prompt parity", prompt), work, "Measuring parity on this prompt")


def reference_bytes(spec: ModelSpec) -> int:
    """What a parity measurement takes beside the model."""
    from interp_core.parity import reference_bytes

    return reference_bytes(loaded(spec))


def devices() -> list[str]:
    """Devices to choose from: `auto` alone where there is only the CPU, or while torch is not there to ask."""
    if not any(lane.state == "ready" for lane in engine().lanes()):
        return ["auto"]
    from interp_core.devices import devices

    found = devices()
    return ["auto", *found] if len(found) > 1 else ["auto"]


def ask(spec: ModelSpec, key: Any, work: Callable[["LoadedModel"], Any], label: str) -> Any:
    """The result of a question: from the cache, or by a job that the page waits for."""
    return wait_for_job(engine().submit(spec, key, work), label)
