"""Clean and corrupted prompt: whether they can be compared position by position, and where they differ. No torch here."""

import difflib
from dataclasses import dataclass

from interp_core.errors import PromptPairError
from interp_core.types import Run


@dataclass(frozen=True)
class PromptPair:
    """Two runs of one model whose positions correspond."""

    clean: Run
    """Shows the behaviour."""
    corrupted: Run
    """Lacks it, and is otherwise as alike as can be."""

    def __post_init__(self) -> None:
        n_clean, n_corrupted = len(self.clean.tokens), len(self.corrupted.tokens)
        if n_clean != n_corrupted:
            more, few = ("clean", "corrupted") if n_clean > n_corrupted else ("corrupted", "clean")
            raise PromptPairError(
                f"The clean prompt has {n_clean} tokens and the corrupted prompt has {n_corrupted}. Patching compares "
                f"position by position: take {abs(n_clean - n_corrupted)} from the {more} prompt or give the {few} one as "
                "many more, for example with words that are one token each."
            )
        if self.clean.tokens == self.corrupted.tokens:
            raise PromptPairError(
                "The clean and the corrupted prompt are the same tokens, so there is nothing to patch. Change a word."
            )

    @property
    def first_difference(self) -> int:
        """The first position at which the tokens differ: nothing before it can have an effect."""
        return next(
            pos for pos, (a, b) in enumerate(zip(self.clean.tokens, self.corrupted.tokens, strict=True)) if a != b
        )


@dataclass(frozen=True)
class Aligned:
    """Two token sequences side by side."""

    places: tuple[tuple[int | None, int | None], ...]
    """Position in the first and in the second; None where one has no counterpart."""


def align(first: tuple[int, ...], second: tuple[int, ...]) -> Aligned:
    """Match two token sequences: position by position if they are equally long, else so that most tokens agree."""
    if len(first) == len(second):
        return Aligned(tuple((pos, pos) for pos in range(len(first))))
    places: list[tuple[int | None, int | None]] = []
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    for _, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        both = min(a_to - a_from, b_to - b_from)
        places += [(a_from + step, b_from + step) for step in range(both)]
        places += [(pos, None) for pos in range(a_from + both, a_to)]
        places += [(None, pos) for pos in range(b_from + both, b_to)]
    return Aligned(tuple(places))
