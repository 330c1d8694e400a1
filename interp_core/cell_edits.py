"""One intervention in one layer: which cells of an activation it replaces, and by what; the others keep their bits.

An edit knows the position at which the activation begins, so that the same edit serves a whole pass, a generated token
and a pass over a suffix.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_core.attached import Hook
from interp_core.hook_points import HookPoint
from interp_core.hooks import resid_mid_hooks
from interp_core.interventions import Intervention


@dataclass(frozen=True)
class Edit:
    """One intervention in one layer."""

    intervention: Intervention
    point: HookPoint
    layer: int | None
    value: Callable[[int, int], Tensor | None]
    """Given the first position and how many: the new values, broadcastable to the activation's `"batch pos ..."` (of a
    pattern to `"batch head query_pos key_pos"`); None where there are none for those positions."""
    n_values: int | None = None
    """How many positions have a value; None for all that ever come."""

    def apply(self, activation: Tensor, first: int) -> Tensor:
        """The edited activation; `first` is the position of its first token, or query."""
        pattern = self.point.axes == "head query_pos key_pos"
        count = activation.shape[2] if pattern else activation.shape[1]
        new = self._new(activation, first, count)
        if new is None:
            return activation
        return torch.where(
            chosen_cells(self.intervention, self.point, activation, first, self.n_values),
            new.to(activation.dtype),
            activation,
        )

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        """The hooks that apply it in a pass that begins at position `first`; and those that only look."""
        return hooks_at(self.point, self.layer, lambda activation: self.apply(activation, first))

    def _new(self, activation: Tensor, first: int, count: int) -> Tensor | None:
        if self.intervention.action == "zero":
            return torch.zeros_like(activation)
        if self.intervention.action == "scale":
            return activation * self.intervention.factor
        if self.intervention.action == "set":
            return torch.full_like(activation, self.intervention.factor)
        value = self.value(first, count)
        if value is None:
            return None
        if self.intervention.action == "add":
            return activation + self.intervention.factor * value
        return self._fitted(value, activation)

    def _fitted(self, value: Tensor, activation: Tensor) -> Tensor:
        """Patterns have fewer key positions in their source's rows than a later query sees, and the other way round."""
        if self.point.axes != "head query_pos key_pos":
            return value
        wide = activation.clone()
        queries, keys = min(value.shape[-2], wide.shape[-2]), min(value.shape[-1], wide.shape[-1])
        wide[..., :queries, :keys] = value[..., :queries, :keys].to(wide.dtype)
        return wide


def chosen_cells(
    spec: Intervention, point: HookPoint, activation: Tensor, first: int, n_values: int | None = None
) -> Bool[Tensor, "..."]:
    """Which cells of an activation an intervention names, broadcastable to it; of positions, the first `n_values` alone."""
    pattern, device = point.axes == "head query_pos key_pos", activation.device
    places = torch.arange(first, first + activation.shape[2 if pattern else 1], device=device)
    chosen = torch.ones_like(places, dtype=torch.bool)
    if spec.positions is not None:
        chosen = torch.isin(places, torch.tensor(spec.positions, device=device))
    if n_values is not None:
        chosen = chosen & (places < n_values)
    units = _chosen(activation.shape[-1], spec.units, device)
    if point.axes == "pos":
        return chosen[:, None] & units
    heads = _chosen(point.n_heads, spec.heads, device)
    heads = ~heads if spec.others else heads
    if pattern:
        return heads[:, None, None] & chosen[:, None] & units
    return chosen[:, None, None] & heads[:, None] & units


def hooks_at(point: HookPoint, layer: int | None, edit: Callable[[Tensor], Tensor]) -> tuple[list[Hook], list[Hook]]:
    """The hooks that edit a point, which is not a derived one, in one layer; and those that only look."""
    if point.name == "resid_mid":
        assert layer is not None
        return resid_mid_hooks(layer, edit)
    return [(point.hook(layer), lambda activation, hook: edit(activation))], []


def _chosen(count: int, numbers: tuple[int, ...] | None, device: torch.device) -> Tensor:
    chosen = torch.full((count,), numbers is None, device=device)
    chosen[[number for number in numbers or () if number < count]] = True
    return chosen


def transplant(source: Float[Tensor, "1 ..."], spec: Intervention, point: HookPoint, layer: int | None) -> Edit:
    """An edit that puts a run's activation, `"batch pos ..."`, where a patch or freeze says."""
    pattern = point.axes == "head query_pos key_pos"
    axis = 2 if pattern else 1
    n_source = source.shape[axis]
    if spec.positions is not None and spec.source_positions is not None:
        moved = source.index_select(axis, torch.tensor(spec.source_positions, device=source.device))
        shape = list(source.shape)
        shape[axis] = max(spec.positions) + 1
        laid = source.new_zeros(shape)
        laid.index_copy_(axis, torch.tensor(spec.positions, device=source.device), moved)
        source, n_source = laid, shape[axis]

    def value(first: int, count: int) -> Tensor | None:
        if first >= n_source:
            return None
        part = source.narrow(axis, first, min(count, n_source - first))
        lacking = count - part.shape[axis]
        if lacking and not pattern:
            part = torch.cat([part, part.new_zeros(*part.shape[:1], lacking, *part.shape[2:])], dim=1)
        return part

    return Edit(spec, point, layer, value, n_source)
