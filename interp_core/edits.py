"""A run's interventions as edits: what they need of other runs is computed once, and they come in the order of the pass."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from interp_core.cell_edits import Edit, transplant
from interp_core.derived_points import DerivedEdit, Route, routes
from interp_core.errors import InterventionError, PromptPairError
from interp_core.hook_points import HookPoint, point_named
from interp_core.hooks import Edit as AnyEdit
from interp_core.intervention_fit import fit_to_model
from interp_core.interventions import Intervention
from interp_core.models import LoadedModel
from interp_core.sae.feature_edits import FeatureEdit
from interp_core.sae.features import fit_feature, held_sae
from interp_core.sources import SourceRuns, check_derived, stored_vector
from interp_core.types import Run
from interp_core.user_hooks.edit import FunctionEdit
from interp_core.user_hooks.folder import HookFunction
from interp_core.user_hooks.library import function_named
from interp_core.user_hooks.places import places_of

_Edit = Edit | FeatureEdit | FunctionEdit
_KEPT = 4
"""Runs whose edits are kept with the model."""


def edits_of(loaded: LoadedModel, run: Run) -> tuple[AnyEdit, ...]:
    """The edits of a run's interventions, kept with the model for the next question about the same run.

    Costs one forward pass for each prompt that a mean, resample, freeze, patch or steering vector is made from.

    Raises:
        InterventionError: An intervention does not fit the model or the prompt.
        PromptPairError: A source prompt has another number of tokens.
        SaeError: An SAE whose features are acted on cannot be loaded.
        MemoryLimitError: What they take from other runs, an SAE, or every head's own copy of the stream, would not fit.
    """
    if not run.interventions:
        return ()
    known = loaded.edits.get(run)
    if known is None:
        known = loaded.edits[run] = _resolve(loaded, run)
        while len(loaded.edits) > _KEPT:
            loaded.edits.pop(next(iter(loaded.edits)))
    return known  # type: ignore[return-value]


def edits_of_generation(loaded: LoadedModel, run: Run) -> tuple[AnyEdit, ...]:
    """The edits of a run that is continued token by token, by nobody else: hook functions see all tokens so far.

    Raises:
        InterpError: As `edits_of`.
    """
    if any(one.function for one in run.interventions):
        return _resolve(loaded, run, grows=True)
    return edits_of(loaded, run)


def _resolve(loaded: LoadedModel, run: Run, *, grows: bool = False) -> tuple[AnyEdit, ...]:
    sources = SourceRuns(loaded, run)
    wanted: list[tuple[Intervention, HookPoint, int | None]] = []
    functions: dict[Intervention, HookFunction] = {}  # each looks at its folder once, not once a layer
    for spec in run.interventions:
        fitted = _fit(loaded, spec)
        if fitted.function:
            function = functions[fitted] = function_named(fitted.function, fitted.version)
            places = places_of(function, loaded.hook_points, fitted)
            for place in places:
                check_derived(loaded, place.point, len(run.tokens))
            wanted += [(fitted, place.point, place.layer) for place in places]
            continue
        point = point_named(loaded.hook_points, fitted.point)
        check_derived(loaded, point, len(run.tokens))
        layers = (None,) if not point.layers else point.layers if fitted.layers is None else fitted.layers
        for layer in layers:
            if not fitted.sae:
                sources.want(fitted, point, layer)
            wanted.append((fitted, point, layer))
    made: list[_Edit] = []
    for spec, point, layer in wanted:
        if spec.function:
            made.append(FunctionEdit(spec, point, layer, functions[spec], grows))
        elif spec.sae:
            _join(made, FeatureEdit((spec,), held_sae(loaded, spec.sae)))
        else:
            made.append(resolved(sources, spec, point, layer))
    return _in_order(loaded, made)


def _fit(loaded: LoadedModel, spec: Intervention) -> Intervention:
    if spec.function:
        function = function_named(spec.function, spec.version)  # a run that has begun stays with its version
        places_of(function, loaded.hook_points, spec)
        return replace(spec, version=function.version)
    return fit_feature(loaded, spec) if spec.sae else fit_to_model(spec, loaded.hook_points, loaded.card.n_layers)


def _join(edits: list[_Edit], new: FeatureEdit) -> None:
    """Add it; to what is done to the same SAE before, unless something else acts on its hook point in between."""
    there = [index for index, one in enumerate(edits) if (one.point, one.layer) == (new.point, new.layer)]
    last = edits[there[-1]] if there else None
    if isinstance(last, FeatureEdit) and last.sae.spec == new.sae.spec:
        edits[there[-1]] = last.joined(new)
    else:
        edits.append(new)


def _in_order(loaded: LoadedModel, edits: Sequence[_Edit]) -> tuple[AnyEdit, ...]:
    """Edits in the order of the pass where hooks do not see to it, and else as they were given.

    What a head reads comes before its query, and the stream between attention and MLP, which is edited through
    attention's write, after that write.
    """
    points = {point.name: point for point in loaded.hook_points}
    derived: dict[str, tuple[Route, list[_Edit]]] = {}
    plain: list[_Edit] = []
    for edit in sorted(edits, key=lambda one: one.point.name != "attn_in"):  # `q_input` reads what `attn_in` made
        if not edit.point.derived:
            plain.append(edit)
            continue
        assert edit.layer is not None
        for route in routes(loaded.model.blocks[edit.layer], edit.layer, edit.point.name, points):
            derived.setdefault(route.writes, (route, []))[1].append(edit)
    plain.sort(key=lambda one: one.point.name == "resid_mid")
    return (*(DerivedEdit(route, tuple(edit.apply for edit in chain)) for route, chain in derived.values()), *plain)


def resolved(sources: SourceRuns, spec: Intervention, point: HookPoint, layer: int | None) -> Edit:
    """One intervention in one layer, with what it takes from the sources, which must have been `want`ed."""
    if spec.action in ("zero", "scale", "set"):
        return Edit(spec, point, layer, lambda first, count: None)
    if spec.action == "mean":
        start, rest = sources.reference_mean(spec, point, layer)
        return Edit(spec, point, layer, lambda first, count: _started(start, rest, first, count))
    if spec.action == "resample":
        start, pool = sources.reference_pool(spec, point, layer)
        drawn = torch.randint(len(pool), (sources.n_ctx,), generator=torch.Generator().manual_seed(spec.seed))
        drawn = drawn.to(pool.device)
        return Edit(
            spec, point, layer, lambda first, count: _started(start, pool[drawn[first : first + count]], first, count)
        )
    if spec.action == "add":
        vector = sources.vector(spec, point, layer)
        return Edit(spec, point, layer, lambda first, count: vector)
    return transplant(sources.one(spec, point, layer), spec, point, layer)


def _started(start: Tensor | None, rest: Tensor, first: int, count: int) -> Tensor:
    """Values of `count` positions from `first` on, of which position 0 has its own where the reference has a BOS."""
    values = rest.expand(count, *rest.shape[1:])
    if first == 0 and start is not None:
        values = torch.cat([start[None], values[1:]])
    return values[None]


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
        made.append(_fit(loaded, spec))
        if spec.vector:
            stored_vector(spec, point_named(loaded.hook_points, spec.point))
        _check_positions(loaded, spec, len(tokens))
    return tuple(made)


def _check_positions(loaded: LoadedModel, spec: Intervention, n_pos: int) -> None:
    plain = not spec.sae and not spec.function
    is_pattern = plain and point_named(loaded.hook_points, spec.point).axes == "head query_pos key_pos"
    keys = spec.units if is_pattern else None  # a pattern's last axis is key positions
    over = [pos for pos in (*(spec.positions or ()), *(keys or ())) if pos >= n_pos]
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
