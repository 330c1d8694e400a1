"""Interventions as hooks: what a spec needs of other runs is computed once, and what is left edits activations.

An edit replaces chosen cells of one activation and leaves the others bit for bit. It knows the position at which the
activation begins, so that the same edit serves a whole pass, a generated token and a pass over a suffix.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.errors import InterventionError, PromptPairError
from interp_core.hook_points import HookPoint, point_named
from interp_core.hooks import Hook, resid_mid_hooks
from interp_core.interventions import Intervention, fit_to_model
from interp_core.models import LoadedModel
from interp_core.sources import SourceRuns, stored_vector
from interp_core.types import Run

_KEPT = 4
"""Runs whose edits are kept with the model."""


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
        return torch.where(self._mask(activation, first, count, pattern), new.to(activation.dtype), activation)

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        """The hooks that apply it in a pass that begins at position `first`; and those that only look."""
        if self.point.name == "resid_mid":
            assert self.layer is not None
            return resid_mid_hooks(self.layer, lambda mid: self.apply(mid, first))
        return [(self.point.hook(self.layer), lambda activation, hook: self.apply(activation, first))], []

    def _new(self, activation: Tensor, first: int, count: int) -> Tensor | None:
        if self.intervention.action == "zero":
            return torch.zeros_like(activation)
        if self.intervention.action == "scale":
            return activation * self.intervention.factor
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

    def _mask(self, activation: Tensor, first: int, count: int, pattern: bool) -> Tensor:
        spec, device = self.intervention, activation.device
        places = torch.arange(first, first + count, device=device)
        chosen = torch.ones_like(places, dtype=torch.bool)
        if spec.positions is not None:
            chosen = torch.isin(places, torch.tensor(spec.positions, device=device))
        if self.n_values is not None:
            chosen = chosen & (places < self.n_values)
        units = _chosen(activation.shape[-1], spec.units, device)
        if self.point.axes == "pos":
            return chosen[:, None] & units
        heads = _chosen(self.point.n_heads, spec.heads, device)
        heads = ~heads if spec.others else heads
        if pattern:
            return heads[:, None, None] & chosen[:, None] & units
        return chosen[:, None, None] & heads[:, None] & units


def _chosen(count: int, numbers: tuple[int, ...] | None, device: torch.device) -> Tensor:
    chosen = torch.full((count,), numbers is None, device=device)
    chosen[[number for number in numbers or () if number < count]] = True
    return chosen


def edits_of(loaded: LoadedModel, run: Run) -> tuple[Edit, ...]:
    """The edits of a run's interventions, kept with the model for the next question about the same run.

    Costs one forward pass for each prompt that a mean, resample, freeze, patch or steering vector is made from.

    Raises:
        InterventionError: An intervention does not fit the model or the prompt.
        PromptPairError: A source prompt has another number of tokens.
    """
    if not run.interventions:
        return ()
    known = loaded.edits.get(run)
    if known is None:
        known = loaded.edits[run] = _resolve(loaded, run)
        while len(loaded.edits) > _KEPT:
            loaded.edits.pop(next(iter(loaded.edits)))
    return known  # type: ignore[return-value]


def _resolve(loaded: LoadedModel, run: Run) -> tuple[Edit, ...]:
    sources = SourceRuns(loaded, run)
    wanted: list[tuple[Intervention, HookPoint, int | None]] = []
    for spec in run.interventions:
        fitted = fit_to_model(spec, loaded.hook_points, loaded.card.n_layers)
        point = point_named(loaded.hook_points, fitted.point)
        layers = (None,) if not point.layers else point.layers if fitted.layers is None else fitted.layers
        for layer in layers:
            sources.want(fitted, point, layer)
            wanted.append((fitted, point, layer))
    return tuple(resolved(sources, spec, point, layer) for spec, point, layer in wanted)


def resolved(sources: SourceRuns, spec: Intervention, point: HookPoint, layer: int | None) -> Edit:
    """One intervention in one layer, with what it takes from the sources, which must have been `want`ed."""
    name = point.hook(layer)
    if spec.action in ("zero", "scale"):
        return Edit(spec, point, layer, lambda first, count: None)
    if spec.action == "mean":
        start, rest = sources.reference_mean(spec, name)
        return Edit(spec, point, layer, lambda first, count: _started(start, rest, first, count))
    if spec.action == "resample":
        start, pool = sources.reference_pool(spec, name)
        drawn = torch.randint(len(pool), (sources.n_ctx,), generator=torch.Generator().manual_seed(spec.seed))
        drawn = drawn.to(pool.device)
        return Edit(
            spec, point, layer, lambda first, count: _started(start, pool[drawn[first : first + count]], first, count)
        )
    if spec.action == "add":
        vector = sources.vector(spec, name, point)
        return Edit(spec, point, layer, lambda first, count: vector)
    return transplant(sources.one(spec, name), spec, point, layer)


def _started(start: Tensor | None, rest: Tensor, first: int, count: int) -> Tensor:
    """Values of `count` positions from `first` on, of which position 0 has its own where the reference has a BOS."""
    values = rest.expand(count, *rest.shape[1:])
    if first == 0 and start is not None:
        values = torch.cat([start[None], values[1:]])
    return values[None]


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


def fitted(
    loaded: LoadedModel, interventions: Sequence[Intervention], tokens: tuple[int, ...]
) -> tuple[Intervention, ...]:
    """Those that are switched on, in canonical form, checked against the model and a prompt.

    Raises:
        InterventionError: One does not fit the model, or names a position that the prompt does not have.
        PromptPairError: A source prompt has another number of tokens than the prompt.
    """
    made = []
    for spec in interventions:
        if not spec.on:
            continue
        made.append(fit_to_model(spec, loaded.hook_points, loaded.card.n_layers))
        if spec.vector:
            stored_vector(spec, point_named(loaded.hook_points, spec.point))
        _check_positions(loaded, spec, len(tokens))
    return tuple(made)


def _check_positions(loaded: LoadedModel, spec: Intervention, n_pos: int) -> None:
    over = [pos for pos in spec.positions or () if pos >= n_pos]
    if over:
        raise InterventionError(
            f"{spec.label}: the prompt has {n_pos} tokens, so there is no position {over[0]}. The last one is {n_pos - 1}."
        )
    if spec.action not in ("patch", "freeze") or not spec.sources:
        return
    n_source = len(SourceRuns.tokens_of(loaded, spec, spec.sources[0]))
    if spec.source_positions is not None:
        beyond = [pos for pos in spec.source_positions if pos >= n_source]
        if beyond:
            raise InterventionError(
                f"{spec.label}: the source prompt has {n_source} tokens, so there is no position {beyond[0]} to patch from."
            )
    elif spec.positions is None and n_source != n_pos:
        raise PromptPairError(
            f"{spec.label}: the source prompt has {n_source} tokens and the prompt has {n_pos}, so their positions do not "
            "correspond. Reword one of them, or name the positions and where each is taken from."
        )
    elif any(pos >= n_source for pos in spec.positions or ()):
        raise InterventionError(
            f"{spec.label}: the source prompt has only {n_source} tokens. Name where each position is taken from."
        )
