"""Generation, token by token: greedy or sampled with a seed, the same tokens whoever else uses the model.

Temperature, top-k and top-p (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751) in that order, as Hugging
Face applies them.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.edits import edits_of_generation
from interp_core.errors import ContextLengthError, InterpError
from interp_core.hooks import forward_next
from interp_core.models import LoadedModel
from interp_core.types import Progress, Run


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen."""

    n_tokens: int = 32
    """At most this many; fewer when the model ends its text."""
    temperature: float = 0.0
    """0 is greedy; 1 samples from the model's own distribution."""
    top_k: int = 0
    """Sample among the k likeliest; 0 does not limit."""
    top_p: float = 1.0
    """Sample among the likeliest that together have this probability; 1 does not limit."""
    seed: int = 0

    def validated(self) -> "Sampling":
        """Return self.

        Raises:
            InterpError: A value is out of its range.
        """
        if not (1 <= self.n_tokens <= 2048 and 0 <= self.temperature <= 10 and self.top_k >= 0 and 0 < self.top_p <= 1):
            raise InterpError(
                "Generation takes 1 to 2,048 tokens, a temperature of 0 to 10, a top-k of 0 or more and a top-p above "
                f"0 and up to 1, not {self.n_tokens}, {self.temperature}, {self.top_k} and {self.top_p}."
            )
        return self


@dataclass(frozen=True)
class Continuation:
    """What was generated, so far or in all."""

    ids: tuple[int, ...] = ()
    str_tokens: tuple[str, ...] = ()
    probability: Float[np.ndarray, " pos"] = field(default_factory=lambda: np.empty(0, np.float32))
    """Of each token, by the model's own distribution (temperature 1, nothing cut off), 0 to 1."""
    text: str = ""
    ended: bool = False
    """Whether the model ended its text."""


def generate(loaded: LoadedModel, run: Run, sampling: Sampling) -> Generator[Progress, None, Continuation]:
    """Continue a run, yielding the `Continuation` so far after every token. Costs one forward pass a token.

    Raises:
        InterpError: A sampling value is out of its range.
        ContextLengthError: Prompt and new tokens do not fit into the context.
    """
    sampling.validated()
    if len(run.tokens) + sampling.n_tokens > loaded.card.n_ctx:
        raise ContextLengthError(len(run.tokens) + sampling.n_tokens, loaded.card.n_ctx)
    source = torch.Generator().manual_seed(sampling.seed)
    ids: list[int] = []
    probability: list[float] = []
    tokens, past, ended = loaded.tokens(run.tokens), None, False
    edits = edits_of_generation(loaded, run)
    while len(ids) < sampling.n_tokens and not ended:
        logits, past = forward_next(loaded.model, tokens, past, edits)
        last = logits[0, -1].float().cpu()
        chosen = choose(last, sampling, source)
        ids.append(chosen)
        probability.append(float(last.softmax(-1)[chosen]))
        ended = chosen == loaded.tokenizer.eos_id
        tokens = loaded.tokens((chosen,))
        yield Progress(
            len(ids) / sampling.n_tokens, f"{len(ids)} tokens", _continuation(loaded, ids, probability, ended)
        )
    return _continuation(loaded, ids, probability, ended)


def choose(logits: Float[Tensor, " d_vocab"], sampling: Sampling, source: torch.Generator) -> int:
    """The next token's id."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    ordered, ids = (logits / sampling.temperature).sort(descending=True, stable=True)
    if sampling.top_k:
        ordered, ids = ordered[: sampling.top_k], ids[: sampling.top_k]
    probability = ordered.softmax(-1)
    before = probability.cumsum(-1) - probability
    probability = torch.where(before < sampling.top_p, probability, torch.zeros(()))  # the likeliest always stays
    return int(ids[torch.multinomial(probability, 1, generator=source)])


def _continuation(loaded: LoadedModel, ids: list[int], probability: list[float], ended: bool) -> Continuation:
    text = loaded.tokenizer.decode(ids)
    strings = tuple(loaded.tokenizer.str_tokens(ids))
    return Continuation(tuple(ids), strings, np.asarray(probability, np.float32), text, ended)
