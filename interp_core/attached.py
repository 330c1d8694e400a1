"""Hook functions in place for the length of a block, and gone after it, also after an error."""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

Hook = tuple[str, Callable[..., Tensor | None]]
"""A hook point's name, and what is called with its activation; what that returns, if anything, takes its place."""

_LEVEL = 1000
"""Marks our hooks, so that none of another origin is removed."""
_points: "weakref.WeakKeyDictionary[Any, Mapping[str, Any]]" = weakref.WeakKeyDictionary()


@contextmanager
def attached(model: Any, hooks: Sequence[Hook]) -> Iterator[None]:
    """Attach hooks, in their order.

    Not by the Bridge's own `hooks`, which lists all names of the model anew for every hook: 4 ms each on the default
    model, where a layer takes 3.
    """
    points = _points.get(model)
    if points is None or not all(name in points for name, _ in hooks):
        points = _points[model] = model.hook_dict
    placed = []
    try:
        for name, function in hooks:
            points[name].add_hook(function, level=_LEVEL)
            placed.append(points[name])
        yield
    finally:
        for point in placed:
            point.remove_hooks("fwd", level=_LEVEL)


def keepers(names: Sequence[str], kept: dict[str, Tensor]) -> list[Hook]:
    """Hooks that put the activations of these names into `kept`."""

    def keeper(name: str) -> Hook:
        def keep_activation(activation: Tensor, hook: object) -> None:
            kept[name] = activation.detach()

        return name, keep_activation

    return [keeper(name) for name in names]
