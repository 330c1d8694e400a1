"""Searching heads by their pattern: which heads put their attention where the user expects it?

A pattern is a set of cells (query, key): a known one that depends on the tokens, or one that the user has drawn. The
score of a head is the attention that falls on the cells, averaged over the queries that have any: 1 where all of it
does, 0 where none.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.attention import Patterns
from interp_core.errors import InterpError
from interp_core.head_scores import TokenMatches

KnownPattern = Literal["previous", "second_previous", "itself", "first", "same_token", "after_same_token"]
KNOWN_PATTERNS: tuple[KnownPattern, ...] = get_args(KnownPattern)
Cells = Int[np.ndarray, "2 cell"]


@dataclass(frozen=True)
class PatternSearch:
    """How well every head fits a pattern."""

    score: Float[np.ndarray, "layer head"]
    """Attention on the cells, 0 to 1, mean over the queries; NaN for layers without softmax attention."""
    n_queries: int


def known_cells(pattern: KnownPattern, tokens: tuple[int, ...]) -> Cells:
    """The cells of a known pattern on these tokens. The first token is no query: it can only attend to itself."""
    queries = np.arange(1, len(tokens))
    if pattern in ("same_token", "after_same_token"):
        matches = TokenMatches.of(tokens)
        return matches.duplicates if pattern == "same_token" else matches.successors
    key = {"previous": queries - 1, "second_previous": queries - 2, "itself": queries, "first": queries * 0}[pattern]
    return np.stack([queries, key])[:, key >= 0]


def drawn_cells(cells: tuple[tuple[int, int], ...], n_pos: int) -> Cells:
    """The cells that a user drew.

    Raises:
        InterpError: One does not lie in the pattern of this prompt.
    """
    for query, key in cells:
        if not 0 <= key <= query < n_pos:
            raise InterpError(
                f"The drawn pattern has a cell from query {query} to key {key}, and this prompt has {n_pos} tokens, each "
                "of which sees itself and what stands before it. Draw the pattern again."
            )
    return np.array(sorted(set(cells)), np.int64).reshape(-1, 2).T


@torch.no_grad()
def search_heads(patterns: Patterns, cells: Cells) -> PatternSearch:
    """Score every head by the attention that falls on some cells. Costs one forward pass.

    Raises:
        InterpError: There are no cells.
    """
    if not cells.shape[1]:
        raise InterpError(
            "There is nothing to look for: this pattern has no cell on this prompt. Draw one, pick another pattern, or "
            "type a prompt that repeats a token."
        )
    n_queries = len(np.unique(cells[0]))
    score = np.full((patterns.shape.n_layers, patterns.shape.n_heads), np.nan, np.float32)

    def see(layer: int, pattern: Tensor) -> None:
        query, key = torch.from_numpy(cells).to(pattern.device)
        score[layer] = (torch.stack([head[query, key].sum() for head in pattern]) / n_queries).cpu().numpy()

    patterns.walk(see)
    return PatternSearch(score, n_queries)
