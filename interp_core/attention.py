"""Attention patterns: of a live run layer by layer, and of one layer exactly.

A pass through the model shows every layer's pattern once; techniques look at each while it is there and keep only what
they reduce it to, since all patterns of 2,048 tokens would take 4.5 GB on the default model. A saved run shows the
same patterns from a file, so whatever takes `Patterns` works on both.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hooks import pattern_hook, value_hook, watch
from interp_core.models import LoadedModel
from interp_core.replay import LayerInputs, replay_layer
from interp_core.types import Run

See = Callable[[int, Tensor], object]
"""Takes a layer and its pattern, `"head query_pos key_pos"`, which it may not keep."""


@dataclass(frozen=True)
class PatternShape:
    """How many patterns there are."""

    n_layers: int
    n_heads: int
    n_pos: int


@runtime_checkable
class Patterns(Protocol):
    """Patterns of every layer, from wherever they come."""

    @property
    def shape(self) -> PatternShape: ...

    @property
    def tokens(self) -> tuple[int, ...]:
        """Token ids."""
        ...

    def walk(self, see: See) -> None:
        """Show every layer's pattern once, first layer first. Layers without softmax attention are left out."""
        ...


@dataclass(frozen=True)
class LivePatterns:
    """The patterns of a run. Each walk costs one forward pass without the unembedding."""

    loaded: LoadedModel
    run: Run

    @property
    def shape(self) -> PatternShape:
        card = self.loaded.card
        return PatternShape(card.n_layers, card.n_heads, len(self.run.tokens))

    @property
    def tokens(self) -> tuple[int, ...]:
        """Token ids."""
        return self.run.tokens

    def walk(self, see: See, see_values: See | None = None) -> None:
        """Show every layer's pattern once; its values, `"pos key_value_head d_head"`, to `see_values`, before it.

        Raises:
            InterpError: No layer has softmax attention.
            MemoryLimitError: The pass would not fit.
        """
        self.loaded.check_run(len(self.run.tokens))
        layers = attention_layers(self.loaded)
        look = {pattern_hook(layer): functools.partial(_show, see, layer) for layer in layers}
        if see_values:
            names = {value_hook(layer): layer for layer in layers if value_hook(layer) in self.loaded.hook_names}
            look |= {name: functools.partial(_show, see_values, layer) for name, layer in names.items()}
        edits = edits_of(self.loaded, self.run)
        watch(self.loaded.model, self.loaded.tokens(self.run.tokens), edits, look)


def _show(see: See, layer: int, activation: Tensor) -> None:
    see(layer, activation[0].float())


def attention_layers(loaded: LoadedModel) -> tuple[int, ...]:
    """The layers that have a pattern.

    Raises:
        InterpError: None has.
    """
    layers = tuple(layer for layer in range(loaded.card.n_layers) if pattern_hook(layer) in loaded.hook_names)
    if not layers:
        raise InterpError(
            f"{loaded.card.name} ({loaded.card.architecture}) has no softmax attention in any layer, so there are no "
            "patterns to show. Pick a transformer."
        )
    return layers


def layer_patterns(
    loaded: LoadedModel, run: Run, inputs: LayerInputs, layer: int, heads: Sequence[int] | None = None
) -> Float[np.ndarray, "head query_pos key_pos"]:
    """The exact pattern of one layer, 0 to 1; of some of its heads where `heads` names them.

    Costs one layer of a forward pass: `inputs` is what a survey of the same run recorded.

    Raises:
        InterpError: The layer has no softmax attention.
    """
    name = pattern_hook(layer)
    if name not in loaded.hook_names:
        raise InterpError(
            f"Layer {layer} of {loaded.card.name} ({loaded.card.architecture}) has no softmax attention, so there is no "
            "pattern to show. Pick another layer."
        )
    pattern = replay_layer(loaded.model, inputs, layer, edits_of(loaded, run), keep=[name])[name][0]
    chosen = pattern if heads is None else pattern[list(heads)]
    return chosen.float().cpu().numpy()
