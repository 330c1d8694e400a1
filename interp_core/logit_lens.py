"""Logit lens: what would the model say if the residual stream were read out here?

The stream that enters each layer goes through the final norm and the unembedding (nostalgebraist 2020, "interpreting
GPT: the logit lens"). Early rows need not mean what they say: the readout was trained for the last row only.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.devices import free_bytes
from interp_core.edits import edits_of
from interp_core.hook_points import FINAL_RESID_HOOK, layer_hook
from interp_core.hooks import watch
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.readout import LensNorm, Readout, readout_of
from interp_core.types import DTYPE_BYTES, Progress, Run

_ROWS = 128
"""Positions whose log-probabilities are held at once: 25 MB at 49,152 tokens of vocabulary, a few times over."""


@dataclass(frozen=True)
class LogitLens:
    """The readout of every layer's stream. Row `l` is what enters layer `l`; the last row is the model's own output."""

    top_ids: Int[np.ndarray, "row pos k"]
    """Likeliest next tokens, best first."""
    top_probability: Float[np.ndarray, "row pos k"]
    """Their probabilities, 0 to 1."""
    top_tokens: dict[int, str]
    """Text of every id in `top_ids`."""
    entropy: Float[np.ndarray, "row pos"]
    """Of the readout, nats: 0 where all of it is on one token, log(d_vocab) where it is even."""
    kl: Float[np.ndarray, "row pos"]
    """KL(final || lens), nats, at least 0 (what rounding puts below is set to 0): what the model's output has and this lacks."""
    token: int | None
    """The token that was asked for."""
    token_probability: Float[np.ndarray, "row pos"]
    """Its probability, 0 to 1; NaN if none was asked for."""
    token_rank: Int[np.ndarray, "row pos"]
    """How many tokens are likelier; 0 is best, -1 if none was asked for."""
    norm: LensNorm
    """`recomputed`: the final norm takes each stream's own scale; `frozen`: that of the final stream at the position."""


def read_logit_lens(
    loaded: LoadedModel, run: Run, *, norm: LensNorm = "recomputed", token: int | None = None, k: int = 5
) -> Generator[Progress, None, LogitLens]:
    """Read out the stream in front of every layer, and after the last.

    Interventions are in force where they act: on a layer in the rows behind it, on what the final norm reads in the last row,
    on the final norm's output and the unembedding in all.

    Costs one forward pass, and an unembedding of every position for every layer.

    Raises:
        InterpError: The model has no readout that is known here.
        MemoryLimitError: The streams of all layers would not fit.
    """
    edits = edits_of(loaded, run)
    readout = readout_of(loaded, edits)
    streams = layer_streams(loaded, run)
    inverse_scale = readout.norm.inverse_scale(streams[-1], readout.normed(streams[-1])) if norm == "frozen" else None
    made = _Reader(readout, len(streams), len(run.tokens), min(k, loaded.card.d_vocab), token)
    chunks = range(0, len(run.tokens), _ROWS)
    for done, first in enumerate(chunks):
        part = slice(first, first + _ROWS)
        final = made.log_probs(readout.normed(streams[-1, part], first), first)
        made.compare_with(final)
        for row, stream in enumerate(streams):
            if row == len(streams) - 1:
                made.see(row, first, final)
            else:
                frozen = inverse_scale is not None
                normed = (
                    readout.frozen(stream[part], inverse_scale[part]) if frozen else readout.normed(stream[part], first)
                )
                made.see(row, first, made.log_probs(normed, first))
            yield Progress((done + (row + 1) / len(streams)) / len(chunks), f"row {row + 1} of {len(streams)}")
    return made.finished(loaded, norm)


@torch.no_grad()
def layer_streams(loaded: LoadedModel, run: Run) -> Float[Tensor, "row pos d_model"]:
    """The stream that enters each layer, and the one after the last, as the run's interventions leave them.

    Costs one forward pass without the unembedding.

    Raises:
        MemoryLimitError: They would not fit.
    """
    card = loaded.card
    loaded.check_run(len(run.tokens))
    needed = (card.n_layers + 1) * len(run.tokens) * card.d_model * DTYPE_BYTES[loaded.spec.dtype]
    check_fits(f"The residual stream of {len(run.tokens):,} tokens in all layers", 2 * needed, free_bytes(card.device))
    names = [*(layer_hook("resid_pre", layer) for layer in range(card.n_layers)), FINAL_RESID_HOOK]
    kept: dict[str, Tensor] = {}
    look = {name: lambda activation, name=name: kept.update({name: activation[0]}) for name in names}
    watch(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run), look)
    return torch.stack([kept.pop(name) for name in names])


class _Reader:
    """Reduces one row's log-probabilities after another."""

    def __init__(self, readout: Readout, n_rows: int, n_pos: int, k: int, token: int | None) -> None:
        self._readout, self._k, self._token = readout, k, token
        self._ids = np.zeros((n_rows, n_pos, k), np.int64)
        self._top = np.zeros((n_rows, n_pos, k), np.float32)
        self._entropy, self._kl = np.zeros((n_rows, n_pos), np.float32), np.zeros((n_rows, n_pos), np.float32)
        self._probability = np.full((n_rows, n_pos), np.nan, np.float32)
        self._rank = np.full((n_rows, n_pos), -1, np.int64)
        self._final = self._final_entropy = torch.empty(0)

    def log_probs(self, normed: Float[Tensor, "pos d_model"], first: int) -> Float[Tensor, "pos d_vocab"]:
        return self._readout.logits(normed, first).log_softmax(-1)

    def compare_with(self, final: Float[Tensor, "pos d_vocab"]) -> None:
        """The output of the positions that come next."""
        self._final = final.softmax(-1)
        self._final_entropy = -_dot(self._final, final)

    @torch.no_grad()
    def see(self, row: int, first: int, log_probs: Float[Tensor, "pos d_vocab"]) -> None:
        part = slice(first, first + len(log_probs))
        top = log_probs.topk(self._k, dim=-1)
        self._ids[row, part] = top.indices.cpu().numpy()
        self._top[row, part] = top.values.exp().cpu().numpy()
        self._entropy[row, part] = -_dot(log_probs.softmax(-1), log_probs).cpu().numpy()
        kl = -self._final_entropy - _dot(self._final, log_probs)
        self._kl[row, part] = kl.clamp_min(0).cpu().numpy()
        if self._token is not None:
            own = log_probs[:, self._token, None]
            self._probability[row, part] = own[:, 0].exp().cpu().numpy()
            self._rank[row, part] = (log_probs > own).sum(-1).cpu().numpy()

    def finished(self, loaded: LoadedModel, norm: LensNorm) -> LogitLens:
        distinct = np.unique(self._ids).tolist()
        words = dict(zip(distinct, loaded.tokenizer.str_tokens(distinct), strict=True))
        return LogitLens(
            self._ids, self._top, words, self._entropy, self._kl, self._token, self._probability, self._rank, norm
        )


def _dot(one: Float[Tensor, "pos d_vocab"], other: Float[Tensor, "pos d_vocab"]) -> Float[Tensor, " pos"]:
    """Row by row. On the CPU `exp` takes ten times as long as `softmax` or this, which spares one pass over the rows."""
    return torch.einsum("pv,pv->p", one, other)
