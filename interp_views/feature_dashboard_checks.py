"""What a feature's dashboard must be to be drawn. It may come from a file or another tool, so sizes are limited too."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from interp_views.feature_dashboard_data import Bars, ExampleText, FeatureView, Losses, Rows, TokenScores

MOST_VIEWS = 100
"""Columns side by side; more than anyone compares."""
MOST_BINS = 1024
MOST_ROWS = 200
"""Rows of one table or of one list of tokens, and tables of one feature."""
MOST_EXAMPLES = 2000
"""Of one feature."""
MOST_TOKENS = 100_000
"""In all examples of one feature together."""
MOST_CHARACTERS = 4000
"""Of one text: a label, a title, a token."""
KINDS = ("feature", "second", "neuron", "")
WRITERS = ("user", "automatic", "")


def check_views(views: Sequence[FeatureView]) -> None:
    """Refuse what cannot be drawn, naming the feature and the part.

    Raises:
        ValueError: Nothing or too much to show, arrays that do not fit one another, or numbers that are not finite
            where they have to be.
    """
    _at_most(len(views), MOST_VIEWS, "features")
    for view in views:
        try:
            _check_view(view)
        except ValueError as error:
            raise ValueError(f"{view.name[:60]}: {error}") from error


def _check_view(view: FeatureView) -> None:
    facts = [text for fact in view.facts for text in fact]
    _check_texts(view.name, view.sae, view.label, view.score, view.about, *facts)
    if view.label_by not in WRITERS:
        raise ValueError(f"label_by is {view.label_by[:60]!r}: give one of {', '.join(map(repr, WRITERS))}.")
    if not (math.isnan(view.density) or 0 <= view.density <= 1):
        raise ValueError(f"the density is {view.density:g}: give a share from 0 to 1, or NaN if nothing was harvested.")
    if not (math.isfinite(view.largest) and view.largest >= 0):
        raise ValueError(f"the largest activation is {view.largest:g}: give a finite number of 0 or more.")
    _at_most(len(view.facts), MOST_ROWS, "facts")
    _at_most(len(view.tables), MOST_ROWS, "tables")
    for name, bars in (("activations", view.activations), ("logits", view.logits)):
        if bars is not None:
            _check_bars(name, bars)
    for name, scores in (("promoted", view.promoted), ("suppressed", view.suppressed)):
        if scores is not None:
            _check_scores(f"{name} tokens", scores)
    for rows in view.tables:
        _check_rows(rows)
    _check_groups(view)


def _check_groups(view: FeatureView) -> None:
    examples = [example for group in view.groups for example in group.examples]
    _at_most(len(view.groups), MOST_ROWS, "groups of examples")
    _at_most(len(examples), MOST_EXAMPLES, "examples")
    _at_most(sum(len(example.tokens) for example in examples), MOST_TOKENS, "tokens in examples")
    for group in view.groups:
        _check_texts(group.title, group.note)
    for example in examples:
        _check_example(example)


def _check_bars(name: str, bars: Bars) -> None:
    n_bins = len(bars.counts)
    _at_most(n_bins, MOST_BINS, f"bins of the {name} histogram")
    if n_bins == 0 or bars.edges.shape != (n_bins + 1,):
        raise ValueError(
            f"the {name} histogram has {n_bins} counts and {len(bars.edges)} edges: give at least one count, and one "
            "edge more than counts."
        )
    if not (np.isfinite(bars.edges).all() and (np.diff(bars.edges) > 0).all()):
        raise ValueError(f"the edges of the {name} histogram have to be finite and ascending.")
    if bars.log and bars.edges[0] <= 0:
        raise ValueError(f"the {name} histogram has a log2 axis and an edge at {bars.edges[0]:g}: edges above 0 only.")
    if bars.counts.min() < 0 or bars.counts.max() > 2**31 - 1:
        raise ValueError(f"the counts of the {name} histogram have to be 0 to 2,147,483,647.")


def _check_scores(name: str, scores: TokenScores) -> None:
    _at_most(len(scores.tokens), MOST_ROWS, name)
    _check_fits(name, scores.values, len(scores.tokens))
    _check_finite(name, scores.values, nan=False)
    _check_texts(*scores.tokens)


def _check_rows(rows: Rows) -> None:
    _check_texts(rows.title, rows.note, *rows.columns)
    _at_most(len(rows.indices), MOST_ROWS, f"rows of {rows.title}")
    shape = (len(rows.indices), len(rows.columns) - 1)
    if rows.values.shape != shape or len(rows.decimals) != shape[1]:
        raise ValueError(
            f"{rows.title} has values of shape {rows.values.shape} and {len(rows.decimals)} decimals for {shape[0]} "
            f"indices and {shape[1]} columns beside the index."
        )
    if not all(0 <= decimals <= 8 for decimals in rows.decimals):
        raise ValueError(f"{rows.title} has decimals {rows.decimals}: give 0 to 8 each.")
    if rows.kind not in KINDS:
        raise ValueError(f"{rows.title} is of kind {rows.kind[:60]!r}: give one of {', '.join(map(repr, KINDS))}.")
    _check_finite(rows.title, rows.values)


def _check_example(example: ExampleText) -> None:
    n_pos = len(example.tokens)
    name = f"example {example.number}"
    _check_texts(example.place, *example.tokens)
    if len(example.ids) != n_pos or not 0 <= example.peak < n_pos:
        raise ValueError(
            f"{name} has {n_pos} tokens, {len(example.ids)} ids and its peak at {example.peak}: give one id per token "
            "and a peak among them."
        )
    if not math.isfinite(example.activation):
        raise ValueError(f"{name} has the activation {example.activation:g}: give a finite number.")
    per_token = {"activations": example.activations, "sources": example.sources}
    if example.losses:
        losses = example.losses
        per_token |= {"exact": losses.exact, "direct": losses.direct, "before": losses.before, "after": losses.after}
        _check_contributions(name, losses, n_pos)
    for part, values in per_token.items():
        if values is not None:
            _check_fits(f"{part} of {name}", values, n_pos)
            _check_finite(f"{part} of {name}", values)


def _check_contributions(name: str, losses: Losses, n_pos: int) -> None:
    if not len(losses.up) == len(losses.down) == n_pos:
        raise ValueError(
            f"{name} has {len(losses.up)} and {len(losses.down)} lists of contributions: give {n_pos} of each."
        )
    for scores in (*losses.up, *losses.down):
        if scores is not None:
            _check_scores(f"contributions in {name}", scores)


def _check_fits(name: str, values: Float[np.ndarray, "..."], count: int) -> None:
    if values.shape != (count,):
        raise ValueError(f"{name}: the values have shape {values.shape} but there are {count} tokens.")


def _check_finite(name: str, values: Float[np.ndarray, "..."], nan: bool = True) -> None:
    if not (np.isfinite(values) | (nan & np.isnan(values))).all():
        raise ValueError(f"{name}: the values hold an infinity{'' if nan else ' or NaN'}: give finite ones.")


def _check_texts(*texts: str) -> None:
    longest = max(map(len, texts), default=0)
    if longest > MOST_CHARACTERS:
        raise ValueError(f"a text has {longest:,} characters: at most {MOST_CHARACTERS:,} are shown.")


def _at_most(count: int, most: int, things: str) -> None:
    if count > most:
        raise ValueError(f"there are {count:,} {things}: at most {most:,} are shown.")
