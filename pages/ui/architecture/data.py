"""Which models the architecture page draws. No weights are read, and nothing waits for the model's thread.

Imports stand in functions for the same reason as in `cached`: they import torch.
"""

# ruff: noqa: PLC0415

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.architecture_reading import parse_architecture
from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from interp_core.types import FOLDER_PREFIX
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


@dataclass(frozen=True)
class Drawn:
    """The models that are drawn, in that order, and why others are not."""

    documents: tuple[dict[str, Any], ...]
    """One to four, as `Architecture.document` gives them."""
    sources: tuple[str | None, ...]
    """Where each is from: `LOADED`, a name as in links, or None for the pasted configuration."""
    problems: tuple[str, ...]
    """Sentences."""

    @property
    def has_loaded(self) -> bool:
        """Whether the first is the loaded model."""
        return self.sources[0] == LOADED


def documents(state: UrlState, bench: Bench) -> Drawn:
    """Descriptions of the chosen models; of the loaded one where no other can be described."""
    found: list[tuple[str | None, dict[str, Any]]] = []
    problems: list[str] = []
    # Interventions belong to the loaded model, so it comes first wherever it was named.
    names = sorted(state["models"], key=lambda name: name != LOADED)
    # A hub that does not answer takes seconds to say so: it is asked again when other models are chosen.
    failed: dict[str, str] = st.session_state.setdefault(FAILED, {})
    for name in names:
        try:
            if name in failed:
                raise InterpError(failed[name])
            with st.spinner(f"Reading the configuration of {plain(name)}"):
                found.append((name, _document(name, bench)))
        except InterpError as error:
            problems.append(str(error))
            if name != LOADED and not name.startswith(FOLDER_PREFIX):
                failed[name] = str(error)
    pasted = state["config"].strip()
    if pasted and len(found) == MOST:
        problems.append(
            f"{MOST} models fit side by side, and as many are chosen, so the pasted configuration is not drawn. Remove a model."
        )
    elif pasted:
        try:
            found.append((None, parse_architecture(state["config"]).document()))
        except InterpError as error:
            problems.append(str(error))
    if not found:
        found = [(LOADED, _document(LOADED, bench))]
    return Drawn(tuple(one for _, one in found), tuple(source for source, _ in found), tuple(problems))


def _document(name: str, bench: Bench) -> dict[str, Any]:
    from interp_core.architecture_sources import architecture_of

    if name.startswith(FOLDER_PREFIX):  # its file may change at any time, and is read in milliseconds
        return architecture_of(name).document()
    held = (bench.spec, bench.card.revision) if name == LOADED else None
    results, key = cached.engine().results, ("architecture", name, held)
    known: Any = results.get(key)
    if known is None:
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
        layers: dict[HookPoint, list[int | None]] = {}
        for place in places_of(function, points.values(), one):
            layers.setdefault(place.point, []).append(place.layer)
        return [
            (name, _query_heads(limited_heads(function, one, point), False, point, bench.card))
            for point, some in layers.items()
            for name in _hooks(point, some)
        ]
    point = points.get(one.point)
    if point is None:
        return []
    heads = _query_heads(one.heads, one.others, point, bench.card)
    return [(name, heads) for name in _hooks(point, point.layers if one.layers is None else one.layers)]


def _hooks(point: "HookPoint", layers: Iterable[int | None]) -> list[str]:
    """Hook names of a point in layers: one with `*` where these are all that it has."""
    if not point.layers:
        return [point.hook(None)]
    some = tuple(layers)
    if set(point.layers) <= set(some):
        return [point.hook(0).replace("blocks.0.", "blocks.*.", 1)]
    return [point.hook(layer) for layer in some]


def _query_heads(
    heads: tuple[int, ...] | None, others: bool, point: "HookPoint", card: "ModelCard"
) -> tuple[int, ...] | None:
    """The query heads of a point's heads: of shared keys and values, all that share. None for all."""
    if heads is None:
        return None
    each = card.n_heads // card.n_key_value_heads if point.n_heads < card.n_heads else 1
    named = {head * each + i for head in heads for i in range(each)}
    return tuple(head for head in range(card.n_heads) if (head in named) != others)
