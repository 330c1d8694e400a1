"""Mounting the pictures of `interp_views` as Streamlit components: bytes in, dictionaries out.

Streamlit keeps a component's registration for the whole process, so each is made once.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.components import v2
from streamlit.delta_generator import DeltaGenerator

from interp_views.component import Component, part_script
from interp_views.wire import addressed, header_of


def picture(
    name: str,
    payload: bytes,
    *,
    key: str,
    events: Mapping[str, Callable[[dict[str, Any]], None]],
    parts: Sequence[bytes] = (),
) -> DeltaGenerator:
    """Show a picture, and react to what the user did to it before the page is drawn again.

    Returns where it is, for `send_ahead`.

    Args:
        name: Of the component.
        payload: What its Python companion packed: the data.
        key: Must stay the same while the data changes, or the picture would be built anew each time.
        events: For each trigger that the picture sends, what takes its value. Values come from the browser: check them.
        parts: Further messages, each of another name. Streamlit sends again only those that changed.
    """
    # Parts show nothing; without a gap they take no room either.
    place = st.container(gap=None)
    with place:
        reactions = {f"on_{event}_change": _reaction(key, event, react) for event, react in events.items()}
        _renderer(name)(key=key, data=addressed(payload, key), **reactions)
    send_ahead(place, key, parts)
    return place


def send_ahead(place: DeltaGenerator, key: str, parts: Iterable[bytes]) -> None:
    """Send further messages to the picture of that key, which is at that place: what it may need later."""
    with place:
        for part in parts:
            _part_renderer()(key=f"{key}.{header_of(part)['part']}", data=addressed(part, key))


def _reaction(key: str, event: str, react: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    def changed() -> None:
        value = getattr(st.session_state.get(key), event, None)
        if value is not None:
            react(dict(value))

    return changed


@functools.cache
def _renderer(name: str) -> Any:
    component = Component.load(name)
    return v2.component(f"hookscope_{name}", html=component.html, css=component.css, js=component.js)


@functools.cache
def _part_renderer() -> Any:
    return v2.component("hookscope_part", js=part_script())
