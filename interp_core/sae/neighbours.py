"""Features whose decoder rows point where a feature's does, or the opposite way: exact, by one product with all rows."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from interp_core.errors import SaeError
from interp_core.models import LoadedModel
from interp_core.sae.features import check_features, held_sae


@dataclass(frozen=True)
class Neighbours:
    """How one feature's decoder row lies to all others."""

    sae: str
    feature: int
    cosine: Float[np.ndarray, " d_sae"]
    """Of decoder rows, -1 to 1 but for rounding; NaN where a row is 0."""

    def nearest(self, k: int, *, opposite: bool = False) -> Int[np.ndarray, " k"]:
        """The features that are most similar, or most opposite, nearest first; itself is left out. Ties go by number."""
        order = np.argsort(self.cosine if opposite else -self.cosine, kind="stable")
        return order[(order != self.feature) & np.isfinite(self.cosine[order])][:k]


@torch.no_grad()
def neighbours_of(loaded: LoadedModel, name: str, feature: int) -> Neighbours:
    """Compare a feature's decoder row with all others. Costs one product with the decoder, no forward pass.

    Raises:
        SaeError: There is no such SAE or feature, or its decoder row is 0.
    """
    sae = held_sae(loaded, name)
    check_features(sae.config, name, [feature])
    rows = sae.decoder
    norms = rows.norm(dim=1)
    if not norms[feature] > 0:
        raise SaeError(
            f"The decoder row of feature {feature} of {name} is 0, so it has no neighbours. Choose another one."
        )
    cosine = (rows @ (rows[feature] / norms[feature])) / norms
    return Neighbours(name, feature, cosine.cpu().numpy())
