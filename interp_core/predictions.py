"""What the model predicts at every position, and how well it predicted the token that stands there.

Cross-entropy and top-k of the next-token distribution, as in TransformerLens' `loss_per_token`.
"""

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
"""Positions whose log-probabilities are held at once: 50 MB at 49,152 tokens of vocabulary."""


@dataclass(frozen=True)
class Predictions:
    """Next-token predictions of one run."""

    loss: Float[np.ndarray, " pos"]
    """Cross-entropy of the token at `pos` given those before it, nats, at least 0; NaN at position 0."""
    rank: Int[np.ndarray, " pos"]
    """How many tokens were held likelier than the one at `pos`; 0 is best, -1 at position 0."""
    top_ids: Int[np.ndarray, "pos k"]
    """Likeliest tokens to follow `pos`, best first."""
    top_probability: Float[np.ndarray, "pos k"]
    """Their probabilities, 0 to 1."""
    top_tokens: dict[int, str]
    """Text of every id in `top_ids`."""

    @property
    def probability(self) -> Float[np.ndarray, " pos"]:
        """Probability of the token at `pos` given those before it, 0 to 1; NaN at position 0."""
        return np.exp(-self.loss)

    @property
    def mean_loss(self) -> float:
        """Mean cross-entropy over positions 1 and on, nats; NaN for a single token."""
        return float(np.mean(self.loss[1:])) if len(self.loss) > 1 else float("nan")


def predict(loaded: LoadedModel, run: Run, *, k: int = 10) -> Predictions:
    """Loss, rank and the `k` likeliest next tokens at every position of a run. Costs one forward pass.

    Raises:
        MemoryLimitError: The pass would not fit.
    """
    loaded.check_run(len(run.tokens))
    tokens = loaded.tokens(run.tokens)
    logits = forward(loaded.model, tokens, edits_of(loaded, run)).output[0]
    following = tokens[0, 1:]
    loss, rank, top = [torch.tensor([float("nan")])], [torch.tensor([-1])], []
    for start in range(0, len(run.tokens), _ROWS):
        log_probs = _log_probs(logits[start : start + _ROWS])
        top.append(log_probs.topk(min(k, log_probs.shape[-1]), dim=-1))
        target = following[start : start + _ROWS, None]
        actual = log_probs[: len(target)].gather(-1, target)
        loss.append(-actual[:, 0].cpu())
        rank.append((log_probs[: len(target)] > actual).sum(-1).cpu())
    top_ids = torch.cat([rows.indices for rows in top]).cpu().numpy()
    distinct = np.unique(top_ids).tolist()
    return Predictions(
        loss=torch.cat(loss).numpy(),
        rank=torch.cat(rank).numpy(),
        top_ids=top_ids,
        top_probability=torch.cat([rows.values for rows in top]).exp().cpu().numpy(),
        top_tokens=dict(zip(distinct, loaded.tokenizer.str_tokens(distinct), strict=True)),
    )


def _log_probs(logits: Float[Tensor, "pos d_vocab"]) -> Float[Tensor, "pos d_vocab"]:
    return logits.float().log_softmax(-1)  # in float32 whatever the model's dtype
