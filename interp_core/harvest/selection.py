"""Total orders and hash priorities: what is chosen does not depend on what was seen first."""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from interp_core.harvest.histogram import N_BINS, PER_OCTAVE, RANGE

_SHIFT = 20
"""Drops all of a float32 but its exponent and the first three bits of its fraction, which name the step."""
_FIRST = (RANGE[0] + 127) * PER_OCTAVE


def bins_of(values: Shaped[Tensor, " entry"]) -> Int[Tensor, " entry"]:
    """Histogram bin of positive float32 values, from their bits: no logarithm, which differs between machines."""
    steps = values.contiguous().view(torch.int32) >> _SHIFT
    return (steps - _FIRST + 1).clamp_(0, N_BINS - 1).long()


def priorities(positions: Int[Tensor, " entry"], features: Int[Tensor, " entry"]) -> Int[Tensor, " entry"]:
    """A number for each pair that is as good as random; two positions of one feature never share one.

    It is the finaliser of splitmix64 (Steele et al. 2014), which is a bijection, over the whole range of int64.
    """
    return _mix(positions ^ _mix(features + 1))


def token_priorities(positions: Int[Tensor, " token"]) -> Int[Tensor, " token"]:
    """The same for positions alone."""
    return _mix(positions)


def _mix(values: Tensor) -> Tensor:
    values = (values ^ _shifted(values, 30)) * -4658895280553007687
    values = (values ^ _shifted(values, 27)) * -7723592293110705685
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, by: int) -> Tensor:
    """Shift to the right without the sign, which torch's int64 has not."""
    return (values >> by) & ((1 << (64 - by)) - 1)


def first_of_groups(
    n: int, groups: Int[Tensor, " entry"], *keys: Shaped[Tensor, " entry"]
) -> tuple[Int[Tensor, " kept"], Int[Tensor, " kept"]]:
    """Indices of the `n` first entries of every group, by ascending keys, and the rank of each in its group, from 0.

    They come sorted by group and keys. Keys that together are a total order make the choice independent of the entries' order.
    """
    order = torch.arange(len(groups), device=groups.device)
    for key in (*reversed(keys), groups):
        order = order[key[order].sort(stable=True).indices]
    sorted_groups, places = groups[order], torch.arange(len(groups), device=groups.device)
    begins = torch.ones_like(places, dtype=torch.bool)
    begins[1:] = sorted_groups[1:] != sorted_groups[:-1]
    ranks = places - torch.where(begins, places, 0).cummax(0).values if len(places) else places
    kept = ranks < n
    return order[kept], ranks[kept]
