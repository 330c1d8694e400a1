"""Attention patterns of one layer.

A forward pass gives every layer's pattern, but holding all of them is too much for long prompts (283 MB at 512
tokens of the default model). So layers come in groups of a size that depends on the prompt's length alone: up to
about 130 tokens one pass gives all 30 layers of the default model, and moving between layers costs nothing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from interp_core.errors import InterpError
from interp_core.hooks import forward, pattern_hook
from interp_core.models import LoadedModel
from interp_core.types import Run

GROUP_BYTES = 24 * 1024**2
"""Patterns kept of one forward pass."""


@dataclass(frozen=True)
class AttentionPatterns:
    """Patterns of some neighbouring layers."""

    first_layer: int
    patterns: Float[np.ndarray, "layer head query_pos key_pos"]
    """Attention after the softmax, 0 to 1; rows sum to 1; 0 above the diagonal of a causal model."""

    def layer(self, layer: int) -> Float[np.ndarray, "head query_pos key_pos"]:
        """The pattern of one layer of the group."""
        return self.patterns[layer - self.first_layer]


def layer_group(layer: int, n_layers: int, n_heads: int, n_pos: int) -> range:
    """The layers that one forward pass gives together with `layer`; depends on shapes alone."""
    size = max(1, GROUP_BYTES // (n_heads * n_pos * n_pos * 4))
    first = layer // size * size
    return range(first, min(first + size, n_layers))


def attention_patterns(loaded: LoadedModel, run: Run, layers: range) -> AttentionPatterns:
    """Patterns of neighbouring layers. Costs one forward pass up to the last of them.

    Raises:
        InterpError: The model has no attention in one of these layers.
        MemoryLimitError: The pass would not fit.
    """
    names = [pattern_hook(layer) for layer in layers]
    absent = [name for name in names if name not in loaded.hook_names]
    if absent:
        raise InterpError(
            f"{loaded.card.name} ({loaded.card.architecture}) has no attention pattern at {absent[0]}. Pick another "
            "layer, or a model with softmax attention in every layer."
        )
    loaded.check_run(len(run.tokens))
    stop = layers[-1] + 1
    kept = forward(
        loaded.model,
        loaded.tokens(run.tokens),
        run.interventions,
        keep=names,
        stop_at_layer=stop if stop < loaded.card.n_layers else None,
    ).kept
    patterns = np.stack([kept[name][0].float().cpu().numpy() for name in names])
    return AttentionPatterns(layers[0], patterns)
