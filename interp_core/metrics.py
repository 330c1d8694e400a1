"""Metrics: one number for what a model says next, by which two runs are compared.

Logit difference as in Wang et al. 2022, arXiv:2211.00593; the others as surveyed by Heimersheim and Nanda 2024,
arXiv:2404.15255.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.errors import MetricError

MetricKind = Literal["logit_difference", "log_probability", "probability", "rank", "kl"]
METRIC_KINDS: tuple[MetricKind, ...] = get_args(MetricKind)
UNITS: dict[MetricKind, str] = {
    "logit_difference": "logits",
    "log_probability": "nats",
    "probability": "probability",
    "rank": "rank",
    "kl": "nats",
}


@dataclass(frozen=True)
class Metric:
    """A score of next-token logits."""

    kind: MetricKind
    answers: tuple[int, ...] = ()
    """Token ids. Several answers: their mean logit, or their summed probability; the best of their ranks."""
    foils: tuple[int, ...] = ()
    """For `logit_difference`: what the answers are compared with, by mean logit. None: the answers' logit alone."""

    @property
    def unit(self) -> str:
        """Unit of a score."""
        return UNITS[self.kind]

    @property
    def has_gradient(self) -> bool:
        """Whether a small change of the logits changes it: a rank moves in steps."""
        return self.kind != "rank"

    def checked(self) -> "Metric":
        """Return self.

        Raises:
            MetricError: It lacks answers, or an answer is its own foil.
        """
        if self.kind != "kl" and not self.answers:
            raise MetricError("The metric has no answer. Name the token that the prompt should be continued with.")
        both = sorted(set(self.answers) & set(self.foils))
        if self.kind == "logit_difference" and both:
            raise MetricError("The same token is both answer and foil, so it cancels. Name different ones.")
        return self

    def narrowed(self) -> "tuple[tuple[int, ...] | None, Metric]":
        """The tokens that are all it looks at, None for the whole vocabulary; and the metric for logits of those alone."""
        if self.kind != "logit_difference":
            return None, self
        n = len(self.answers)
        places = tuple(range(n + len(self.foils)))
        return self.answers + self.foils, replace(self, answers=places[:n], foils=places[n:])

    def score(
        self, logits: Float[Tensor, "row d_vocab"], reference: Float[Tensor, " d_vocab"] | None = None
    ) -> Float[Tensor, " row"]:
        """The metric of every row.

        `logit_difference`: logits; `log_probability`: nats, at most 0; `probability`: 0 to 1; `rank`: 0 is best; `kl`: KL
        divergence of the row from `reference`, KL(reference || row), nats, at least 0.
        """
        logits = logits.float()
        if self.kind == "kl":
            assert reference is not None
            expected = reference.float().log_softmax(-1)
            return (expected.exp() * (expected - logits.log_softmax(-1))).sum(-1)
        answers = logits[:, list(self.answers)]
        if self.kind == "logit_difference":
            foils = logits[:, list(self.foils)].mean(-1) if self.foils else 0.0
            return answers.mean(-1) - foils
        if self.kind == "rank":
            best = answers.max(-1, keepdim=True).values
            return (logits > best).sum(-1).float()
        log_probability = (answers - logits.logsumexp(-1, keepdim=True)).logsumexp(-1)
        return log_probability if self.kind == "log_probability" else log_probability.exp()


def recovered_fraction(
    score: Float[Tensor, "*cells"], clean: float, corrupted: float, unit: str
) -> Float[Tensor, "*cells"]:
    """(score - corrupted) / (clean - corrupted): 0 is the corrupted run, 1 the clean one; never clipped.

    Raises:
        MetricError: The two runs score the same.
    """
    if not math.isfinite(clean - corrupted) or math.isclose(clean, corrupted, rel_tol=1e-5, abs_tol=1e-6):
        raise MetricError(
            f"Both prompts score {clean:.4g} {unit} on this metric, so there is no effect to recover. Choose an answer and a "
            "foil on which the two prompts disagree, or prompts that differ."
        )
    return (score - corrupted) / (clean - corrupted)


def is_finite(values: Float[Tensor, "*cells"]) -> bool:
    """Whether every score can be shown."""
    return bool(torch.isfinite(values).all())
