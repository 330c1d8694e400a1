"""Every pattern of a run at once, for small prompts: what the tests compare with."""

import numpy as np
import torch

from interp_core.attention import LivePatterns, Patterns, PatternShape
from interp_core.models import LoadedModel
from interp_core.types import Run


def walked(patterns: Patterns) -> np.ndarray:
    shape = patterns.shape
    found = np.full((shape.n_layers, shape.n_heads, shape.n_pos, shape.n_pos), np.nan, np.float32)

    def see(layer, pattern):
        found[layer] = pattern.cpu().numpy()

    patterns.walk(see)
    return found


def all_patterns(loaded: LoadedModel, run: Run) -> np.ndarray:
    return walked(LivePatterns(loaded, run))


class KnownPatterns:
    """Patterns that a test makes up."""

    def __init__(self, patterns: np.ndarray, tokens: tuple[int, ...]) -> None:
        self.patterns, self.tokens = patterns.astype(np.float32), tokens
        self.shape = PatternShape(patterns.shape[0], patterns.shape[1], patterns.shape[2])

    def walk(self, see) -> None:
        for layer, pattern in enumerate(self.patterns):
            see(layer, torch.from_numpy(pattern))


def random_patterns(n_layers: int, n_heads: int, n_pos: int, seed: int = 0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=(n_layers, n_heads, n_pos, n_pos)) * 2
    weights = np.tril(np.exp(scores))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)
