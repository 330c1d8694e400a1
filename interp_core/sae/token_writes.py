"""Which features write a token: every feature's direct write on one token's logit, exact, by one product with all rows.

In logits per unit of activation, in front of the final norm's scale, less the mean over the vocabulary: the numbers of
`decoder_logits`, looked at from the other side. It says what a feature adds by itself and not what later layers make of it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from interp_core.errors import SaeError
from interp_core.models import LoadedModel
from interp_core.readout import pull_back, readout_of
from interp_core.sae.features import held_sae
from interp_core.sae.stream_writes import stream_rows

_ROWS = 8192
"""Features of one product, in float64: 38 MB at 576 numbers each."""


@dataclass(frozen=True)
class TokenWrites:
    """What all features write on one token's logit."""

    sae: str
    token: int
    write: Float[np.ndarray, " d_sae"]
    """Logits per unit of activation, less the mean over the vocabulary; positive where the feature promotes the token."""

    def strongest(self, k: int, *, suppressed: bool = False) -> Int[np.ndarray, " k"]:
        """The features that promote the token most, or suppress it most, the strongest first. Ties go by number."""
        return np.argsort(self.write if suppressed else -self.write, kind="stable")[:k]


@torch.no_grad()
def writes_on(loaded: LoadedModel, name: str, token: int) -> TokenWrites:
    """Read every feature's write on a token. Costs a forward pass over four tokens, and one product with the decoder.

    Raises:
        InterpError: The SAE does not fit, or reads a place that writes into the stream by no matrix alone.
        SaeError: There is no such token.
    """
    d_vocab = loaded.card.d_vocab
    if not 0 <= token < d_vocab:
        raise SaeError(f"There is no token {token}: this model has tokens 0 to {d_vocab - 1:,}.")
    sae = held_sae(loaded, name)
    readout = readout_of(loaded, ())
    wanted = torch.full((int(readout.model.cfg.d_vocab),), -readout.factor / d_vocab, dtype=torch.float64)
    wanted[token] += readout.factor
    behind = pull_back(readout.model.unembed, (loaded.card.d_model,), wanted)
    direction = readout.norm.pull_back(behind)
    write = np.empty(sae.d_sae, np.float32)
    for first in range(0, sae.d_sae, _ROWS):
        part = slice(first, first + _ROWS)
        write[part] = (stream_rows(loaded, sae, part).double().cpu() @ direction).numpy()
    return TokenWrites(name, token, write)
