"""What the dashboard of one SAE feature shows: plain arrays, texts and small dataclasses.

`feature_dashboard.py` checks these and packs them for the browser. Activations are in SAE units, logits in logits,
effects on the loss in nats.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Bars:
    """A histogram."""

    counts: Int[np.ndarray, " bin"]
    edges: Float[np.ndarray, " edge"]
    """Ends of the bins: one more than bins, ascending, finite."""
    log: bool = False
    """Whether the axis goes with log2 of the value; the edges are then above 0."""


@dataclass(frozen=True)
class TokenScores:
    """Tokens with one number each, best first: the most promoted, or the most suppressed."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them; they are made visible here."""
    values: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class Rows:
    """A small table, such as neuron alignment or correlated features."""

    title: str
    columns: tuple[str, ...]
    """Names of all columns, the index first, such as ("index", "Pearson", "cosine")."""
    indices: tuple[int, ...]
    values: Float[np.ndarray, "row column"]
    """Columns without the index; NaN where there is no value."""
    decimals: tuple[int, ...]
    """Digits after the point, one per column of `values`."""
    kind: str = ""
    """What a row names: "feature" (a click sends `choose` with this kind and the index), "second" (a feature of a
    second SAE, likewise), "neuron" or "" (no click)."""
    note: str = ""
    """How it was computed, shown on hover of the title."""


@dataclass(frozen=True)
class Losses:
    """What removing the feature does to the prediction of each token of one example; NaN where there is nothing."""

    exact: Float[np.ndarray, " pos"]
    """How much the loss at this token rises when the feature is removed at the token before, nats; > 0: it helps."""
    direct: Float[np.ndarray, " pos"]
    """The direct approximation of the same, nats."""
    before: Float[np.ndarray, " pos"]
    """Probability of this token as it is, 0 to 1."""
    after: Float[np.ndarray, " pos"]
    """Probability of this token with the feature removed at the token before, 0 to 1."""
    up: tuple[TokenScores | None, ...]
    """Per token, those whose log-probability the feature raises most at the token before, in nats; None: silent there."""
    down: tuple[TokenScores | None, ...]
    """The same for those that it lowers most."""


@dataclass(frozen=True)
class ExampleText:
    """One stretch of text on which the feature fires."""

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    activations: Float[np.ndarray, " pos"]
    """NaN: the position was left out of the harvest."""
    peak: int
    """Which of the tokens the example was chosen for; it is bold."""
    activation: float
    """The activation at the peak."""
    place: str
    """Where it stands, such as "document 3, token 120"."""
    number: int
    """Names the example in triggers."""
    losses: Losses | None = None
    sources: Float[np.ndarray, " pos"] | None = None
    """Direct feature attribution by source token, SAE units (for SAEs on the output of attention)."""


@dataclass(frozen=True)
class ExampleGroup:
    """Examples under one heading: the top ones, or a band of activations."""

    title: str
    """Such as "Top activations", or "5.2 to 6.1"."""
    note: str
    """Such as "max 7.31", or "contains 3.2 % of activations"."""
    examples: tuple[ExampleText, ...]


@dataclass(frozen=True)
class FeatureView:
    """All that one dashboard shows."""

    name: str
    """Such as "L14F231"."""
    index: int
    sae: str
    label: str
    """What somebody or something says that the feature means; empty where nobody has."""
    label_by: str
    """Who wrote the label: "user", "automatic", or empty."""
    facts: tuple[tuple[str, str], ...]
    """Names and values, such as ("max", "7.31")."""
    density: float
    """Share of tokens with an activation above 0, 0 to 1; NaN where nothing was harvested."""
    activations: Bars | None
    """Of activations above 0. None: a dead feature, or no harvest."""
    logits: Bars | None
    """Of decoder direction x W_U over the vocabulary."""
    promoted: TokenScores | None
    suppressed: TokenScores | None
    tables: tuple[Rows, ...]
    groups: tuple[ExampleGroup, ...]
    largest: float
    """Activation with the darkest shade of a token."""
    score: str = ""
    """A line for compact columns, such as "activation 3.21"."""
    about: str = ""
    """Names the data, so that what the reader unfolded stays unfolded when the same data comes again."""
