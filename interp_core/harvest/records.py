"""What a harvest says of one feature, in plain values. No torch here."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Example:
    """A stretch of text on which a feature is active."""

    kind: int
    """0: one of the highest; 1 to 10: a sample of that tenth of the range, from the largest activation down to 0."""
    activation: float
    """At the peak, SAE units."""
    document: int
    """Place of the document in the corpus."""
    place: int
    """Token of the document at which the peak is; -1 is the BOS of its first window."""
    peak: int
    """Place of the peak in what follows."""
    tokens: tuple[int, ...]
    str_tokens: tuple[str, ...]
    activations: Float[np.ndarray, " pos"]
    """On every token, to three digits; NaN where a position was left out."""


@dataclass(frozen=True)
class Window:
    """What the model was run on when an example was found."""

    tokens: tuple[int, ...]
    """BOS included, where windows have one."""
    pos: int
    """Of the example's peak."""


@dataclass(frozen=True)
class Correlated:
    """Another feature, or a neuron, that goes with a feature."""

    index: int
    together: int
    """Sampled tokens on which both are active; of a neuron: on which the feature is."""
    pearson: float
    cosine: float


@dataclass(frozen=True)
class FeatureRecord:
    """What a harvest says of one feature."""

    index: int
    n_tokens: int
    """Tokens that were counted."""
    fired: int
    """Those on which the feature is active."""
    windows_fired: int
    largest: float
    smallest: float
    """Of the activations above 0; 0 where there is none."""
    mean: float
    """Of the activations above 0."""
    quantiles: tuple[float, ...]
    """Of the activations above 0, at `QUANTILES`, to a step of the histogram (6 to 13 %)."""
    histogram: Int[np.ndarray, " bin"]
    """Between `edges`."""
    edges: Float[np.ndarray, " edge"]
    examples: tuple[Example, ...]
    features: tuple[Correlated, ...]
    neurons: tuple[Correlated, ...]

    @property
    def density(self) -> float:
        """Share of the counted tokens on which it is active."""
        return self.fired / max(1, self.n_tokens)
