"""What an SAE's features do on a whole prompt, under a run's interventions."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.devices import free_bytes
from interp_core.edits import edits_of
from interp_core.errors import SaeError
from interp_core.hooks import watch
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.sae.feature_edits import write_scale
from interp_core.sae.features import held_sae
from interp_core.sae.loading import LoadedSae
from interp_core.types import Run


@dataclass(frozen=True)
class FeatureReading:
    """Every feature that is active anywhere on a prompt, in the order of positions, then of features."""

    sae: str
    n_pos: int
    d_sae: int
    pos: Int[np.ndarray, " active"]
    feature: Int[np.ndarray, " active"]
    activation: Float[np.ndarray, " active"]
    """In the SAE's own units; never 0, and below 0 only in SAEs that choose by magnitude."""
    left_out: tuple[int, ...]
    """Positions of a norm that the SAE was not trained on: nothing counts as active there."""

    def dense(self) -> Float[np.ndarray, "pos d_sae"]:
        """All activations, those that are 0 too; NaN where a position is left out."""
        made = np.zeros((self.n_pos, self.d_sae), np.float32)
        made[self.pos, self.feature] = self.activation
        made[list(self.left_out)] = np.nan
        return made

    def of(self, feature: int) -> Float[np.ndarray, " pos"]:
        """Activations of one feature; 0 where it is silent, NaN where a position is left out."""
        made, here = np.zeros(self.n_pos, np.float32), self.feature == feature
        made[self.pos[here]] = self.activation[here]
        made[list(self.left_out)] = np.nan
        return made


@dataclass(frozen=True)
class Encoded:
    """One encoding of a whole prompt, on the model's device."""

    activations: Float[Tensor, "pos d_sae"]
    scale: Float[Tensor, "pos 1"]
    """What a position's decoder rows are multiplied with: 1 unless the SAE normalises what it reads."""


def read_features(loaded: LoadedModel, run: Run, name: str) -> FeatureReading:
    """Activations of all features at all positions but those of a norm that the SAE was not trained on.

    Costs a forward pass up to the SAE's hook point, and one encoding.

    Raises:
        InterpError: The SAE or an intervention does not fit.
        MemoryLimitError: The pass, or all activations at once, would not fit.
    """
    sae, activation = watch_point(loaded, run, name)
    out = ~sae.usual(activation)[0]
    acts = encode_prompt(loaded, sae, activation).activations.masked_fill(out[:, None], 0)
    pos, feature = (index.cpu() for index in acts.nonzero(as_tuple=True))
    values = acts.cpu()[pos, feature].numpy()
    left_out = tuple(out.nonzero().flatten().tolist())
    return FeatureReading(name, len(run.tokens), sae.d_sae, pos.numpy(), feature.numpy(), values, left_out)


def watch_point(loaded: LoadedModel, run: Run, name: str) -> tuple[LoadedSae, Float[Tensor, "1 pos *inner"]]:
    """An SAE, and what it reads on a run. Costs a forward pass up to its hook point.

    Raises:
        InterpError: The SAE or an intervention does not fit.
        MemoryLimitError: The pass would not fit.
    """
    sae = held_sae(loaded, name)
    check_plain_point(sae, name)
    loaded.check_run(len(run.tokens))
    kept: list[Tensor] = []
    look = {sae.hook: lambda activation: kept.append(activation.clone())}
    watch(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run), look)
    return sae, kept[0]


@torch.no_grad()
def encode_prompt(loaded: LoadedModel, sae: LoadedSae, activation: Float[Tensor, "1 pos *inner"]) -> Encoded:
    """Encode what the hook point holds.

    Raises:
        MemoryLimitError: The activations of all features would not fit.
    """
    n_pos = activation.shape[1]
    needed = 4 * n_pos * sae.d_sae * 4  # before and behind the threshold, their comparison, and a copy
    check_fits(f"Encoding {n_pos:,} positions with {sae.d_sae:,} features", needed, free_bytes(loaded.card.device))
    acts = sae.encode(activation)
    acts = acts.to_dense() if acts.is_sparse else acts
    return Encoded(acts[0], write_scale(sae, activation)[0])


def check_plain_point(sae: LoadedSae, name: str) -> None:
    """Refuse an SAE whose hook point no ordinary pass computes.

    Raises:
        SaeError: It reads such a point.
    """
    if sae.point.derived:
        raise SaeError(
            f"{name} reads {sae.config.place}, which an ordinary pass does not compute, so its features cannot be read on a prompt. "
            "Choose an SAE of the residual stream, or of what attention or MLP write."
        )
