"""What each head writes, as tokens: the logits that its output at one position adds by itself.

A head's write `z W_O` goes through the final norm, with the scale of the final stream, and the unembedding; the mean over
the vocabulary is taken off, which no probability feels. The largest are the tokens that it promotes, the smallest those
that it suppresses (Elhage et al. 2021, A Mathematical Framework for Transformer Circuits). Only the direct effect.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hook_points import FINAL_RESID_HOOK, layer_hook
from interp_core.hooks import watch
from interp_core.models import LoadedModel
from interp_core.readout import Readout, readout_of
from interp_core.types import Progress, Run
from interp_core.write_routes import output_matrix, write_routes

_ROWS = 128


@dataclass(frozen=True)
class HeadWrites:
    """Every head's promoted and suppressed tokens at one position."""

    pos: int
    promoted_ids: Int[np.ndarray, "layer head k"]
    """Largest first."""
    promoted: Float[np.ndarray, "layer head k"]
    """Logits, less the mean over the vocabulary; NaN in a layer whose heads are not shown."""
    suppressed_ids: Int[np.ndarray, "layer head k"]
    """Smallest first."""
    suppressed: Float[np.ndarray, "layer head k"]
    """Logits, less the mean over the vocabulary."""
    tokens: dict[int, str]
    """Text of every id."""
    norms: Float[np.ndarray, "layer head"]
    """Euclidean norm of what each head writes into the stream, model units."""


def read_head_writes(
    loaded: LoadedModel, run: Run, *, pos: int | None = None, k: int = 10
) -> Generator[Progress, None, HeadWrites]:
    """Read what every head writes at a position, the last by default.

    Costs one forward pass without the unembedding, and an unembedding of one row a head.

    Raises:
        InterpError: There is no such position, or the architecture does not show its heads.
        MemoryLimitError: The pass would not fit.
    """
    n_pos, card = len(run.tokens), loaded.card
    pos = n_pos - 1 if pos is None else pos
    if not 0 <= pos < n_pos:
        raise InterpError(f"The prompt has {n_pos} tokens, so there is no position {pos}. Give 0 to {n_pos - 1}.")
    loaded.check_run(n_pos)
    readout = readout_of(loaded, edits_of(loaded, run))
    seen = _look(loaded, run, readout, pos)
    k = min(k, card.d_vocab)
    shape = (card.n_layers, card.n_heads)
    ids, logits = np.zeros((2, *shape, k), np.int64), np.full((2, *shape, k), np.nan, np.float32)
    norms = np.full(shape, np.nan, np.float32)
    final = seen[FINAL_RESID_HOOK]
    inverse_scale = readout.norm.inverse_scale(final, readout.normed(final, pos))
    for layer in range(card.n_layers):
        if layer_hook("z", layer) in seen:
            writes = _head_writes(loaded, layer, seen)
            norms[layer] = writes.norm(dim=-1).float().numpy()
            _rank(readout, writes, inverse_scale, ids[:, layer], logits[:, layer])
        yield Progress((layer + 1) / card.n_layers, f"layer {layer + 1} of {card.n_layers}")
    distinct = np.unique(ids).tolist()
    words = dict(zip(distinct, loaded.tokenizer.str_tokens(distinct), strict=True))
    return HeadWrites(pos, ids[0], logits[0], ids[1], logits[1], words, norms)


def _look(loaded: LoadedModel, run: Run, readout: Readout, pos: int) -> dict[str, Float[Tensor, "1 d"]]:
    """What every head mixed, what leaves attention, and the final stream, at the position."""
    routes = {layer: route for (part, layer), route in write_routes(loaded).items() if part == "attn"}
    layers = sorted(routes)
    if not layers:
        raise InterpError(
            f"{loaded.card.name} ({loaded.card.architecture}) does not show what single heads write. Pick another model."
        )
    names = [FINAL_RESID_HOOK, *(layer_hook("z", layer) for layer in layers)]
    for layer in layers:
        if routes[layer].norm is not None:
            names += [routes[layer].norm_reads, layer_hook("attn_out", layer)]
    seen: dict[str, Tensor] = {}
    look = {
        name: lambda activation, name=name: seen.update({name: activation[0, pos : pos + 1].flatten(1).clone()})
        for name in names
    }
    watch(loaded.model, loaded.tokens(run.tokens), readout.edits, look)
    return seen


@torch.no_grad()
def _head_writes(loaded: LoadedModel, layer: int, seen: dict[str, Tensor]) -> Float[Tensor, "head d_model"]:
    """What each head of a layer adds to the stream, without biases. Float64, on the CPU."""
    route = write_routes(loaded)["attn", layer]
    z, n_heads = seen[layer_hook("z", layer)], loaded.card.n_heads
    # One row a head, with the z of the others 0, and one with nothing, which leaves the bias.
    rows = torch.cat([torch.block_diag(*z.reshape(n_heads, 1, -1)), torch.zeros_like(z)])
    made = output_matrix(loaded.model.blocks[layer], "attn")(rows[None])[0].double().cpu()
    writes, norm = made[:-1] - made[-1], route.norm
    if norm is None:
        return writes * route.factor
    entering, leaving = seen[route.norm_reads], seen[layer_hook("attn_out", layer)]
    return norm.centred(writes) * norm.weight * norm.inverse_scale(entering, leaving)


@torch.no_grad()
def _rank(
    readout: Readout,
    writes: Float[Tensor, "head d_model"],
    inverse_scale: Float[Tensor, " one"],
    ids: Int[np.ndarray, "2 head k"],
    logits: Float[np.ndarray, "2 head k"],
) -> None:
    like = next(readout.model.unembed.parameters())
    normed = readout.norm.centred(writes) * readout.norm.weight * inverse_scale
    nothing = readout.uncapped(torch.zeros(1, normed.shape[1]).to(like))[0]
    for first in range(0, len(normed), _ROWS):
        part = slice(first, first + _ROWS)
        added = readout.uncapped(normed[part].to(like)) - nothing
        added = added - added.mean(-1, keepdim=True)
        for place, largest in enumerate((True, False)):
            found = added.topk(ids.shape[2], dim=-1, largest=largest)
            ids[place, part] = found.indices.cpu().numpy()
            logits[place, part] = found.values.cpu().numpy()
