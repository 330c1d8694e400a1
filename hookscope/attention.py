"""Attention in a notebook: the calls behind every view of the dashboard's attention page."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hookscope.models import Asked, run_of, tokenised
from interp_core.attention import LivePatterns, layer_patterns
from interp_core.attention_aggregates import Aggregate, aggregate_attention
from interp_core.attention_survey import AttentionSurvey, survey_attention, survey_saved
from interp_core.errors import InterpError
from interp_core.generation import Sampling, generate
from interp_core.head_scores import HeadScores
from interp_core.jobs import finish
from interp_core.models import LoadedModel
from interp_core.pattern_search import KnownPattern, PatternSearch, drawn_cells, known_cells
from interp_core.pattern_search import search_heads as _search_heads
from interp_core.query_key import QueryKey
from interp_core.query_key import query_key as _query_key
from interp_core.repeated_tokens import score_repeated_tokens
from interp_core.saved_runs import SavedRun
from interp_core.similar_heads import HeadSimilarity, compare_heads
from interp_core.tokens import Tokenised, extended
from interp_views.attention import (
    MOST_EXACT,
    AttentionView,
    attention_focus,
    attention_payload,
    attention_selection,
)
from interp_views.component import Component, NotebookPicture
from interp_views.generated import GeneratedView, RowOf, generated_payload, generated_selection
from interp_views.head_grid import HeadGridView, head_grid_payload
from interp_views.pooled import pool_patterns

Source = LoadedModel | SavedRun
_GREEDY = Sampling(24)


class _Looked(NamedTuple):
    """A prompt or a saved run, ready to be looked at."""

    tokens: Tokenised
    patterns: LivePatterns | SavedRun
    survey: AttentionSurvey

    def layer(self, layer: int) -> Float[np.ndarray, "head query_pos key_pos"]:
        if isinstance(self.patterns, SavedRun):
            return self.patterns.layer(layer)
        assert self.survey.inputs is not None
        return layer_patterns(self.patterns.loaded, self.patterns.run, self.survey.inputs, layer)


def _look(source: Source, prompt: Asked | None) -> _Looked:
    if isinstance(source, SavedRun):
        return _Looked(source.facts.tokenised, source, survey_saved(source, source.value_norms()))
    patterns, tokens = _patterns(source, prompt)
    assert isinstance(patterns, LivePatterns)
    return _Looked(tokens, patterns, survey_attention(source, patterns.run))


def _windows(source: Source) -> tuple[int, ...]:
    return (source.facts.card if isinstance(source, SavedRun) else source.card).windows


def _patterns(source: Source, prompt: Asked | None) -> tuple[LivePatterns | SavedRun, Tokenised]:
    if isinstance(source, SavedRun):
        return source, source.facts.tokenised
    if prompt is None:
        raise InterpError("A model needs a prompt to run. Give one as the second argument.")
    tokens = tokenised(source, prompt)
    return LivePatterns(source, run_of(source, prompt)), tokens


def show_attention(
    source: Source,
    prompt: Asked | None = None,
    *,
    layer: int,
    head: int | None = None,
    weighted: bool = False,
) -> NotebookPicture:
    """Every head of one layer, one of them large, or all mixed. Costs one forward pass.

    `weighted` shows attention times the norm of the value vector that it moves.
    """
    looked = _look(source, prompt)
    patterns, about = looked.layer(layer), f"layer {layer}"
    if weighted:
        patterns = patterns * looked.survey.value_norms[layer][:, None]
    tokens, unit = looked.tokens, "attention × ‖v‖" if weighted else "attention probability"
    pooled = pool_patterns(patterns, top=None if weighted else 1.0)
    window = _windows(source)[layer] if _windows(source) else 0
    view = AttentionView(tokens.str_tokens, tokens.special, layer, pooled, unit, about, window=window)
    parts = [attention_selection(about, head=head)]
    if head is not None and len(tokens.ids) <= MOST_EXACT:
        parts.append(attention_focus(about, head, patterns[head], causal=True))
    return Component.load("attention").notebook(attention_payload(view), f"Attention, layer {layer}", parts=parts)


def show_heads(source: Source, prompt: Asked | None = None) -> NotebookPicture:
    """Every head of every layer, small; a click shows one large. Costs one forward pass."""
    looked = _look(source, prompt)
    tokens, survey = looked.tokens, looked.survey
    view = HeadGridView(
        tokens.str_tokens, tokens.special, survey.levels, len(tokens.ids), survey.pool, True, 1.0,
        "attention probability", "heads", opens=True, windows=_windows(source),
    )  # fmt: skip
    return Component.load("head_grid").notebook(head_grid_payload(view), "Every head")


def show_generated(
    source: Source,
    prompt: Asked | None = None,
    *,
    sampling: Sampling = _GREEDY,
    how: Aggregate = "head",
    layer: int = 0,
    head: int = 0,
    row: RowOf = "wrote",
    power: float = 1.0,
    cutoff: float | None = None,
    ignore: int = 0,
) -> NotebookPicture:
    """Continue a prompt, and show what each new token looked at. Costs a pass a token and one more.

    `row`, `power`, `cutoff` and `ignore` are those of `interp_views.generated`.
    """
    patterns, before = _patterns(source, prompt)
    n_prompt = len(before.ids)
    if isinstance(patterns, SavedRun):
        n_prompt = patterns.facts.n_prompt
    else:
        made = finish(generate(patterns.loaded, patterns.run, sampling))
        before = extended(before, made.ids, made.str_tokens)
        patterns = LivePatterns(patterns.loaded, replace(patterns.run, tokens=before.ids))
    rows = aggregate_attention(patterns, how, layer, head)[n_prompt - 1 :]
    view = GeneratedView(before.str_tokens, before.special, n_prompt, np.ascontiguousarray(rows), how, "generated")
    settings = generated_selection("generated", row=row, power=power, cutoff=cutoff, ignore=ignore)
    return Component.load("generated").notebook(
        generated_payload(view), "Attention over generated text", parts=[settings]
    )


def head_scores(source: Source, prompt: Asked | None = None) -> HeadScores:
    """Every score of every head: on a prompt or a saved run; of a model without a prompt, on repeated random tokens."""
    if isinstance(source, LoadedModel) and prompt is None:
        return finish(score_repeated_tokens(source))
    return _look(source, prompt).survey.scores


def similar_heads(
    source: Source, prompt: Asked | None = None, *, layer: int, head: int, count: int = 10
) -> list[tuple[int, int, float]]:
    """The heads that attend most like one: layer, head, and similarity from 0 to 1."""
    patterns, _ = _patterns(source, prompt)
    found: HeadSimilarity = finish(compare_heads([patterns]))
    n_heads = patterns.shape.n_heads
    index = layer * n_heads + head
    return [
        (*divmod(int(other), n_heads), float(found.coefficient[index, other]))
        for other in found.most_similar(index, count)
    ]


def search_heads(
    source: Source,
    prompt: Asked | None = None,
    pattern: KnownPattern = "after_same_token",
    *,
    cells: tuple[tuple[int, int], ...] = (),
) -> PatternSearch:
    """How much attention of every head falls on a known pattern, or on cells (query, key) of your own."""
    patterns, tokens = _patterns(source, prompt)
    wanted = drawn_cells(cells, len(tokens.ids)) if cells else known_cells(pattern, tokens.ids)
    return _search_heads(patterns, wanted)


def query_key(model: LoadedModel, prompt: Asked, *, layer: int, head: int, query: int) -> QueryKey:
    """The query and the keys behind one head's scores at one position."""
    looked = _look(model, prompt)
    assert isinstance(looked.patterns, LivePatterns) and looked.survey.inputs is not None
    return _query_key(model, looked.patterns.run, looked.survey.inputs, layer, head, query)
