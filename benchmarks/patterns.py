"""What all tools are given: one layer's attention on a real text, the same arrays for everyone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import hookscope
from benchmarks.report import ROOT
from interp_core.attention import attention_patterns
from interp_core.types import Run
from interp_views.attention import AttentionView, attention_payload

LAYER = 18
HEAD = 6
"""The head that our picture opens on; every head is in the file."""


@dataclass(frozen=True)
class Layer:
    """Attention of every head of one layer on one text."""

    patterns: Float[np.ndarray, "head query_pos key_pos"]
    """Probabilities in float32, rows sum to 1, 0 above the diagonal."""
    str_tokens: tuple[str, ...]
    special: tuple[bool, ...]

    def payload(self) -> bytes:
        """What our picture is sent."""
        return attention_payload(
            AttentionView(
                tokens=self.str_tokens,
                layer=LAYER,
                patterns=self.patterns,
                head=HEAD,
                head_locked=True,
                pos=None,
                direction="from",
                special=self.special,
            )
        )


def real_layers(lengths: tuple[int, ...]) -> dict[int, Layer]:
    """The default model's layer on the beginning of the repository's licence, BOS included, for each length.

    Costs one forward pass up to that layer for each length.
    """
    model = hookscope.load()
    ids = model.tokenizer.tokenise(hookscope.Prompt((ROOT / "LICENSE").read_text(encoding="utf-8"))).ids
    assert len(ids) >= max(lengths)
    layers = {}
    for n_pos in lengths:
        tokens = model.tokenizer.describe(ids[:n_pos])
        patterns = attention_patterns(model, Run(model.spec, tokens.ids), range(LAYER, LAYER + 1)).layer(LAYER)
        layers[n_pos] = Layer(patterns, tokens.str_tokens, tokens.special)
    return layers
