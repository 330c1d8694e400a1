"""How a function says that it is a hook function, and where it acts. No torch here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from interp_core.errors import HookFunctionError

_MARK = "hookscope_declared"
_MOST_POINTS = 64
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declared:
    """Where a hook function acts."""

    points: tuple[str, ...]
    """Names of hook points: short (`z`, in every layer), full (`blocks.3.attn.hook_z`), with `*` and `?` as wildcards."""
    heads: tuple[int, ...] | None = None
    """Heads whose values it may change; None: all."""


def hook(*points: str, heads: Sequence[int] | None = None) -> Callable[[Function], Function]:
    """Declare a function `(activation, hook)` as a hook function at these points.

    It is called as TransformerLens calls hooks, with the activation (`"1 pos ..."`, all positions from the first on, a copy
    that may be changed in place) and an object with `name` and `layer()`; it returns the new activation, of the same shape,
    or None to leave what it was given (changed in place or not). A sweep calls it once for every row.

    Args:
        points: Short names such as `z` or `resid_pre`, full ones such as `blocks.3.attn.hook_z`, or patterns such as
            `blocks.*.attn.hook_z`.
        heads: Other heads keep their values, whatever the function returns.

    Raises:
        HookFunctionError: No point is named, or something is not a name.
    """
    if (
        not points
        or len(points) > _MOST_POINTS
        or not all(isinstance(point, str) and point.strip() for point in points)
    ):
        raise HookFunctionError(
            f"A hook function needs 1 to {_MOST_POINTS} names of hook points, not {points!r}. Write such as @hook('z') or "
            "@hook('blocks.*.attn.hook_z')."
        )
    chosen = None if heads is None else tuple(heads)
    if chosen is not None and not (chosen and all(isinstance(head, int) and head >= 0 for head in chosen)):
        raise HookFunctionError(f"heads must be numbers of heads such as [3, 5], not {heads!r}.")
    declared = Declared(tuple(point.strip() for point in points), chosen)

    def mark(function: Function) -> Function:
        setattr(function, _MARK, declared)
        return function

    return mark


def declared_of(function: object) -> Declared | None:
    """Where a function acts; None if it is no hook function."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Declared) and callable(function) else None
