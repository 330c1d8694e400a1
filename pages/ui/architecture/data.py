"""Which models the architecture page draws. No weights are read, and nothing waits for the model's thread.

Imports stand in functions for the same reason as in `cached`: they import torch.
"""

# ruff: noqa: PLC0415

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.architecture_reading import parse_architecture
from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from pages.ui import cached, schemas
from pages.ui.bench import Bench, plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.hook_points import HookPoint
    from interp_core.model_card import ModelCard

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


def places(one: Intervention, bench: Bench) -> list[tuple[str, tuple[int, ...] | None]]:
    """Hook names on which an intervention acts, `*` for all layers, and the query heads of each, where it names heads."""
    points = {point.name: point for point in cached.loaded(bench.spec).hook_points}
    if one.sae:
        from interp_core.sae.features import found_config

        config = found_config(one.sae)
        return [(points[config.point].hook(config.layer), None)] if config.point in points else []
    if one.function:
        from interp_core.user_hooks.library import function_named
        from interp_core.user_hooks.places import limited_heads, places_of

        function = function_named(one.function)
        return [
            (place.point.hook(place.layer), _query_heads(limited_heads(function, one, place.point), False, place.point, bench.card))
            for place in places_of(function, points.values(), one)
        ]  # fmt: skip
    point = points.get(one.point)
    if point is None:
        return []
    heads = _query_heads(one.heads, one.others, point, bench.card)
    if point.layers and one.layers is None:
        return [(point.hook(0).replace("blocks.0.", "blocks.*.", 1), heads)]
    layers: Iterable[int | None] = (one.layers or ()) if point.layers else (None,)
    return [(point.hook(layer), heads) for layer in layers]


def _query_heads(
    heads: tuple[int, ...] | None, others: bool, point: "HookPoint", card: "ModelCard"
) -> tuple[int, ...] | None:
    """The query heads of a point's heads: of shared keys and values, all that share. None for all."""
    if heads is None:
        return None
    each = card.n_heads // card.n_key_value_heads if point.n_heads < card.n_heads else 1
    named = {head * each + i for head in heads for i in range(each)}
    return tuple(head for head in range(card.n_heads) if (head in named) != others)
