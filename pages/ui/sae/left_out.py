"""Positions whose norm the SAE was not trained on, in words."""

from collections.abc import Sequence


def counted(left_out: Sequence[int], n_pos: int) -> str:
    """How many positions are left out, as a sentence with a space before it; empty where none is."""
    n = len(left_out)
    return f" {n} of {n_pos} positions {'is' if n == 1 else 'are'} left out for the norm there." if n else ""
