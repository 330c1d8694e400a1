"""The hook points of a model that a hook function's names mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from interp_core.errors import HookFunctionError
from interp_core.hook_points import HookPoint, canonical_name, full_name, point_named
from interp_core.interventions import Intervention
from interp_core.user_hooks.declaring import Declared
from interp_core.user_hooks.folder import HookFunction


@dataclass(frozen=True)
class Place:
    """One hook point in one layer."""

    point: HookPoint
    layer: int | None


def places_of(
    function: HookFunction, points: Iterable[HookPoint], spec: Intervention | None = None
) -> tuple[Place, ...]:
    """Where a function acts in a model, in the order in which it names points; in the layers that the spec names, if it does.

    Raises:
        HookFunctionError: A name fits no hook point, a head or unit is not there, or no head is left to change.
        InterventionError: A name without wildcards is no hook point of the model.
    """
    known = tuple(points)
    found: dict[Place, None] = {}
    for name in function.declared.points:
        here = _matched(name, known)
        if not here:
            raise HookFunctionError(
                f"{function.name}: no hook point of this model fits {name[:80]!r}. Write a short name such as 'z', or such as "
                "'blocks.*.attn.hook_z'."
            )
        found |= dict.fromkeys(here)
    points = [place.point for place in found]
    for heads in (function.declared.heads, spec.heads if spec else None):
        _check_heads(function, heads, points)
    if spec is None:
        return tuple(found)
    _check_limits(function, spec, points)
    if spec.layers is None:
        return tuple(found)
    lacking = sorted(set(spec.layers) - {place.layer for place in found})
    if lacking:
        raise HookFunctionError(
            f"{spec.label}: the function does not act in layer {lacking[0]}. Remove it, or pick another."
        )
    return tuple(place for place in found if place.layer in spec.layers)


def _matched(name: str, points: tuple[HookPoint, ...]) -> list[Place]:
    if not is_pattern(name):
        short, layer = canonical_name(name)
        point = point_named(points, short)
        layers = point.layers or (None,)
        return [Place(point, one) for one in layers if layer is None or one == layer]
    return [
        Place(point, layer)
        for point in points
        for layer in (point.layers or (None,))
        if fnmatchcase(point.hook(layer), name) or fnmatchcase(point.name, name)
    ]


def _check_heads(function: HookFunction, heads: tuple[int, ...] | None, points: list[HookPoint]) -> None:
    for point in points if heads else ():
        if not point.n_heads:
            raise HookFunctionError(
                f"{function.name} names heads, but {point.name} has none. Name heads of z, q, k or v."
            )
        over = [head for head in heads or () if head >= point.n_heads]
        if over:
            raise HookFunctionError(
                f"{function.name}: {point.name} has no head {over[0]}. The last one is {point.n_heads - 1}."
            )


def _check_limits(function: HookFunction, spec: Intervention, points: list[HookPoint]) -> None:
    for point in points:
        over = [unit for unit in spec.units or () if point.width and unit >= point.width]
        if over:
            raise HookFunctionError(
                f"{spec.label}: {point.name} has no unit {over[0]}. The last one is {point.width - 1}."
            )
        if limited_heads(function, spec, point) == ():
            raise HookFunctionError(
                f"{spec.label}: the function changes other heads alone ({', '.join(map(str, function.declared.heads or ()))}). Name "
                "one of these, or none."
            )


def limited_heads(function: HookFunction, spec: Intervention, point: HookPoint) -> tuple[int, ...] | None:
    """The heads that a function changes at a point under what the spec leaves of them; None for all."""
    declared, named = function.declared.heads, spec.heads
    if named is None:
        return declared
    left = [head for head in range(point.n_heads) if (head in named) != spec.others]
    return tuple(head for head in left if declared is None or head in declared)


def full_names(declared: Declared) -> tuple[str, ...]:
    """What a function names, as full names with `*` for every layer, for who has no model at hand."""
    made = []
    for name in declared.points:
        short, layer = canonical_name(name)
        made.append(name if is_pattern(name) else full_name(short, "*" if layer is None else layer))
    return tuple(made)


def is_pattern(name: str) -> bool:
    """Whether a name has wildcards."""
    return any(sign in name for sign in "*?[")
