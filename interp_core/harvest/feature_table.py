"""One row a feature: how often and how strongly it fires, on which tokens, and a label made of these by rule alone."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as arrow
from jaxtyping import Int
from torch import Tensor

from interp_core.harvest.plan import LEFT
from interp_core.harvest.state import FIXED_POINT, HarvestState

N_TOP_TOKENS = 5
_MOSTLY = 0.5
_BESIDE = 0.6
_SHOWN = 24


@dataclass(frozen=True)
class TopTokens:
    """Of a feature's strongest examples, strongest first: the token at the peak, and those beside it."""

    peak: tuple[str, ...]
    before: tuple[str, ...]
    """Empty text where there is none."""
    after: tuple[str, ...]


def feature_table(
    state: HarvestState, features: Int[Tensor, " entry"], tokens: Int[Tensor, "entry around"], spelled: dict[int, str]
) -> arrow.Table:
    """The table.

    Args:
        state: Of the whole corpus.
        features: Of which feature each of the strongest examples is; ascending, strongest first in each.
        tokens: Token ids around them, with the peak in the column `LEFT`; -1 where the window has none.
        spelled: Text of every id.
    """
    n, fired = len(state.fired), state.fired.numpy()
    begins = np.searchsorted(features.numpy(), np.arange(n + 1)).tolist()
    words = [[spelled.get(token, "") for token in tokens[:, LEFT + step].tolist()] for step in (0, -1, 1)]
    top = [TopTokens(*(tuple(column[begin:end]) for column in words)) for begin, end in itertools.pairwise(begins)]
    return arrow.table({
        "feature": arrow.array(np.arange(n, dtype=np.int32)),
        "fired": arrow.array(fired.astype(np.int64)),
        "density": arrow.array(fired / max(1, state.count("tokens"))),
        "largest": arrow.array(state.largest.numpy()),
        "mean": arrow.array(state.total.numpy() / FIXED_POINT / np.maximum(1, fired)),
        "windows": arrow.array(state.windows_fired.numpy().astype(np.int64)),
        "top_tokens": arrow.array([_most_frequent(one.peak) for one in top], arrow.list_(arrow.string())),
        "label": arrow.array([automatic_label(one) for one in top]),
    })  # fmt: skip


def automatic_label(top: TopTokens) -> str:
    """A label by rule: the token that most strong examples peak on; else the one they follow or precede; else the usual ones.

    No language model is asked, so it says where a feature fires and not what it means. Empty for a feature without examples.
    """
    n = len(top.peak)
    if not n:
        return ""
    for words, share, form in (
        (top.peak, _MOSTLY, "{}"),
        (top.before, _BESIDE, "after {}"),
        (top.after, _BESIDE, "before {}"),
    ):
        word, count = _commonest(words)
        if word and count >= share * n:
            return form.format(f"“{word}”")
    return " · ".join(_distinct(_most_frequent(top.peak))[:3])


def _commonest(words: Sequence[str]) -> tuple[str, int]:
    counts = Counter(map(_plain, words))
    word = min(counts, key=lambda one: (-counts[one], one))
    return word, counts[word]


def _most_frequent(words: Sequence[str]) -> list[str]:
    """Distinct words, most frequent first, then as they came."""
    return [word for word, _ in Counter(words).most_common(N_TOP_TOKENS)]


def _distinct(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(map(_plain, words)) if word]


def _plain(word: str) -> str:
    """Without the differences that a reader does not look for: case and the space in front. Newlines stay, as arrows; a token of
    spaces alone stays too, as signs."""
    shown = word.strip(" ") or "␣" * len(word)
    return shown.replace("\n", "↵").casefold()[:_SHOWN]
