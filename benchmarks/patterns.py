"""What all tools are given: attention of the default model on a real text, the same arrays for everyone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

import hookscope
from benchmarks.report import ROOT
from interp_core.attention import LivePatterns
from interp_core.models import LoadedModel
from interp_core.types import Run
from interp_views.component import Component
from interp_views.head_grid import HeadGridView, head_grid_payload
from interp_views.pooled import pool_patterns

LAYERS, HEADS = 12, 12
"""The shape of GPT-2 small. The default model has 9 heads a layer: its first 16 layers have just as many, regrouped."""
LONG = 2048
LONE_HEAD = (18, 6)
"""Layer and head of the one pattern at `LONG` tokens."""


@dataclass(frozen=True)
class Heads:
    """Attention of many heads on one text."""

    patterns: Float[np.ndarray, "layer head query_pos key_pos"]
    """Probabilities in float32, rows sum to 1, 0 above the diagonal."""
    str_tokens: tuple[str, ...]
    special: tuple[bool, ...]

    @property
    def n_pos(self) -> int:
        """Tokens of the text."""
        return len(self.str_tokens)

    def page(self) -> str:
        """Our standalone file: every head in full resolution up to 512 tokens, in steps of 1/255."""
        n_layers, n_heads, n_pos, _ = self.patterns.shape
        pooled = pool_patterns(self.patterns.reshape(-1, n_pos, n_pos))
        levels = pooled.levels.reshape(n_layers, n_heads, -1)
        view = HeadGridView(
            self.str_tokens, self.special, levels, n_pos, pooled.pool, pooled.causal, pooled.top,
            "attention probability", "heads", opens=True,
        )  # fmt: skip
        return Component.load("head_grid").standalone(head_grid_payload(view), "Hookscope: every head")


def real_heads(lengths: tuple[int, ...]) -> dict[int, Heads]:
    """144 heads for each length, and under `LONG` the lone head. Costs one forward pass each."""
    model = hookscope.load()
    ids = model.tokenizer.tokenise(hookscope.Prompt(licence())).ids
    assert len(ids) >= LONG
    card = model.card
    first = [(layer, head) for layer in range(card.n_layers) for head in range(card.n_heads)][: LAYERS * HEADS]
    assert len(first) == LAYERS * HEADS
    found = {n_pos: _heads(model, ids[:n_pos], first, (LAYERS, HEADS)) for n_pos in lengths}
    return found | {LONG: _heads(model, ids[:LONG], [LONE_HEAD], (1, 1))}


def licence() -> str:
    """The real text."""
    return (ROOT / "LICENSE").read_text(encoding="utf-8")


def _heads(model: LoadedModel, ids: tuple[int, ...], places: list[tuple[int, int]], shape: tuple[int, int]) -> Heads:
    tokens = model.tokenizer.describe(ids)
    patterns = np.empty((len(places), len(ids), len(ids)), np.float32)

    def see(layer: int, pattern: Tensor) -> None:
        for place, (of_layer, head) in enumerate(places):
            if of_layer == layer:
                patterns[place] = pattern[head].cpu().numpy()

    LivePatterns(model, Run(model.spec, tokens.ids)).walk(see)
    return Heads(patterns.reshape(*shape, len(ids), len(ids)), tokens.str_tokens, tokens.special)
