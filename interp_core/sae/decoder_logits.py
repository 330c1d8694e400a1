"""What a feature writes, as tokens: its decoder row through the final norm's weight and the unembedding.

Logits per unit of activation, in front of the final norm's scale, which differs by position; the mean over the vocabulary is
taken off, which no probability feels. With folded norms (`compatibility`) this is W_dec[f] W_U, W_U centred. It says what a
feature promotes by itself, not when it fires, and not what later layers make of it (Bricken et al. 2023, "Towards
Monosemanticity", call it the feature's logit weights).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.models import LoadedModel
from interp_core.readout import Readout, readout_of
from interp_core.sae.features import check_features, held_sae
from interp_core.sae.stream_writes import stream_rows
from interp_core.types import Progress

_ROWS = 64
"""Features of one product: 13 MB of logits at 49,152 tokens of vocabulary."""


@dataclass(frozen=True)
class DecoderLogits:
    """Promoted and suppressed tokens of some features."""

    sae: str
    feature: Int[np.ndarray, " feature"]
    promoted_ids: Int[np.ndarray, "feature k"]
    """Largest first."""
    promoted: Float[np.ndarray, "feature k"]
    """Logits per unit of activation, less the mean over the vocabulary."""
    suppressed_ids: Int[np.ndarray, "feature k"]
    """Smallest first."""
    suppressed: Float[np.ndarray, "feature k"]
    """Logits per unit of activation, less the mean over the vocabulary."""
    counts: Int[np.ndarray, "feature bin"]
    """Tokens of the vocabulary between two edges; all are counted."""
    edges: Float[np.ndarray, "feature edge"]
    """Logits per unit of activation, one more than bins, evenly spaced from the least to the largest."""


def read_decoder_logits(
    loaded: LoadedModel, name: str, features: Sequence[int] | None = None, *, k: int = 10, bins: int = 40
) -> Generator[Progress, None, DecoderLogits]:
    """Read features' decoder rows as tokens, all features by default. Costs an unembedding of one row a feature.

    Raises:
        InterpError: The SAE does not fit, lacks a feature, or reads a place that writes into the stream by no matrix alone.
    """
    sae = held_sae(loaded, name)
    chosen = list(range(sae.d_sae)) if features is None else list(features)
    check_features(sae.config, name, chosen)
    readout = readout_of(loaded, ())
    k = min(k, loaded.card.d_vocab)
    shape = (2, len(chosen), k)
    ids, logits = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    counts = np.zeros((len(chosen), bins), np.int64)
    edges = np.zeros((len(chosen), bins + 1), np.float32)
    for first in range(0, len(chosen), _ROWS):
        part = slice(first, first + _ROWS)
        rows = stream_rows(loaded, sae, torch.tensor(chosen[part], device=loaded.device))
        read = row_logits(readout, rows)
        for place, largest in enumerate((True, False)):
            found = read.topk(k, dim=-1, largest=largest)
            ids[place, part], logits[place, part] = found.indices.cpu().numpy(), found.values.cpu().numpy()
        for row, values in enumerate(read.cpu().numpy(), start=first):
            counts[row], edges[row] = np.histogram(values, bins)
        yield Progress(min(1.0, (first + _ROWS) / len(chosen)), f"{min(first + _ROWS, len(chosen)):,} features")
    return DecoderLogits(name, np.asarray(chosen, np.int64), ids[0], logits[0], ids[1], logits[1], counts, edges)


@torch.no_grad()
def row_logits(readout: Readout, rows: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_vocab"]:
    """Logits that directions of the stream add, in front of the final norm's scale, less their mean over the vocabulary."""
    like = next(readout.model.unembed.parameters())
    weighted = readout.norm.centred(rows.double().cpu()) * readout.norm.weight
    added = readout.uncapped(torch.cat([weighted, torch.zeros_like(weighted[:1])]).to(like))
    added = added[:-1] - added[-1]
    return added - added.mean(-1, keepdim=True)
