"""The residual stream: how long it is at every layer and position, and what turns it.

Norms are Euclidean, in the model's own units. Cosine similarities run from -1 to 1: of the streams of two layers, and
of what attention or the MLP writes with the stream that it is added to (Elhage et al. 2021, A Mathematical Framework for
Transformer Circuits; norms grow with depth: Heimersheim and Turner 2023).
"""

import functools
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.devices import free_bytes
from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hook_points import layer_hook
from interp_core.hooks import watch
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.types import DTYPE_BYTES, Run

StreamSite = Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"]
STREAM_SITES: tuple[StreamSite, ...] = get_args(StreamSite)


@dataclass(frozen=True)
class ResidualStream:
    """Lengths and angles of the stream of one run."""

    norms: Float[np.ndarray, "site layer pos"]
    """Euclidean norm at each of `STREAM_SITES`, model units; NaN where a layer does not have the site: `resid_mid` where
    attention and MLP run in parallel."""
    writes: Float[np.ndarray, "2 layer pos"]
    """Cosine of what attention, and of what the MLP writes, with the stream that it is added to. Below 0: it erases.
    What rounding puts beyond -1 or 1 is set to that, here and in `between`."""
    between: Float[np.ndarray, "layer other_layer"]
    """Cosine of the streams that leave two layers (`resid_post`): the mean over positions, or at `pos`."""
    pos: int | None
    """The position of `between`; None for the mean over all."""

    def norm_of(self, site: StreamSite) -> Float[np.ndarray, "layer pos"]:
        """Norms at one site."""
        return self.norms[STREAM_SITES.index(site)]


def read_residual_stream(loaded: LoadedModel, run: Run, *, pos: int | None = None) -> ResidualStream:
    """Norms and cosines of a run. Costs one forward pass without the unembedding.

    Raises:
        InterpError: There is no such position, or the architecture shows no residual stream.
        MemoryLimitError: The streams of all layers would not fit.
    """
    card, n_pos = loaded.card, len(run.tokens)
    if pos is not None and not 0 <= pos < n_pos:
        raise InterpError(f"The prompt has {n_pos} tokens, so there is no position {pos}. Give 0 to {n_pos - 1}.")
    loaded.check_run(n_pos)
    needed = card.n_layers * n_pos * card.d_model * DTYPE_BYTES[loaded.spec.dtype]
    check_fits(f"The residual stream of {n_pos:,} tokens in all layers", 2 * needed, free_bytes(card.device))
    has = {point.name: set(point.layers) for point in loaded.hook_points}
    if "resid_post" not in has:
        raise InterpError(
            f"{card.name} ({card.architecture}) shows no residual stream. Pick a decoder such as Llama or GPT-2."
        )
    seen = _Seen(card.n_layers, n_pos, pos)
    look = {
        layer_hook(site, layer): functools.partial(_show, seen, site, layer)
        for site in STREAM_SITES
        for layer in sorted(has.get(site, ()))
    }
    watch(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run), look)
    return ResidualStream(seen.norms, seen.writes, seen.between(), pos)


def _show(seen: "_Seen", site: StreamSite, layer: int, activation: Float[Tensor, "1 pos d_model"]) -> None:
    seen.see(site, layer, activation[0].float())


class _Seen:
    """Reduces one activation after another, and keeps the streams that leave the layers, as unit vectors."""

    def __init__(self, n_layers: int, n_pos: int, pos: int | None) -> None:
        self.norms = np.full((len(STREAM_SITES), n_layers, n_pos), np.nan, np.float32)
        self.writes = np.full((2, n_layers, n_pos), np.nan, np.float32)
        self._pos = slice(None) if pos is None else slice(pos, pos + 1)
        self._left: dict[int, Tensor] = {}
        self._stream: Tensor | None = None

    @torch.no_grad()
    def see(self, site: StreamSite, layer: int, activation: Float[Tensor, "pos d_model"]) -> None:
        self.norms[STREAM_SITES.index(site), layer] = activation.norm(dim=-1).cpu().numpy()
        if site in ("attn_out", "mlp_out"):
            if self._stream is not None:
                cosine = torch.cosine_similarity(activation, self._stream, dim=-1)
                self.writes[("attn_out", "mlp_out").index(site), layer] = cosine.clamp(-1, 1).cpu().numpy()
            return
        self._stream = activation
        if site == "resid_post":
            self._left[layer] = torch.nn.functional.normalize(activation[self._pos], dim=-1)

    def between(self) -> Float[np.ndarray, "layer other_layer"]:
        """Mean over the positions of the cosines of every two layers."""
        n_layers = self.norms.shape[1]
        found = np.full((n_layers, n_layers), np.nan, np.float32)
        layers = sorted(self._left)
        stacked = torch.stack([self._left[layer] for layer in layers])
        cosine = torch.einsum("lpd,mpd->lm", stacked, stacked) / stacked.shape[1]
        found[np.ix_(layers, layers)] = cosine.clamp(-1, 1).cpu().numpy()
        return found
