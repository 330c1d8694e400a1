"""Running one layer again: what entered every layer is kept from one forward pass, and any layer is then one call away.

A pattern of 2,048 tokens takes 17 MB a head, so patterns are not kept; what enters a layer takes 5 MB. Layers are called
with the very arguments of the recorded pass (masks, rotary embeddings), so that this works for every architecture that
the Bridge loads, and gives the same bits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from interp_core.attached import attached, keepers
from interp_core.hooks import Edit, HookedModel, as_hooks


@dataclass(frozen=True)
class LayerInputs:
    """What every layer was called with in one forward pass; on the model's device."""

    calls: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=dict)
    """Positional and named arguments by layer; the first is the residual stream, `"batch pos d_model"`."""

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors, each counted once: layers share their masks."""
        tensors = {tensor.data_ptr(): tensor.nbytes for call in self.calls.values() for tensor in _tensors(call)}
        return sum(tensors.values())


@contextmanager
def record_layer_inputs(model: HookedModel) -> Iterator[LayerInputs]:
    """Record the layers' arguments of the one forward pass that runs inside."""
    inputs, handles = LayerInputs(), []
    for layer, block in enumerate(model.blocks):

        def record(_: object, args: tuple[Any, ...], options: dict[str, Any], layer: int = layer) -> None:
            inputs.calls[layer] = (
                tuple(map(_without_cache, args)),
                {name: False if name == "use_cache" else _without_cache(value) for name, value in options.items()},
            )

        handles.append(block.register_forward_pre_hook(record, with_kwargs=True))
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def replay_layer(
    model: HookedModel,
    inputs: LayerInputs,
    layer: int,
    edits: Sequence[Edit] = (),
    *,
    keep: Sequence[str] = (),
    keep_if_reached: Sequence[str] = (),
) -> dict[str, Tensor]:
    """Run one layer as the recorded pass did, and return the activations of the names in `keep`.

    Costs one layer of a forward pass. Names in `keep_if_reached` may be hook points that this architecture never
    reaches; they are absent then. The edits are those of the recorded pass.
    """
    kept: dict[str, Tensor] = {}
    args, options = inputs.calls[layer]
    with attached(model, [*as_hooks(edits), *keepers([*keep, *keep_if_reached], kept)]):
        model.blocks[layer](*args, **options)
    assert set(keep) <= set(kept), f"hook points that never fired: {set(keep) - set(kept)}"
    return kept


def _without_cache(value: Any) -> Any:
    """A cache of keys and values would hold a second copy of them, and is not what the layer computes from."""
    return None if isinstance(value, Cache) else value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
