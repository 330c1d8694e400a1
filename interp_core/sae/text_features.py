"""Features that fire on a text, each with the token at which it is strongest."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from interp_core.models import LoadedModel
from interp_core.sae.reading import encode_prompt, watch_point
from interp_core.types import Run


@dataclass(frozen=True)
class TextFeatures:
    """Every feature that fires on a text, the strongest first; equally strong ones by number."""

    sae: str
    feature: Int[np.ndarray, " fired"]
    activation: Float[np.ndarray, " fired"]
    """The largest by magnitude, in the SAE's own units; never 0, and below 0 only in SAEs that choose by magnitude."""
    pos: Int[np.ndarray, " fired"]
    """Where that is; the first such position."""
    n_pos: Int[np.ndarray, " fired"]
    """Positions at which it fires."""
    left_out: tuple[int, ...]
    """Positions of a norm that the SAE was not trained on; they count nowhere here."""


@torch.no_grad()
def fires_on(loaded: LoadedModel, run: Run, name: str) -> TextFeatures:
    """Rank features by their largest activation on a text, under its interventions.

    Costs a forward pass up to the SAE's hook point, and one encoding.

    Raises:
        InterpError: The SAE or an intervention does not fit.
        MemoryLimitError: The pass, or all activations at once, would not fit.
    """
    sae, activation = watch_point(loaded, run, name)
    acts = encode_prompt(loaded, sae, activation).activations
    out = ~sae.usual(activation)[0]
    acts = acts.masked_fill(out[:, None], 0)
    peak, pos = acts.abs().max(dim=0)
    feature = peak.nonzero().flatten()
    feature = feature[peak[feature].sort(descending=True, stable=True).indices]
    return TextFeatures(
        name, feature.cpu().numpy(), acts[pos[feature], feature].cpu().numpy(), pos[feature].cpu().numpy(),
        (acts != 0).sum(0)[feature].cpu().numpy(), tuple(out.nonzero().flatten().tolist()),
    )  # fmt: skip
