"""Attention patterns as one byte a cell, with long prompts pooled: what the pictures draw."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from interp_views.wire import lower_triangle

ROUNDING = 1e-4
"""How far beyond 0 to 1 a softmax may land by rounding in half precision."""


@dataclass(frozen=True)
class PooledPatterns:
    """Every head of a layer in 255 steps. A cell holds the largest of `pool` x `pool` weights."""

    levels: UInt8[np.ndarray, "head cells"]
    """Weight / `top` in 255 equal steps, at most half a step from the truth, row by row."""
    n_pos: int
    """Positions of the prompt."""
    pool: int
    """Queries, and keys, that share a cell; 1: not pooled. The last cell of a row may hold fewer."""
    causal: bool
    """Whether only the cells on and below the diagonal are there: all others are masked."""
    top: float
    """The weight that 255 stands for, in the unit of the patterns."""

    def __post_init__(self) -> None:
        side = -(-self.n_pos // self.pool) if self.n_pos > 0 and self.pool > 0 else 0
        n_cells = side * (side + 1) // 2 if self.causal else side * side
        if side == 0 or self.levels.shape[0] == 0 or self.levels.shape[1] != n_cells:
            raise ValueError(
                f"The levels have shape {self.levels.shape}, but {self.n_pos} positions in cells of {self.pool} "
                f"make {n_cells} {'causal ' if self.causal else ''}cells: give (heads, {n_cells})."
            )
        if not (np.isfinite(self.top) and self.top > 0):
            raise ValueError(f"The top of the scale is {self.top}: give a finite value above 0.")


def pool_patterns(
    patterns: Float[np.ndarray, "head query_pos key_pos"], most_side: int = 512, top: float | None = 1.0
) -> PooledPatterns:
    """Round patterns to 255 steps, after pooling them until a side has at most `most_side` cells.

    If nothing lies above the diagonal of any head the patterns count as causal, and those cells as masked.

    Args:
        patterns: Weights of at least 0: attention probability, or another unit with its own `top`.
        most_side: Cells along a side at most.
        top: The value that 255 stands for; None for the largest there is. Values above by more than rounding are
            refused: nothing is clipped.

    Raises:
        ValueError: Patterns that are not square, values that are not finite, negative or above `top`.
    """
    if patterns.ndim != 3 or 0 in patterns.shape or patterns.shape[1] != patterns.shape[2]:
        raise ValueError(f"The patterns have shape {patterns.shape}: give (heads, positions, positions), not empty.")
    if most_side < 1:
        raise ValueError(f"A picture of {most_side} cells a side shows nothing: give at least 1.")
    top = _checked_top(patterns, top)
    n_pos = patterns.shape[1]
    pool = -(-n_pos // most_side)
    above = ~np.tri(n_pos, dtype=bool)
    causal = not any(head[above].any() for head in patterns)
    # Head by head: all of a layer in float32 and once more in cells would be large.
    cells = [_cells(head, pool, causal, top) for head in patterns]
    return PooledPatterns(np.stack(cells), n_pos, pool, causal, top)


def _checked_top(patterns: Float[np.ndarray, "head query_pos key_pos"], top: float | None) -> float:
    low, high = float(patterns.min()), float(patterns.max())
    if top is None:
        top = high if high > 0 else 1.0
    # Written so that NaN fails too.
    if not (low >= -ROUNDING * top and high <= top * (1 + ROUNDING) and np.isfinite(top)):
        raise ValueError(
            f"The weights run from {low:.4g} to {high:.4g}: give finite values from 0 to {top:g}, "
            "for attention probabilities the pattern after the softmax."
        )
    return top


def _cells(
    pattern: Float[np.ndarray, "query_pos key_pos"], pool: int, causal: bool, top: float
) -> UInt8[np.ndarray, " cells"]:
    n_pos = len(pattern)
    starts = np.arange(0, n_pos, pool)
    largest = pattern.astype(np.float32, copy=False)
    if pool > 1:
        # Weights are at least 0, so masked zeros beside the diagonal never win.
        largest = np.maximum.reduceat(np.maximum.reduceat(largest, starts, axis=0), starts, axis=1)
    levels = np.rint(largest.clip(0, top) * (255 / top)).astype(np.uint8)
    return lower_triangle(levels[None])[0] if causal else levels.reshape(-1)


def agreed_window(pooled: PooledPatterns, window: int) -> int:
    """The window if no weight beyond it is above 0, else 0: the numbers are right about what is masked.

    Args:
        pooled: The patterns.
        window: Positions that a query sees, itself included; 0: all before it.
    """
    if window <= 0 or window >= pooled.n_pos:
        return 0
    side = -(-pooled.n_pos // pooled.pool)
    rows, columns = np.tril_indices(side) if pooled.causal else np.indices((side, side)).reshape(2, -1)
    # A cell is masked when even its first query is too far from its last key.
    beyond = rows * pooled.pool - (columns * pooled.pool + pooled.pool - 1) >= window
    return 0 if pooled.levels[:, beyond].any() else window
