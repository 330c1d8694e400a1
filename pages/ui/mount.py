"""Mounting the pictures of `interp_views` as Streamlit components: bytes in, one dictionary out.

Streamlit keeps a component's registration for the whole process, so each is made once.
"""

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.components import v2

from interp_views.component import Component


@functools.cache
def _renderer(name: str) -> Any:
    component = Component.load(name)
    return v2.component(f"hookscope_{name}", html=component.html, css=component.css, js=component.js)


def picture(name: str, payload: bytes, *, key: str, event: str, react: Callable[[dict[str, Any]], None]) -> None:
    """Show a picture, and call `react` with what the user did to it, before the page is drawn again.

    Args:
        name: Of the component.
        payload: What its Python companion packed.
        key: Must stay the same while the data changes, or the picture would be built anew each time.
        event: Name of the trigger that the picture sends.
        react: Takes the trigger's value. It comes from the browser: check it.
    """

    def changed() -> None:
        value = getattr(st.session_state.get(key), event, None)
        if value is not None:
            react(dict(value))

    _renderer(name)(key=key, data=payload, **{f"on_{event}_change": changed})
