"""Head scores: one number a head, which together say what kind of head it is.

Each score is a mean over query positions of how one query's attention is spread. The first token can only attend to
itself, so it never counts as a query. Sources stand with each score in `HEAD_SCORES`.
"""

import functools
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.attention import Patterns
from interp_core.types import Progress

HeadScore = Literal["previous_token", "duplicate_token", "induction", "first_token", "entropy", "distance"]
HEAD_SCORE_NAMES: tuple[HeadScore, ...] = get_args(HeadScore)


@dataclass(frozen=True)
class ScoreKind:
    """What a score is."""

    label: str
    unit: str
    definition: str
    source: str
    bounded: bool = True
    """Whether it runs from 0 to 1; entropy and distance grow with the prompt."""


HEAD_SCORES: dict[HeadScore, ScoreKind] = {
    "previous_token": ScoreKind(
        "Previous token", "attention, 0 to 1",
        "Attention to the position just before, averaged over queries.",
        "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits",
    ),
    "duplicate_token": ScoreKind(
        "Duplicate token", "attention, 0 to 1",
        "Attention to earlier occurrences of the query's own token, averaged over the queries that have one.",
        "Wang et al. 2022, arXiv:2211.00593",
    ),
    "induction": ScoreKind(
        "Induction", "attention, 0 to 1",
        "Attention to the positions just after earlier occurrences of the query's own token, averaged over the queries "
        "that have one.",
        "Olsson et al. 2022, arXiv:2209.11895",
    ),
    "first_token": ScoreKind(
        "First token (sink)", "attention, 0 to 1",
        "Attention to the first position, averaged over queries: where a head with nothing to read rests.",
        "Xiao et al. 2023, arXiv:2309.17453",
    ),
    "entropy": ScoreKind(
        "Entropy", "nats",
        "Entropy of the attention over keys, averaged over queries: 0 where all of it is on one key, log(number of keys) "
        "where it is even.",
        "Vig and Belinkov 2019, arXiv:1906.04284",
        bounded=False,
    ),
    "distance": ScoreKind(
        "Mean distance", "tokens",
        "How many positions back the attention lies on average, averaged over queries.",
        "Vig and Belinkov 2019, arXiv:1906.04284",
        bounded=False,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class HeadScores:
    """Every score of every head."""

    values: Float[np.ndarray, "score layer head"]
    """In the order of `HEAD_SCORE_NAMES`. NaN: not defined on these tokens, or a layer without softmax attention."""
    n_queries: tuple[int, ...]
    """How many query positions each score is the mean of."""

    def of(self, score: HeadScore) -> Float[np.ndarray, "layer head"]:
        """One score."""
        return self.values[HEAD_SCORE_NAMES.index(score)]


@dataclass(frozen=True)
class TokenMatches:
    """Which cells of a pattern each score looks at; depends on the tokens alone."""

    queries: Int[np.ndarray, " query"]
    """Query positions that count."""
    duplicates: Int[np.ndarray, "2 cell"]
    """Query and key: an earlier position holds the same token."""
    successors: Int[np.ndarray, "2 cell"]
    """Query and key: the position after an earlier one that holds the same token."""
    n_duplicates: int = field(init=False)
    """Queries with at least one duplicate; with at least one successor too, since each duplicate has one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_duplicates", len(np.unique(self.duplicates[0])))

    @classmethod
    def of(cls, tokens: tuple[int, ...], first_query: int = 1) -> "TokenMatches":
        """Match every query from `first_query` on with the earlier positions that hold its token."""
        ids = np.asarray(tokens)
        cells = np.stack(np.nonzero(np.tril(ids[:, None] == ids, k=-1)))
        cells = cells[:, cells[0] >= first_query]
        return cls(np.arange(max(1, first_query), len(tokens)), cells, cells + np.array([[0], [1]]))


@torch.no_grad()
def score_pattern(
    pattern: Float[Tensor, "head query_pos key_pos"], matches: TokenMatches
) -> Float[np.ndarray, "score head"]:
    """All scores of the heads of one layer on one prompt, in the order of `HEAD_SCORE_NAMES`."""
    n_heads, n_pos, _ = pattern.shape
    if not len(matches.queries):
        return np.full((len(HEAD_SCORE_NAMES), n_heads), np.nan, np.float32)
    queries = torch.from_numpy(matches.queries).to(pattern.device)
    rows = pattern[:, int(queries[0]) :]  # queries run to the end, so a slice spares a copy
    positions = torch.arange(n_pos, device=pattern.device, dtype=pattern.dtype)
    distance = (rows.sum(-1) * positions[queries] - rows @ positions).mean(-1)
    entropy = torch.stack([torch.special.entr(head).sum(-1).mean() for head in rows])
    scores = [
        pattern[:, queries, queries - 1].mean(-1),
        _mean_on_cells(pattern, matches.duplicates, matches.n_duplicates),
        _mean_on_cells(pattern, matches.successors, matches.n_duplicates),
        rows[:, :, 0].mean(-1),
        entropy,
        distance,
    ]
    return torch.stack(scores).float().cpu().numpy()


def _mean_on_cells(
    pattern: Float[Tensor, "head query_pos key_pos"], cells: Int[np.ndarray, "2 cell"], n_queries: int
) -> Float[Tensor, " head"]:
    """Attention that falls on the cells, per query that has any."""
    if not n_queries:
        return torch.full((len(pattern),), math.nan, device=pattern.device, dtype=pattern.dtype)
    query, key = torch.from_numpy(cells).to(pattern.device)
    return torch.stack([head[query, key].sum() for head in pattern]) / n_queries


def score_prompts(prompts: Sequence[Patterns]) -> Generator[Progress, None, list[HeadScores]]:
    """Every score of every head on each prompt. Costs one forward pass a prompt."""
    made: list[HeadScores] = []
    for patterns in prompts:
        matches, shape = TokenMatches.of(patterns.tokens), patterns.shape
        values = np.full((len(HEAD_SCORE_NAMES), shape.n_layers, shape.n_heads), np.nan, np.float32)
        patterns.walk(functools.partial(_score_layer, values, matches))
        made.append(HeadScores(values, count_queries(matches)))
        yield Progress(len(made) / len(prompts), f"{len(made)} of {len(prompts)} prompts")
    return made


def _score_layer(
    values: Float[np.ndarray, "score layer head"],
    matches: TokenMatches,
    layer: int,
    pattern: Float[Tensor, "head query_pos key_pos"],
) -> None:
    values[:, layer] = score_pattern(pattern, matches)


def count_queries(matches: TokenMatches) -> tuple[int, ...]:
    """How many query positions each score is the mean of."""
    matched = ("duplicate_token", "induction")
    return tuple(matches.n_duplicates if name in matched else len(matches.queries) for name in HEAD_SCORE_NAMES)
