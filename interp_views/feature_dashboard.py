"""The dashboard of an SAE feature as one message for the browser; also several compact ones side by side.

The picture's scripts are `feature_dashboard*.js`. In the message all numbers lie in one flat array and all tokens in
another; the header says by [start, count] which of them belong where. Each distinct token travels once.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from interp_views.feature_dashboard_checks import check_views
from interp_views.feature_dashboard_data import (
    Bars,
    ExampleGroup,
    ExampleText,
    FeatureView,
    Losses,
    Rows,
    TokenScores,
)
from interp_views.tokens import is_plain, visible
from interp_views.wire import pack

__all__ = [
    "Bars", "ExampleGroup", "ExampleText", "FeatureView", "Losses", "Rows", "TokenScores",
    "feature_dashboard_payload", "features_payload", "plain",
]  # fmt: skip
_NO_ID = -1
_NO_LIST = -1


def feature_dashboard_payload(view: FeatureView, *, compact: bool = False) -> bytes:
    """Check a view and pack it for `feature_dashboard.js`; `compact` is one narrow column.

    Raises:
        ValueError: Parts that do not fit one another, numbers that are not finite, or more than can be shown.
    """
    return _message([view], compact, view.about)


def features_payload(views: Sequence[FeatureView]) -> bytes:
    """Check and pack several features, to be shown as compact columns side by side that scroll sideways.

    Raises:
        ValueError: As for one feature; also for too many of them.
    """
    return _message(views, True, "|".join(view.about for view in views))


def _message(views: Sequence[FeatureView], compact: bool, about: str) -> bytes:
    check_views(views)
    pool = _Pool()
    features = [pool.feature(view) for view in views]
    return pack({"compact": compact, "about": about, "features": features}, pool.arrays())


def plain(text: str) -> str:
    """Return a text of people as it is shown: spaces stay, what cannot be seen becomes a sign."""
    if is_plain(text):
        return text
    return "".join(character if character == " " else visible(character) for character in text)


class _Pool:
    """Numbers and tokens of a whole message, each kind in one flat array."""

    def __init__(self) -> None:
        self.numbers: list[np.ndarray] = []
        self.n_numbers = 0
        self.places: list[int] = []
        self.words: dict[tuple[str, int], int] = {}

    def arrays(self) -> dict[str, np.ndarray]:
        # Signs stand for newlines within tokens, so that a newline can end each of them.
        texts = "\n".join(visible(token) for token, _ in self.words)
        few = len(self.words) < 2**16
        return {
            "numbers": np.concatenate([np.zeros(0, np.float32), *self.numbers]),
            "places": np.array(self.places, np.uint16 if few else np.int32),
            "word_ids": np.array([index for _, index in self.words], np.int32),
            "words": np.frombuffer(texts.encode(), np.uint8),
        }

    def add(self, values: Float[np.ndarray, "..."]) -> list[int]:
        start = self.n_numbers
        self.numbers.append(values.astype(np.float32).reshape(-1))
        self.n_numbers += values.size
        return [start, values.size]

    def tokens(self, tokens: Sequence[str], ids: Sequence[int] | None = None) -> list[int]:
        start, words = len(self.places), self.words
        found = zip(tokens, ids or [_NO_ID] * len(tokens), strict=True)
        self.places += [words.setdefault(word, len(words)) for word in found]
        return [start, len(tokens)]

    def feature(self, view: FeatureView) -> dict[str, object]:
        return {
            "name": plain(view.name),
            "index": int(view.index),
            "sae": plain(view.sae),
            "label": plain(view.label),
            "label_by": view.label_by,
            "facts": [[plain(name), plain(value)] for name, value in view.facts],
            "density": None if math.isnan(view.density) else float(view.density),
            "activations": self.bars(view.activations),
            "logits": self.bars(view.logits),
            "promoted": self.scores(view.promoted),
            "suppressed": self.scores(view.suppressed),
            "tables": list(map(self.rows, view.tables)),
            "groups": list(map(self.group, view.groups)),
            "largest": float(view.largest),
            "score": plain(view.score),
        }

    def bars(self, bars: Bars | None) -> dict[str, object] | None:
        if bars is None:
            return None
        # Counts of more than 2^24 tokens are drawn to a part in 10^7.
        return {
            "counts": self.add(bars.counts.astype(np.float32)),
            "edges": self.add(bars.edges),
            "log": bool(bars.log),
        }

    def scores(self, scores: TokenScores | None) -> dict[str, object] | None:
        return scores and {"tokens": self.tokens(scores.tokens), "values": self.add(scores.values)}

    def rows(self, rows: Rows) -> dict[str, object]:
        return {
            "title": plain(rows.title),
            "columns": list(map(plain, rows.columns)),
            "indices": list(map(int, rows.indices)),
            "values": self.add(rows.values),
            "decimals": list(rows.decimals),
            "kind": rows.kind,
            "note": plain(rows.note),
        }

    def group(self, group: ExampleGroup) -> dict[str, object]:
        return {
            "title": plain(group.title),
            "note": plain(group.note),
            "examples": list(map(self.example, group.examples)),
        }

    def example(self, example: ExampleText) -> dict[str, object]:
        return {
            "tokens": self.tokens(example.tokens, example.ids),
            "values": self.add(example.activations),
            "peak": int(example.peak),
            "activation": float(example.activation),
            "place": plain(example.place),
            "number": int(example.number),
            **({"losses": self.losses(example.losses)} if example.losses else {}),
            **({"sources": self.add(example.sources)} if example.sources is not None else {}),
        }

    def losses(self, losses: Losses) -> dict[str, object]:
        return {
            "exact": self.add(losses.exact),
            "direct": self.add(losses.direct),
            "before": self.add(losses.before),
            "after": self.add(losses.after),
            "up": self.contributions(losses.up),
            "down": self.contributions(losses.down),
        }

    def contributions(self, lists: Sequence[TokenScores | None]) -> dict[str, object]:
        """Add the lists of all tokens, end to end; their lengths keep them apart, and -1 says that there is none."""
        known = [scores for scores in lists if scores is not None]
        return {
            "lengths": [_NO_LIST if scores is None else len(scores.tokens) for scores in lists],
            "tokens": self.tokens([token for scores in known for token in scores.tokens]),
            "values": self.add(np.concatenate([np.zeros(0, np.float32), *(scores.values for scores in known)])),
        }
