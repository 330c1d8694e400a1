"""Histograms of activations in fixed steps of an eighth of an octave, and what they tell. No torch here."""

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from interp_core.harvest.plan import N_BANDS

RANGE = (-16, 16)
"""Octaves of new harvests: from the step in which activations are added up to the largest number of float16."""
FIRST_RANGE = (-8, 8)
"""Of bundles that name none."""
PER_OCTAVE = 8
N_BINS = (RANGE[1] - RANGE[0]) * PER_OCTAVE + 2
"""Bin 0 holds what lies under 2^-16, the last one what lies at 2^16 or over; eight equal steps an octave between."""


@functools.cache
def bin_edges(octaves: tuple[int, int] = RANGE) -> Float[np.ndarray, " edge"]:
    """Lower edge of each bin between two powers of 2, and at last infinity: one more than there are bins."""
    first, last = octaves
    steps = range((last - first) * PER_OCTAVE)
    inner = [2.0 ** (first + step // PER_OCTAVE) * (1 + step % PER_OCTAVE / PER_OCTAVE) for step in steps]
    edges = np.array([0.0, *inner, 2.0**last, np.inf])
    edges.flags.writeable = False  # every feature of every bundle shares them
    return edges


def quantiles(
    histogram: Int[np.ndarray, " bin"],
    edges: Float[np.ndarray, " edge"],
    shares: Sequence[float],
    smallest: float,
    largest: float,
) -> tuple[float, ...]:
    """Activations below which these shares of the counted ones lie, linear within a bin; 0 where nothing was counted."""
    n = int(histogram.sum())
    if not n:
        return tuple(0.0 for _ in shares)
    ends, edges = histogram.cumsum(), np.clip(edges, smallest, largest)
    found = []
    for share in shares:
        place = int(np.searchsorted(ends, share * n))
        within = (share * n - (ends[place] - histogram[place])) / histogram[place]
        found.append(float(edges[place] + within * (edges[place + 1] - edges[place])))
    return tuple(found)


def band_shares(
    histogram: Int[np.ndarray, " bin"], edges: Float[np.ndarray, " edge"], smallest: float, largest: float
) -> tuple[float, ...]:
    """Share of the counted activations in each of `N_BANDS` bands of equal width, from the largest activation down to 0.

    Linear within a bin of the histogram, so exact to the part of a bin (6 to 13 % wide) that an edge cuts. They sum to 1.
    """
    n = int(histogram.sum())
    if not n:
        return (0.0,) * N_BANDS
    edges = np.clip(edges, smallest, largest)
    below = np.concatenate([[0], histogram.cumsum()])
    cuts = largest * np.arange(N_BANDS + 1) / N_BANDS
    # Empty bins have both edges in one place: `interp` takes the last of them, which is right for counts up to there.
    counted = np.interp(cuts, edges, below)
    counted[0], counted[-1] = 0, n
    return tuple(float(share) for share in np.diff(counted)[::-1] / n)


def share_below(
    histogram: Int[np.ndarray, " bin"], edges: Float[np.ndarray, " edge"], value: float, smallest: float, largest: float
) -> float:
    """Share of the counted activations that lie below a value, 0 to 1, linear within a bin; NaN where none was counted."""
    n = int(histogram.sum())
    if not n:
        return float("nan")
    if value >= largest:
        return 1.0
    edges = np.clip(edges, smallest, largest)
    return float(np.interp(value, edges, np.concatenate([[0], histogram.cumsum()])) / n) if value > smallest else 0.0
