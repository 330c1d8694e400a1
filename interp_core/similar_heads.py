"""Similar heads: which heads attend alike, on one prompt or on a batch, and a map of all of them.

The measure is the Bhattacharyya coefficient of two heads' attention rows, averaged over queries: sum over keys of
sqrt(p q), 1 where two heads attend exactly alike, 0 where they never look at the same token (Bhattacharyya 1943). One
minus it is the squared Hellinger distance, which is a squared Euclidean distance between the vectors sqrt(p): so the
map is classical scaling (Torgerson 1952), whose axes are principal components, and the same input gives the same map.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.attention import Patterns, PatternShape
from interp_core.errors import InterpError
from interp_core.types import Progress

SAMPLE_BYTES = 256 * 1024**2
"""What the rows of all heads on one prompt may take. A prompt with more is compared on evenly spaced queries."""


@dataclass(frozen=True)
class HeadSimilarity:
    """Every pair of heads. Heads are counted layer by layer: head h of layer l is l * n_heads + h."""

    coefficient: Float[np.ndarray, "head other_head"]
    """Mean Bhattacharyya coefficient, 0 to 1; NaN for heads of layers without softmax attention."""
    place: Float[np.ndarray, "head 2"]
    """Coordinates on the map, in units of Hellinger distance."""
    share: float
    """Share of the squared distances between heads that the two coordinates show, 0 to 1."""
    n_queries: int
    """Query positions compared, over all prompts. The first token of a prompt never counts: it sees only itself."""
    n_all_queries: int
    """Query positions that there were; more than `n_queries` where a long prompt was sampled."""
    n_prompts: int

    def most_similar(self, head: int, count: int) -> Int[np.ndarray, " found"]:
        """The heads most similar to `head`, best first, without itself."""
        order = np.argsort(-np.nan_to_num(self.coefficient[head], nan=-1.0), kind="stable")
        return order[order != head][:count]


def sampled_queries(shape: PatternShape) -> Int[np.ndarray, " query"]:
    """The query positions that are compared: all but the first, or evenly spaced ones where all take too much."""
    most = max(1, SAMPLE_BYTES // (shape.n_layers * shape.n_heads * shape.n_pos * 4))
    if shape.n_pos - 1 <= most:
        return np.arange(1, shape.n_pos)
    return np.unique(np.linspace(1, shape.n_pos - 1, most).round().astype(np.int64))


@torch.no_grad()
def compare_heads(prompts: Sequence[Patterns]) -> Generator[Progress, None, HeadSimilarity]:
    """Compare all heads of one model on one or more prompts. Costs one forward pass a prompt.

    Raises:
        InterpError: No prompt has a second token.
    """
    total: Tensor | None = None
    n_queries = n_all = n_prompts = 0
    for done, patterns in enumerate(prompts):
        queries = sampled_queries(patterns.shape)
        if not len(queries):
            continue
        products = _products(patterns, queries)
        total = products if total is None else total + products
        n_queries, n_all, n_prompts = n_queries + len(queries), n_all + patterns.shape.n_pos - 1, n_prompts + 1
        yield Progress((done + 1) / len(prompts), f"{done + 1} of {len(prompts)} prompts")
    if total is None:
        raise InterpError(
            "Heads can be compared only where a token can choose between two: the prompt has one token. Type a longer one."
        )
    coefficient = (total / n_queries).numpy()
    place, share = map_of_heads(coefficient)
    return HeadSimilarity(coefficient.astype(np.float32), place, share, n_queries, n_all, n_prompts)


def _products(patterns: Patterns, queries: Int[np.ndarray, " query"]) -> Float[Tensor, "head other_head"]:
    """Sum over queries of every pair's coefficient; NaN where a layer has no pattern."""
    shape = patterns.shape
    n_all_heads = shape.n_layers * shape.n_heads
    cells = len(queries) * shape.n_pos
    roots = torch.full((n_all_heads, cells), math.nan)

    def see(layer: int, pattern: Tensor) -> None:
        rows = pattern[:, torch.from_numpy(queries).to(pattern.device)]
        roots[layer * shape.n_heads : (layer + 1) * shape.n_heads] = rows.sqrt().flatten(1).cpu()

    patterns.walk(see)
    # In float64 sums of a million products stay exact enough for a coefficient of 1 to read 1.
    chunks = roots.split(1 << 16, dim=1)
    return sum((chunk.double() @ chunk.double().T for chunk in chunks), torch.zeros(n_all_heads, n_all_heads).double())


def map_of_heads(coefficient: Float[np.ndarray, "head other_head"]) -> tuple[Float[np.ndarray, "head 2"], float]:
    """Classical scaling of the squared Hellinger distances to two dimensions, and the share of them that it shows."""
    known = ~np.isnan(np.diag(coefficient))
    squared = 1 - coefficient[np.ix_(known, known)].astype(np.float64)
    centred = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    best = values.argsort()[::-1][:2]
    axes = vectors[:, best] * np.sqrt(np.maximum(values[best], 0))
    signs = np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    place = np.full((len(coefficient), 2), np.nan, np.float32)
    place[known, : axes.shape[1]] = axes * np.where(signs == 0, 1, signs)  # an eigenvector's sign is arbitrary
    place[known, axes.shape[1] :] = 0
    spread = np.maximum(values, 0).sum()
    return place, float(np.maximum(values[best], 0).sum() / spread) if spread > 0 else 1.0
