"""The standard test of heads: BOS, random tokens, the same random tokens again.

What a head does there depends on no prompt: random tokens carry no meaning, so a head that finds the token after an
earlier occurrence does it by matching alone (Elhage et al. 2021; Olsson et al. 2022, arXiv:2209.11895).
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.attention import attention_layers
from interp_core.errors import InterpError
from interp_core.head_scores import HEAD_SCORE_NAMES, HeadScores, TokenMatches, score_pattern
from interp_core.hooks import pattern_hook, watch
from interp_core.models import LoadedModel
from interp_core.types import Progress


@dataclass(frozen=True)
class RepeatedTokens:
    """How long it is, and which tokens are drawn."""

    n_tokens: int = 60
    n_sequences: int = 16
    seed: int = 0

    def sequences(self, d_vocab: int, bos: int | None) -> list[tuple[int, ...]]:
        """The token ids. Within a sequence no random token occurs twice in one copy, and none is BOS.

        Raises:
            InterpError: The vocabulary is too small.
        """
        if d_vocab <= self.n_tokens:
            raise InterpError(
                f"The repeated-tokens test needs more than {self.n_tokens} tokens and this vocabulary has {d_vocab}."
            )
        source = torch.Generator().manual_seed(self.seed)
        made = []
        for _ in range(self.n_sequences):
            drawn = torch.randperm(d_vocab, generator=source)[: self.n_tokens + 1].tolist()
            half = tuple(token for token in drawn if token != bos)[: self.n_tokens]
            made.append((() if bos is None else (bos,)) + half + half)
        return made


_ROWS = 4
"""Sequences in one forward pass; fixed, so that the same test gives the same bits."""


def score_repeated_tokens(
    loaded: LoadedModel, test: RepeatedTokens = RepeatedTokens()
) -> Generator[Progress, None, HeadScores]:
    """Every score of every head on repeated random tokens, over the queries of the second copy.

    Costs a forward pass over `n_sequences * (2 * n_tokens + 1)` tokens. Does not depend on any prompt.

    Raises:
        InterpError: The vocabulary is too small, or no layer has softmax attention.
        MemoryLimitError: The pass would not fit.
    """
    layers = attention_layers(loaded)
    bos = loaded.tokenizer.bos_id
    sequences = test.sequences(loaded.card.d_vocab, bos)
    loaded.check_run(len(sequences[0]))
    first = len(sequences[0]) - test.n_tokens
    total = np.zeros((len(HEAD_SCORE_NAMES), loaded.card.n_layers, loaded.card.n_heads), np.float64)
    total[:, [layer for layer in range(loaded.card.n_layers) if layer not in layers]] = np.nan
    for start in range(0, len(sequences), _ROWS):
        _add_scores(loaded, sequences[start : start + _ROWS], first, layers, total)
        done = min(start + _ROWS, len(sequences))
        yield Progress(done / len(sequences), f"{done} of {len(sequences)} sequences")
    return HeadScores((total / len(sequences)).astype(np.float32), (test.n_tokens,) * len(HEAD_SCORE_NAMES))


def _add_scores(
    loaded: LoadedModel,
    sequences: list[tuple[int, ...]],
    first_query: int,
    layers: tuple[int, ...],
    total: Float[np.ndarray, "score layer head"],
) -> None:
    matches = [TokenMatches.of(tokens, first_query) for tokens in sequences]

    def add(layer: int, patterns: Float[Tensor, "batch head query_pos key_pos"]) -> None:
        for pattern, match in zip(patterns, matches, strict=True):
            total[:, layer] += score_pattern(pattern.float(), match)

    batch = torch.tensor(sequences, device=loaded.device)
    look = {pattern_hook(layer): lambda patterns, layer=layer: add(layer, patterns) for layer in layers}
    watch(loaded.model, batch, (), look)
