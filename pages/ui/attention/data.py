"""What the attention views ask, of a live run through the engine, of a saved run from its files.

Techniques are imported inside the jobs for the same reason as in `cached`: they import torch.
"""

# ruff: noqa: PLC0415

import hashlib
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from jaxtyping import Float
from streamlit.delta_generator import DeltaGenerator

from interp_core.jobs import Job, finish
from interp_core.prompts import Prompt
from interp_core.types import Run
from interp_views.pooled import PooledPatterns, pool_patterns
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.waiting import wait_for_job

if TYPE_CHECKING:
    from interp_core.attention import Patterns
    from interp_core.attention_aggregates import Aggregate
    from interp_core.attention_survey import AttentionSurvey
    from interp_core.generation import Continuation, Sampling
    from interp_core.head_scores import HeadScores
    from interp_core.models import LoadedModel
    from interp_core.pattern_search import Cells, PatternSearch
    from interp_core.query_key import QueryKey
    from interp_core.similar_heads import HeadSimilarity

_SURVEYING = "Surveying attention"

MOST_EXACT = 512
"""Up to so many tokens all heads of a layer are had at once, and no picture pools."""


def survey(bench: Bench) -> "AttentionSurvey":
    """Every head on the run."""
    if bench.saved:
        return _of_saved(bench, "survey", lambda: _survey_saved(bench))
    return wait_for_job(_survey_job(bench), _SURVEYING)


def survey_so_far(bench: Bench, layer: int | None = None) -> "AttentionSurvey":
    """Every head on the run; while a long prompt runs, what there is so far, with `layer` in it if given."""

    if bench.saved:
        return _of_saved(bench, "survey", lambda: _survey_saved(bench))
    return wait_for_job(
        _survey_job(bench),
        _SURVEYING,
        enough=lambda made: bool(made.present.any() if layer is None else made.present[layer]),
    )


def _survey_job(bench: Bench) -> Job:
    def work(model: "LoadedModel") -> "AttentionSurvey":
        from interp_core.attention_survey import survey_attention

        return survey_attention(model, bench.run)

    return cached.engine().submit(bench.spec, ("survey", bench.run), work)


def _survey_saved(bench: Bench) -> "AttentionSurvey":
    from interp_core.attention_survey import survey_saved

    assert bench.saved
    return survey_saved(bench.saved, bench.saved.value_norms())


def draw_rest(bench: Bench, shown: "AttentionSurvey", place: DeltaGenerator) -> None:
    """Last thing on a page that drew part of a survey: wait for more, saying so in `place`, and draw the page anew."""
    if shown.complete or bench.saved:
        return
    drawn = int(shown.present.sum())
    step = max(1, bench.card.n_layers // 6)
    wait_for_job(
        _survey_job(bench), _SURVEYING, enough=lambda made: int(made.present.sum()) >= drawn + step, place=place
    )
    st.rerun()


def layer(bench: Bench, survey: "AttentionSurvey", index: int, heads: tuple[int, ...] | None = None) -> Any:
    """Exact patterns of a layer, `Float "head query_pos key_pos"`; of some heads only, for long prompts."""
    if bench.saved:
        return _of_saved(bench, ("layer", index, heads), lambda: bench.saved and bench.saved.layer(index, heads))

    inputs = _whole(bench, survey).inputs

    def work(model: "LoadedModel") -> Any:
        from interp_core.attention import layer_patterns

        assert inputs is not None
        return layer_patterns(model, bench.run, inputs, index, heads)

    return cached.ask(bench.spec, ("layer", bench.run, index, heads), work, "Computing attention")


def weights(bench: Bench, survey: "AttentionSurvey", index: int, head: int, weighted: bool) -> Any:
    """Exact pattern of one head, `Float "query_pos key_pos"`; times the norm of the value it moves, if `weighted`."""
    long = len(bench.run.tokens) > MOST_EXACT
    pattern = layer(bench, survey, index, (head,))[0] if long else layer(bench, survey, index)[head]
    return pattern * _whole(bench, survey).value_norms[index, head] if weighted else pattern


def _whole(bench: Bench, so_far: "AttentionSurvey") -> "AttentionSurvey":
    """The survey when its pass has ended: what is exact takes that."""
    return so_far if so_far.complete or bench.saved else survey(bench)


def pooled(bench: Bench, survey: "AttentionSurvey", index: int, weighted: bool) -> PooledPatterns:
    """What the layer view draws of every head."""
    under_way = not survey.complete and not bench.saved
    if not weighted and (under_way or _is_fine(bench, survey)):
        return _of_survey(bench, survey, index)

    whole = _whole(bench, survey)

    def make(patterns: Float[np.ndarray, "head query_pos key_pos"]) -> PooledPatterns:
        factor = whole.value_norms[index][:, None] if weighted else 1
        return pool_patterns(patterns * factor, top=None if weighted else 1.0)

    if bench.saved:
        return _of_saved(
            bench, ("pooled", index, weighted), lambda: make(bench.saved.layer(index)) if bench.saved else None
        )

    def work(model: "LoadedModel") -> PooledPatterns:
        from interp_core.attention import layer_patterns

        assert whole.inputs is not None
        return make(layer_patterns(model, bench.run, whole.inputs, index))

    return cached.ask(bench.spec, ("pooled", bench.run, index, weighted), work, "Computing attention")


def at_hand(bench: Bench, survey: "AttentionSurvey", index: int, weighted: bool) -> PooledPatterns | None:
    """The same where the survey holds it and nothing has to be computed; None elsewhere, or without such a layer."""
    ready = not weighted and (survey.complete or bench.saved) and _is_fine(bench, survey)
    return (
        _of_survey(bench, survey, index)
        if ready and 0 <= index < len(survey.present) and survey.present[index]
        else None
    )


def _is_fine(bench: Bench, survey: "AttentionSurvey") -> bool:
    """Whether the survey pools no more than the picture would."""
    return survey.pool == -(-len(bench.run.tokens) // MOST_EXACT)


def _of_survey(bench: Bench, survey: "AttentionSurvey", index: int) -> PooledPatterns:
    return PooledPatterns(survey.levels[index], len(bench.run.tokens), survey.pool, True, 1.0)


def aggregate(bench: Bench, how: "Aggregate", index: int, head: int) -> Float[np.ndarray, "query_pos key_pos"]:
    """Attention of one head, or of many in one matrix."""
    if how in ("head", "layer_mean") and not bench.saved:
        return _one_layer(bench, survey(bench), index, head if how == "head" else None)

    def work(patterns: "Patterns") -> Any:
        from interp_core.attention_aggregates import aggregate_attention

        return aggregate_attention(patterns, how, index, head)

    place = {"head": (index, head), "layer_mean": (index,)}.get(how, ())
    return _of_patterns(bench, ("aggregate", how, place), work, "Computing attention")


def _one_layer(bench: Bench, survey: "AttentionSurvey", index: int, head: int | None) -> Any:
    """One head of a layer, or the mean of all, from the survey's inputs: one layer and not a whole pass."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.attention import layer_patterns

        assert survey.inputs is not None
        heads = None if head is None else (head,)
        return layer_patterns(model, bench.run, survey.inputs, index, heads).mean(0)

    return cached.ask(bench.spec, ("one layer", bench.run, index, head), work, "Computing attention")


def search(bench: Bench, cells: "Cells") -> "PatternSearch":
    """How well every head fits a pattern."""

    def work(patterns: "Patterns") -> "PatternSearch":
        from interp_core.pattern_search import search_heads

        return search_heads(patterns, cells)

    return _of_patterns(bench, ("search", cells.tobytes()), work, "Searching heads")


def similarity(bench: Bench) -> "HeadSimilarity":
    """All heads compared on the run."""

    def work(patterns: "Patterns") -> Any:
        from interp_core.similar_heads import compare_heads

        return compare_heads([patterns])

    return _of_patterns(bench, "similarity", work, "Comparing heads")


def batch_runs(bench: Bench, prompts: tuple[str, ...]) -> tuple[Run, ...]:
    """The prompts of a batch as runs.

    Raises:
        InterpError: One of them cannot be run.
    """
    tokenised = [cached.tokenised(bench.spec, bench.prompt.with_text(text)) for text in prompts]
    return tuple(Run(bench.spec, tokens.ids, bench.run.interventions) for tokens in tokenised)


def batch_similarity(bench: Bench, runs: tuple[Run, ...]) -> "HeadSimilarity":
    """All heads compared on a batch."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.attention import LivePatterns
        from interp_core.similar_heads import compare_heads

        return compare_heads([LivePatterns(model, run) for run in runs])

    return cached.ask(bench.spec, ("batch similarity", runs), work, "Comparing heads")


def batch_scores(bench: Bench, runs: tuple[Run, ...]) -> "list[HeadScores]":
    """Scores of every head on each prompt of a batch."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.attention import LivePatterns
        from interp_core.head_scores import score_prompts

        return score_prompts([LivePatterns(model, run) for run in runs])

    return cached.ask(bench.spec, ("batch scores", runs), work, "Scoring heads")


def repeated_scores(bench: Bench) -> "HeadScores":
    """Scores of every head on repeated random tokens."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.repeated_tokens import score_repeated_tokens

        return score_repeated_tokens(model)

    return cached.ask(bench.spec, "repeated tokens", work, "Scoring heads on repeated random tokens")


def query_key(bench: Bench, survey: "AttentionSurvey", index: int, head: int, query: int) -> "QueryKey":
    """Query and keys of one head at one position."""

    def work(model: "LoadedModel") -> "QueryKey":
        from interp_core.query_key import query_key

        assert survey.inputs is not None
        return query_key(model, bench.run, survey.inputs, index, head, query)

    return cached.ask(bench.spec, ("query key", bench.run, index, head, query), work, "Taking the score apart")


def continuation(bench: Bench, sampling: "Sampling", show: Callable[["Continuation"], object]) -> "Continuation":
    """What the model writes after the prompt; the same settings give the same tokens, so it is kept."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.generation import generate

        return generate(model, bench.run, sampling)

    job = cached.engine().submit(bench.spec, ("continuation", bench.run, sampling), work)
    return wait_for_job(job, "Generating", show)


def with_continuation(bench: Bench, ids: tuple[int, ...], str_tokens: tuple[str, ...]) -> Bench:
    """The same bench on prompt and continuation together."""
    import dataclasses

    from interp_core.tokens import extended

    tokens = extended(bench.tokenised, ids, str_tokens)
    return dataclasses.replace(bench, tokenised=tokens, run=Run(bench.spec, tokens.ids, bench.run.interventions))


def save(bench: Bench, prompt: Prompt, n_prompt: int, sampling: "Sampling | None") -> str:
    """Write the run to the runs folder, and return its key."""

    def work(model: "LoadedModel") -> str:
        from interp_core.attention import LivePatterns
        from interp_core.run_writing import save_run
        from interp_core.saved_runs import RunFacts
        from interp_core.settings import runs_folder

        texts = tuple(spec.text for spec in bench.run.interventions)
        facts = RunFacts(model.card, prompt, bench.tokenised, n_prompt, sampling, interventions=texts)
        return save_run(LivePatterns(model, bench.run), facts, runs_folder()).name

    job = cached.engine().submit(bench.spec, ("save", bench.run, prompt, n_prompt, sampling), work, keep=False)
    return wait_for_job(job, "Saving the run")


def about(bench: Bench, *what: Hashable) -> str:
    """A short name of some data of this run: a picture applies a selection only to the data that it is about."""
    return hashlib.sha256(repr((bench.run, bench.saved and bench.saved.folder, what)).encode()).hexdigest()[:16]


def packed(name: str, make: Callable[[], bytes]) -> bytes:
    """A packed message, made once: pages are drawn anew at every click."""
    results = cached.engine().results
    known = results.get(("packed", name))
    if known is None:
        known = make()
        results.put(("packed", name), known)
    return known


def _of_patterns(bench: Bench, key: Hashable, work: Callable[["Patterns"], Any], label: str) -> Any:
    """The answer of a technique that takes patterns, wherever they come from."""
    if bench.saved:
        saved = bench.saved
        return _of_saved(bench, key, lambda: finish(work(saved)))

    def on_model(model: "LoadedModel") -> Any:
        from interp_core.attention import LivePatterns

        return work(LivePatterns(model, bench.run))

    return cached.ask(bench.spec, (key, bench.run), on_model, label)


def _of_saved(bench: Bench, key: Hashable, make: Callable[[], Any]) -> Any:
    """An answer from a saved run's files: no model and no queue, only the cache of results."""
    assert bench.saved
    results, full = cached.engine().results, ("saved", bench.saved.folder, bench.saved.facts.created, key)
    known = results.get(full)
    if known is None:
        with st.spinner("Reading the saved run", show_time=True):
            known = make()
        results.put(full, known)
    return known
