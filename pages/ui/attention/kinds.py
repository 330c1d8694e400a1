"""What the scores are called, and the type of head that they make."""

# ruff: noqa: PLC0415  interp_core.head_scores imports torch

from typing import TYPE_CHECKING, Any

import numpy as np

from interp_core.errors import InterpError
from pages.ui.attention import data
from pages.ui.bench import Bench

if TYPE_CHECKING:
    from interp_core.head_scores import ScoreKind

TYPE_THRESHOLD = 0.4
"""A head is of the type of its largest score if that is at least this, on repeated random tokens."""
_TYPED = ("previous_token", "duplicate_token", "induction", "first_token")


def score_kinds() -> "dict[Any, ScoreKind]":
    """What each score is."""
    from interp_core.head_scores import HEAD_SCORES

    return HEAD_SCORES


def type_label(name: str) -> str:
    """What a type of head is called."""
    return "No type" if name == "none" else score_kinds()[name].label


def head_types(bench: Bench) -> dict[tuple[int, int], str]:
    """The type of every head, by layer and head.

    Raises:
        InterpError: There is no model to measure it with.
    """
    if bench.saved:
        raise InterpError(
            "A head's type is measured on repeated random tokens, which takes the model. Clear the types, or go back to the "
            "live model."
        )
    scores = data.repeated_scores(bench)
    values = np.nan_to_num(np.stack([scores.of(name) for name in _TYPED]))  # type: ignore[arg-type]
    best, most = values.argmax(0), values.max(0)
    return {
        place: _TYPED[best[place]] if most[place] >= TYPE_THRESHOLD else "none" for place in np.ndindex(*most.shape)
    }  # type: ignore[misc]
