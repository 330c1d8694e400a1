"""What interventions change in what a model says: one run beside another, at every position."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.hooks import forward
from interp_core.models import LoadedModel
from interp_core.types import Run

_ROWS = 256
"""Positions whose log-probabilities are held at once."""


@dataclass(frozen=True)
class Comparison:
    """A clean and a changed run of the same tokens."""

    kl: Float[np.ndarray, " pos"]
    """KL(clean || changed) of the next-token distributions, nats, at least 0."""
    clean_loss: Float[np.ndarray, " pos"]
    """Cross-entropy of the token at `pos` given those before it, nats; NaN at position 0."""
    changed_loss: Float[np.ndarray, " pos"]
    ids: Int[np.ndarray, "pos k"]
    """The tokens that either run holds likeliest to follow `pos`: those of the clean run, then what else the changed run has,
    then repetitions, so that rows are equally long."""
    clean_probability: Float[np.ndarray, "pos k"]
    changed_probability: Float[np.ndarray, "pos k"]
    clean_rank: Int[np.ndarray, "pos k"]
    """0 is likeliest."""
    changed_rank: Int[np.ndarray, "pos k"]
    texts: dict[int, str]
    """Text of every id."""


def compare_runs(loaded: LoadedModel, clean: Run, changed: Run, *, k: int = 10) -> Comparison:
    """Compare two runs of the same tokens. Costs two forward passes, and those that interventions need.

    Raises:
        InterpError: An intervention does not fit the model or the prompt.
        MemoryLimitError: The passes would not fit.
    """
    assert clean.tokens == changed.tokens
    loaded.check_run(2 * len(clean.tokens))
    tokens = loaded.tokens(clean.tokens)
    before, after = (forward(loaded.model, tokens, edits_of(loaded, run)).output[0] for run in (clean, changed))
    parts = [
        _compare(before[start : start + _ROWS].float(), after[start : start + _ROWS].float(), k)
        for start in range(0, len(before), _ROWS)
    ]
    joined = [torch.cat([part[place] for part in parts]).cpu().numpy() for place in range(len(parts[0]))]
    kl, ids, clean_probability, changed_probability, clean_rank, changed_rank = joined
    distinct = np.unique(ids).tolist()
    return Comparison(
        kl,
        _loss(before, tokens[0]),
        _loss(after, tokens[0]),
        ids,
        clean_probability,
        changed_probability,
        clean_rank,
        changed_rank,
        dict(zip(distinct, loaded.tokenizer.str_tokens(distinct), strict=True)),
    )


def _compare(before: Float[Tensor, "pos d_vocab"], after: Float[Tensor, "pos d_vocab"], k: int) -> tuple[Tensor, ...]:
    clean, changed = before.log_softmax(-1), after.log_softmax(-1)
    kl = (clean.exp() * (clean - changed)).sum(-1).clamp(min=0)  # rounding alone can take it below 0
    k = min(k, clean.shape[-1])
    first, second = clean.topk(k, -1).indices, changed.topk(k, -1).indices
    # Those of the changed run that are new, in their order; padded by the next ones so that every row is as long.
    known = (second[:, :, None] == first[:, None, :]).any(-1)
    rest = second.gather(-1, torch.sort(known.int(), dim=-1, stable=True).indices)
    ids = torch.cat([first, rest], -1)
    probabilities = clean.gather(-1, ids), changed.gather(-1, ids)
    ranks = [
        torch.stack([(logs > value[:, None]).sum(-1) for value in chosen.unbind(-1)], -1)
        for logs, chosen in zip((clean, changed), probabilities, strict=True)
    ]
    return kl, ids, probabilities[0].exp(), probabilities[1].exp(), *ranks


def _loss(logits: Float[Tensor, "pos d_vocab"], tokens: Int[Tensor, " pos"]) -> Float[np.ndarray, " pos"]:
    rows = [torch.tensor([float("nan")])]
    for start in range(0, len(tokens) - 1, _ROWS):
        target = tokens[start + 1 : start + 1 + _ROWS, None]
        logs = logits[start : start + len(target)].float().log_softmax(-1)
        rows.append(-logs.gather(-1, target)[:, 0].cpu())
    return torch.cat(rows).numpy()
