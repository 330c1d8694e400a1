"""Which models the architecture page draws. No weights are read, and nothing waits for the model's thread.

Imports stand in functions for the same reason as in `cached`: they import torch.
"""

# ruff: noqa: PLC0415

from typing import Any

import streamlit as st

from interp_core.architecture_reading import parse_architecture
from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from pages.ui import cached, schemas
from pages.ui.bench import Bench, plain
from pages.ui.url_state import UrlState

LOADED = "loaded"
FAILED = "architecture.failed"
"""Where the session keeps which names could not be had, and why."""
MOST = schemas.MOST_ARCHITECTURES


def documents(state: UrlState, bench: Bench) -> tuple[list[dict[str, Any]], list[str], bool]:
    """Descriptions of the chosen models, why others cannot be described, and whether the first is the loaded model."""
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    # Interventions belong to the loaded model, so it comes first wherever it was named.
    names = sorted(state["models"], key=lambda name: name != LOADED)
    has_loaded = False
    # A hub that does not answer takes seconds to say so: it is asked again when other models are chosen.
    failed: dict[str, str] = st.session_state.setdefault(FAILED, {})
    for name in names:
        try:
            if name in failed:
                raise InterpError(failed[name])
            with st.spinner(f"Reading the configuration of {plain(name)}"):
                found.append(_document(name, bench))
            has_loaded |= name == LOADED
        except InterpError as error:
            problems.append(str(error))
            if name != LOADED:
                failed[name] = str(error)
    if state["config"].strip():
        try:
            found.append(parse_architecture(state["config"]).document())
        except InterpError as error:
            problems.append(str(error))
    if not found:
        found, has_loaded = [_document(LOADED, bench)], True
    return found[:MOST], problems, has_loaded


def _document(name: str, bench: Bench) -> dict[str, Any]:
    results, key = cached.engine().results, ("architecture", name, bench.spec if name == LOADED else None)
    known: Any = results.get(key)
    if known is None:
        from interp_core.architecture_sources import architecture_of

        known = architecture_of(cached.loaded(bench.spec) if name == LOADED else name).document()
        results.put(key, known)
    return known


def places(one: Intervention, bench: Bench) -> list[str]:
    """Hook names on which an intervention acts; `*` stands for all layers."""
    if one.sae:
        from interp_core.sae.features import found_config

        config = found_config(one.sae)
        points = {point.name: point for point in cached.loaded(bench.spec).hook_points}
        return [points[config.point].hook(config.layer)] if config.point in points else []
    if one.function:
        from interp_core.user_hooks.library import function_named
        from interp_core.user_hooks.places import places_of

        found = places_of(function_named(one.function), cached.loaded(bench.spec).hook_points, one)
        return [place.point.hook(place.layer) for place in found]
    point = next((point for point in cached.loaded(bench.spec).hook_points if point.name == one.point), None)
    if point is None:
        return []
    if not point.layers:
        return [point.hook(None)]
    if one.layers is None:
        return [point.hook(0).replace("blocks.0.", "blocks.*.", 1)]
    return [point.hook(layer) for layer in one.layers]


def query_heads(one: Intervention, bench: Bench) -> tuple[int, ...] | None:
    """The query heads that an intervention touches, where it names heads; of shared keys and values, all that share."""
    heads, name = one.heads, one.point
    points = {point.name: point for point in cached.loaded(bench.spec).hook_points}
    if one.function:
        from interp_core.user_hooks.library import function_named
        from interp_core.user_hooks.places import places_of

        function = function_named(one.function)
        heads = function.declared.heads if heads is None else heads
        name = places_of(function, points.values(), one)[0].point.name
    if heads is None:
        return None
    n_heads, shared = bench.card.n_heads, bench.card.n_heads // bench.card.n_key_value_heads
    each = shared if name in points and points[name].n_heads < n_heads else 1
    named = {head * each + i for head in heads for i in range(each)}
    return tuple(head for head in range(n_heads) if (head in named) != one.others)
