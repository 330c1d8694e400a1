"""What a patching sweep keeps: activations of both runs, and for its preview what a backward pass needs."""

from collections.abc import Collection

from interp_core.devices import free_bytes
from interp_core.hook_points import HookPoint
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.types import DTYPE_BYTES

_NORMS_AND_PROJECTIONS = 14
"""Activations as wide as the stream that a layer's backward pass needs."""
_MLP = 5
"""Activations as wide as the MLP that it needs: before, after and inside the activation function, and the gate's."""


def kept_bytes(loaded: LoadedModel, points: Collection[HookPoint], n_layers: int, n_pos: int) -> int:
    """Bytes of one run's activations at these points in so many layers, and of what a recorded run keeps of all layers."""
    card = loaded.card
    cells = sum(n_layers * max(1, point.n_heads) * (point.width or n_pos) for point in points)
    cells += card.n_layers * (card.d_model + 2 * card.n_key_value_heads * card.d_head)
    return n_pos * cells * DTYPE_BYTES[loaded.spec.dtype]


def check_runs(loaded: LoadedModel, points: Collection[HookPoint], n_layers: int, n_pos: int) -> None:
    """Refuse a sweep of which two runs' activations would not fit.

    Raises:
        MemoryLimitError: They would not.
    """
    needed = 2 * kept_bytes(loaded, points, n_layers, n_pos)
    names = " and ".join(sorted(point.name for point in points))
    check_fits(f"Keeping {names} of both prompts over {n_pos:,} tokens", needed, free_bytes(loaded.card.device))


def gradients_fit(loaded: LoadedModel, points: Collection[HookPoint], n_layers: int, n_pos: int) -> bool:
    """Whether there is room for a backward pass through all layers, and for its gradients at these points."""
    card, width = loaded.card, DTYPE_BYTES[loaded.spec.dtype]
    scores = card.n_heads * n_pos * n_pos * (3 * width + 4)
    wide = n_pos * (_NORMS_AND_PROJECTIONS * card.d_model + _MLP * card.d_mlp) * width
    logits = 4 * n_pos * card.d_vocab * 4
    gradients = 3 * kept_bytes(loaded, points, n_layers, n_pos)  # themselves, the difference of the runs, the product
    return card.n_layers * (scores + wide) + logits + gradients <= free_bytes(card.device)
