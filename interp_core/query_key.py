"""Query and key of one pair of positions: the elementwise product whose sum is the attention score.

What bertviz calls the neuron view (Vig 2019, arXiv:1906.05714), right under rotary embeddings (queries and keys are
taken after the rotation), grouped-query attention (the key head that the query head shares) and soft caps.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hooks import QueryKeyHooks, attn_scores_hook, pattern_hook
from interp_core.models import LoadedModel
from interp_core.replay import LayerInputs, replay_layer
from interp_core.types import Run

_TOLERANCE = 1e-4
"""Of a score, relative to the largest: float32 sums of a head's products come in another order."""


@dataclass(frozen=True)
class QueryKey:
    """One query of one head against every key that it may look at."""

    q: Float[np.ndarray, " d_head"]
    """Query vector, after the rotation where there is one."""
    k: Float[np.ndarray, "key_pos d_head"]
    """Key vectors, after the rotation where there is one, of the key head that this query head shares."""
    scores: Float[np.ndarray, " key_pos"]
    """Attention score as the model computed it, before the softmax; -inf where a sliding window masks the key."""
    pattern: Float[np.ndarray, " key_pos"]
    """Attention probability, 0 to 1."""
    scale: float
    """Score = soft cap of (scale * q·k); most models take 1 / sqrt(d_head)."""
    soft_cap: float | None
    """Scores are soft_cap * tanh(x / soft_cap), where there is one."""
    bias: Float[np.ndarray, " key_pos"]
    """What the score has beyond the product: a position bias (ALiBi); 0 elsewhere."""
    key_head: int
    """Which key head this query head shares."""
    rotary_pairs: Int[np.ndarray, "pair 2"]
    """The two dimensions that rotate together, pair by pair; none without rotary embeddings."""


def query_key(loaded: LoadedModel, run: Run, inputs: LayerInputs, layer: int, head: int, query: int) -> QueryKey:
    """Query, keys and scores of one head at one query position. Costs one layer of a forward pass.

    Raises:
        InterpError: The architecture does not show its queries and keys.
    """
    names = QueryKeyHooks.of(layer)
    needed = (names.query, names.key, attn_scores_hook(layer), pattern_hook(layer))
    optional = tuple(
        name for name in (names.rotated_query, names.rotated_key, names.cosine, names.sine) if name in loaded.hook_names
    )
    if not all(name in loaded.hook_names for name in needed):
        raise InterpError(
            f"{loaded.card.architecture} does not show the queries and keys of layer {layer}, so the product cannot be "
            "taken apart. Pick another layer or model."
        )
    kept = replay_layer(loaded.model, inputs, layer, edits_of(loaded, run), keep=needed, keep_if_reached=optional)
    q, k, pairs = _rotated(kept, names)
    key_head = head * k.shape[1] // q.shape[1]
    seen = query + 1
    query_vector, keys = q[query, head].float(), k[:seen, key_head].float()
    scores = kept[attn_scores_hook(layer)][0, head, query, :seen].float()
    scale, soft_cap = _scale(loaded, layer, query_vector.shape[0]), _soft_cap(loaded)
    product = scale * (keys @ query_vector)
    capped = product if soft_cap is None else soft_cap * torch.tanh(product / soft_cap)
    masked = scores < torch.finfo(scores.dtype).min / 2  # masks add the smallest number, or minus infinity
    bias = torch.where(masked, 0.0, scores - capped)
    if bias.abs().max() <= _TOLERANCE * max(1.0, float(capped.abs().max())):
        bias = torch.zeros_like(bias)
    return QueryKey(
        q=query_vector.cpu().numpy(),
        k=keys.cpu().numpy(),
        scores=torch.where(masked, -torch.inf, scores).cpu().numpy(),
        pattern=kept[pattern_hook(layer)][0, head, query, :seen].float().cpu().numpy(),
        scale=scale,
        soft_cap=soft_cap,
        bias=bias.cpu().numpy(),
        key_head=key_head,
        rotary_pairs=pairs,
    )


def _rotated(
    kept: dict[str, Tensor], names: QueryKeyHooks
) -> tuple[Float[Tensor, "pos head d_head"], Float[Tensor, "pos key_head d_head"], Int[np.ndarray, "pair 2"]]:
    """Queries and keys as the scores see them, and which dimensions rotate together."""
    q, k = kept[names.query][0], kept[names.key][0]
    if names.cosine not in kept:
        return q, k, np.zeros((0, 2), np.int64)
    cosine, sine = kept[names.cosine].float(), kept[names.sine].float()
    n_rotary = cosine.shape[-1]
    half = np.arange(n_rotary // 2)
    pairs = np.stack([half, half + n_rotary // 2], axis=1)
    if names.rotated_query in kept:
        return _pos_first(kept[names.rotated_query][0], q), _pos_first(kept[names.rotated_key][0], k), pairs
    # GPT-NeoX has the hook points and never reaches them: rotate as it does.
    return _rotate(q, cosine, sine), _rotate(k, cosine, sine), pairs


def _pos_first(rotated: Float[Tensor, "a b d_head"], like: Float[Tensor, "pos head d_head"]) -> Tensor:
    return rotated if rotated.shape == like.shape else rotated.transpose(0, 1)


def _rotate(
    vectors: Float[Tensor, "pos head d_head"], cosine: Float[Tensor, "1 pos d"], sine: Float[Tensor, "1 pos d"]
) -> Float[Tensor, "pos head d_head"]:
    """Rotate the first dimensions, each with the one half of them further on (Su et al. 2021, arXiv:2104.09864)."""
    n_rotary = cosine.shape[-1]
    turned, rest = vectors[..., :n_rotary], vectors[..., n_rotary:]
    first, second = turned.chunk(2, dim=-1)
    across = torch.cat([-second, first], dim=-1)
    return torch.cat([turned * cosine[0, :, None] + across * sine[0, :, None], rest], dim=-1)


def _scale(loaded: LoadedModel, layer: int, d_head: int) -> float:
    """The factor of the scores: the architecture's own where it has one."""
    attention = getattr(loaded.model.blocks[layer], "attn", None)
    scaling = getattr(getattr(attention, "original_component", None), "scaling", None)
    return float(scaling) if isinstance(scaling, float | int) else d_head**-0.5


def _soft_cap(loaded: LoadedModel) -> float | None:
    cap = getattr(loaded.model.cfg, "attn_scores_soft_cap", None)
    return float(cap) if cap is not None and cap > 0 else None
