"""Which pairs of a set can be used on a model, and why the others cannot."""

from dataclasses import dataclass
from typing import Literal

from interp_core.answers import single_token
from interp_core.errors import InterpError
from interp_core.pair_sets import PairRow
from interp_core.prompts import Prompt
from interp_core.tokens import Tokenizer

PairNeed = Literal["positions", "pairs", "clean"]
"""What must have the same number of tokens: all prompts, to compare position by position; the two of each pair; or none,
because the clean prompt alone is used."""


@dataclass(frozen=True)
class UsablePair:
    """A pair as one model sees it."""

    row: PairRow
    clean: tuple[int, ...]
    corrupted: tuple[int, ...]
    answer: int
    foil: int | None


def usable_pairs(
    tokenizer: Tokenizer, rows: tuple[PairRow, ...], need: PairNeed = "positions", *, bos: bool = True
) -> tuple[list[UsablePair], list[str]]:
    """The rows that can be used on this model, and a sentence for each of the others.

    Where positions are compared, all have the number of tokens of the first row that can be used at all. Where the clean
    prompt alone is used, a question that comes again is left out: it is no further evidence.
    """
    found: list[UsablePair] = []
    asked: dict[tuple[tuple[int, ...], int, int | None], int] = {}
    problems: list[str] = []
    for number, row in enumerate(rows, 1):
        try:
            ids = [tokenizer.tokenise(Prompt(text, prepend_bos=bos)).ids for text in (row.clean, row.corrupted)]
            answer = single_token(tokenizer, row.answer)
            foil = single_token(tokenizer, row.foil, "foil") if row.foil else None
        except InterpError as error:
            problems.append(f"Pair {number}: {error}")
            continue
        lengths = [len(part) for part in ids]
        if need != "clean" and lengths[0] != lengths[1]:
            problems.append(f"Pair {number}: {lengths[0]} and {lengths[1]} tokens. Both prompts need the same number.")
        elif need != "clean" and ids[0] == ids[1]:
            problems.append(f"Pair {number}: both prompts are the same tokens.")
        elif answer == foil:
            problems.append(f"Pair {number}: answer and foil are the same token.")
        elif need == "positions" and found and lengths[0] != len(found[0].clean):
            problems.append(f"Pair {number}: {lengths[0]} tokens where the first has {len(found[0].clean)}.")
        elif need == "clean" and (first := asked.setdefault((ids[0], answer, foil), number)) != number:
            problems.append(f"Pair {number}: the same prompt, answer and foil as pair {first}, which counts once here.")
        else:
            found.append(UsablePair(row, ids[0], ids[1], answer, foil))
    return found, problems
