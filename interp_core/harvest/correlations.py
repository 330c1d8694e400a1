"""Which features are active together, and with which neurons, from the tokens that were sampled for it.

Activations are taken in steps of 1/16384 of each feature's maximum there: Pearson correlation and cosine do not depend on the
scale, and sums of integers do not depend on their order. Every feature that is active on a sampled token is compared.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.harvest.state import HarvestState

N_CORRELATED = 10
_STEPS = 16384
_BLOCK = 256
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Correlations:
    """The most correlated of each feature, sorted by feature, then by falling Pearson correlation, then by the other's place."""

    feature: Int[np.ndarray, " row"]
    other: Int[np.ndarray, " row"]
    """Feature or neuron."""
    together: Int[np.ndarray, " row"]
    """Sampled tokens on which both are active; of a neuron: on which the feature is."""
    pearson: Float[np.ndarray, " row"]
    """-1 to 1."""
    cosine: Float[np.ndarray, " row"]
    """-1 to 1; of features 0 to 1."""


@torch.no_grad()
def between_features(state: HarvestState) -> Correlations:
    """The features that are most correlated with each; those with which it is never active are left out."""
    d_sae, n = len(state.fired), state.count("sampled")
    tokens, row = state.pair_position.unique_consecutive(return_inverse=True)
    steps = _in_steps(state.pair_value, state.pair_feature, d_sae)
    feature = state.pair_feature
    sums = torch.zeros(d_sae, dtype=torch.int64).scatter_add_(0, feature, steps)
    squares = torch.zeros(d_sae, dtype=torch.int64).scatter_add_(0, feature, steps * steps)
    begins = torch.searchsorted(row, torch.arange(len(tokens) + 1))
    by_feature = feature.sort(stable=True).indices
    edges = torch.searchsorted(feature[by_feature], torch.arange(0, d_sae + _BLOCK, _BLOCK).clamp(max=d_sae))
    parts = []
    for first in range(0, d_sae, _BLOCK):
        members = by_feature[edges[first // _BLOCK] : edges[first // _BLOCK + 1]]
        block = min(_BLOCK, d_sae - first)
        products, together = (torch.zeros(block * d_sae, dtype=torch.int64) for _ in range(2))
        for some in _in_chunks(members, begins, row):
            mine, others = _pairs(some, begins, row)
            place = (feature[mine] - first) * d_sae + feature[others]
            products.scatter_add_(0, place, steps[mine] * steps[others])
            together.scatter_add_(0, place, torch.ones_like(place))
        mine = slice(first, first + block)
        found = _pearson(n, products.reshape(block, -1), sums[mine], squares[mine], sums, squares)
        apart = (together.reshape(block, -1) == 0).numpy()
        apart[np.arange(block), np.arange(first, first + block)] = True  # itself
        parts.append(_best(first, *found, together.reshape(block, -1).numpy(), apart))
    return _joined(parts)


@torch.no_grad()
def with_neurons(state: HarvestState) -> Correlations:
    """The neurons that are most correlated with each feature that is active on a token of which the neurons were kept."""
    d_sae, (n, d_in) = len(state.fired), state.neuron_value.shape
    row = torch.searchsorted(state.neuron_position, state.pair_position)
    held = (row < n) & (state.neuron_position[row.clamp(max=max(n - 1, 0))] == state.pair_position if n else False)
    row, feature, value = row[held], state.pair_feature[held], state.pair_value[held]
    steps = _in_steps(value, feature, d_sae)
    largest = state.neuron_value.double().abs().amax(0) if n else torch.zeros(d_in, dtype=torch.float64)
    neurons = (state.neuron_value.double() / largest.clamp(min=1e-30) * _STEPS).round()
    sums, squares = neurons.sum(0).long(), (neurons * neurons).sum(0).long()
    parts = []
    for first in range(0, d_sae, _BLOCK):
        mine = (feature >= first) & (feature < first + _BLOCK)
        dense = torch.zeros(n, min(_BLOCK, d_sae - first), dtype=torch.float64)
        dense[row[mine], feature[mine] - first] = steps[mine].double()
        # Whole numbers far below 2^53: the product is exact, in whatever order it is added up.
        products, of_mine, squares_of_mine = (
            (dense.T @ neurons).long(),
            dense.sum(0).long(),
            (dense * dense).sum(0).long(),
        )
        found = _pearson(n, products, of_mine, squares_of_mine, sums, squares)
        active = (dense > 0).sum(0)[:, None].expand(-1, d_in).numpy()
        parts.append(_best(first, *found, active, active == 0))
    return _joined(parts)


def _in_steps(value: Tensor, feature: Tensor, d_sae: int) -> Int[Tensor, " entry"]:
    largest = torch.zeros(d_sae).scatter_reduce_(0, feature, value, "amax")
    return (value.double() / largest[feature].double() * _STEPS).round().long()


def _in_chunks(members: Tensor, begins: Tensor, row: Tensor) -> list[Tensor]:
    """Cut so that the pairs of each part fit into memory."""
    sizes = (begins[row[members] + 1] - begins[row[members]]).cumsum(0)
    edges = torch.searchsorted(sizes, torch.arange(0, int(sizes[-1]) if len(sizes) else 0, _CHUNK)).tolist()
    return [members[begin:end] for begin, end in itertools.pairwise([*edges, len(members)])]


def _pairs(members: Tensor, begins: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """Each of these entries with every entry of its token."""
    first = begins[row[members]]
    sizes = begins[row[members] + 1] - first
    mine = members.repeat_interleave(sizes)
    ends = sizes.cumsum(0)
    within = torch.arange(len(mine)) - (ends - sizes).repeat_interleave(sizes)
    return mine, first.repeat_interleave(sizes) + within


def _pearson(
    n: int, products: Tensor, sums: Tensor, squares: Tensor, other_sums: Tensor, other_squares: Tensor
) -> tuple[Float[np.ndarray, "mine other"], Float[np.ndarray, "mine other"]]:
    """From whole numbers, of which only the last steps are rounded: at most 2^17 tokens of squares below 2^28."""
    spread = (n * squares - sums * sums).double().numpy()[:, None] * (
        n * other_squares - other_sums * other_sums
    ).double().numpy()
    length = squares.double().numpy()[:, None] * other_squares.double().numpy()
    shared = (n * products - sums[:, None] * other_sums).double().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        pearson, cosine = shared / np.sqrt(spread), products.double().numpy() / np.sqrt(length)
    return np.nan_to_num(pearson, nan=0.0, posinf=0.0, neginf=0.0), np.nan_to_num(cosine)


def _best(first: int, pearson: np.ndarray, cosine: np.ndarray, together: np.ndarray, apart: np.ndarray) -> Correlations:
    ranked = np.where(apart, -np.inf, pearson)
    order = np.argsort(-ranked, axis=1, kind="stable")[:, :N_CORRELATED]
    mine, rank = np.nonzero(np.take_along_axis(~apart, order, 1))
    other = order[mine, rank]
    return Correlations(
        mine + first, other, together[mine, other], pearson[mine, other].astype(np.float32),
        cosine[mine, other].astype(np.float32),
    )  # fmt: skip


def _joined(parts: list[Correlations]) -> Correlations:
    names = ("feature", "other", "together", "pearson", "cosine")
    return Correlations(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
