"""Which features carry one position of a prompt: by activation, by how unusual that is for them, or by their effect on the loss."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from interp_core.errors import SaeError
from interp_core.harvest.bundle import Harvest
from interp_core.harvest.histogram import share_below
from interp_core.models import LoadedModel
from interp_core.sae.effect_estimates import gradient_effects
from interp_core.sae.features import check_can_act, held_sae
from interp_core.sae.reading import read_features
from interp_core.types import Run

Ranking = Literal["activation", "quantile", "effect"]
RANKINGS: tuple[Ranking, ...] = get_args(Ranking)


@dataclass(frozen=True)
class ActiveFeatures:
    """The features that are active at one position, in their own order."""

    sae: str
    pos: int
    feature: Int[np.ndarray, " active"]
    activation: Float[np.ndarray, " active"]
    """SAE units."""
    quantile: Float[np.ndarray, " active"]
    """Share of the feature's activations above 0 in the harvest that lie below this one, 0 to 1; NaN without a harvest."""
    estimate: Float[np.ndarray, " active"]
    """First-order estimate of the next token's loss with the feature removed here, less the loss as it is, nats; NaN at the last
    position, after which no token is known, and where effects do not apply."""
    left_out: bool
    """Whether the position has a norm that the SAE was not trained on: nothing counts as active there."""
    without_effects: str
    """Why removing a feature of this SAE has no effect to speak of; empty where it has."""

    def ranked(self, by: Ranking) -> Int[np.ndarray, " active"]:
        """Places of the features, first those of the largest activation or quantile, or of the largest effect either way.

        Ties go by activation, then by number; what has no value comes last.
        """
        keys = {"activation": self.activation, "quantile": self.quantile, "effect": np.abs(self.estimate)}
        key = np.where(np.isnan(keys[by]), -np.inf, keys[by])
        return np.lexsort((self.feature, -self.activation, -key))


def active_features(loaded: LoadedModel, run: Run, name: str, pos: int, harvest: Harvest | None) -> ActiveFeatures:
    """What is active at a position. Costs a forward pass to the SAE's layer; three more and two products for the estimates.

    Nothing is at a position of a norm that the SAE was not trained on.

    Raises:
        InterpError: The SAE or an intervention does not fit, or the harvest is damaged.
        MemoryLimitError: The activations of all features would not fit.
    """
    reading, without_effects = read_features(loaded, run, name), _without_effects(loaded, name)
    here = reading.pos == pos
    feature, activation = reading.feature[here], reading.activation[here]
    quantile = np.full(len(feature), np.nan, np.float32)
    if harvest:
        histograms, edges = harvest.histograms(), harvest.edges
        smallest, largest = harvest.dense("smallest"), harvest.dense("largest")
        for place, (index, value) in enumerate(zip(feature.tolist(), activation.tolist(), strict=True)):
            quantile[place] = share_below(
                histograms[index], edges, value, float(smallest[index]), float(largest[index])
            )
    estimate = np.full(len(feature), np.nan, np.float32)
    if pos < len(run.tokens) - 1 and len(feature) and not without_effects:
        estimate = gradient_effects(loaded, run, name, read=pos)[pos, feature].astype(np.float32)
    left_out = pos in reading.left_out
    return ActiveFeatures(name, pos, feature, activation, quantile, estimate, left_out, without_effects)


def _without_effects(loaded: LoadedModel, name: str) -> str:
    try:
        check_can_act(held_sae(loaded, name).config, name)
    except SaeError as error:
        return str(error)
    return ""
