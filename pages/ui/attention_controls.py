"""Choosing layer and head: by list, by button, by key (J, K for layers; N, P for heads), by the picture."""

from typing import Any

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.url_state import UrlState


def show(state: UrlState, bench: Bench) -> None:
    """Draw the controls above the picture."""
    n_layers, n_heads = bench.card.n_layers, bench.card.n_heads
    with st.container(horizontal=True, gap="medium"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
            _step_button(state, "layer", -1, n_layers, "J", ":material/keyboard_arrow_down:", "Previous layer")
            st.selectbox(
                f"Layer, of {n_layers}", range(n_layers), key=state.key("layer"), width=140,
                format_func=lambda index: f"Layer {index}",
            )  # fmt: skip
            _step_button(state, "layer", 1, n_layers, "K", ":material/keyboard_arrow_up:", "Next layer")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
            _step_button(state, "head", -1, n_heads, "P", ":material/chevron_left:", "Previous head")
            # Labels must not change with the layer: the browser sends back a label, and would name one that is gone.
            st.selectbox(
                f"Head held, of {n_heads}", range(n_heads), key=state.key("head"), width=180,
                format_func=lambda index: f"Head {index}", placeholder="None: point to look",
            )  # fmt: skip
            _step_button(state, "head", 1, n_heads, "N", ":material/chevron_right:", "Next head")


def _step_button(state: UrlState, name: str, by: int, count: int, shortcut: str, icon: str, what: str) -> None:
    st.button(
        "", icon=icon, key=f"attention.{name}_{'after' if by > 0 else 'before'}", shortcut=shortcut,
        help=f"{what} ({shortcut})", on_click=_step, args=(state, name, by, count),
    )  # fmt: skip


def lock(state: UrlState, bench: Bench, value: dict[str, Any]) -> None:
    """Hold what the user clicked in the picture, if this model and prompt have it."""
    head, pos, direction = value.get("head"), value.get("pos"), value.get("direction")
    held = bool(value.get("head_locked")) and isinstance(head, int) and 0 <= head < bench.card.n_heads
    state.set("head", head if held else None)
    state.set("pos", pos if isinstance(pos, int) and 0 <= pos < len(bench.tokenised.ids) else None)
    if direction in ("from", "to"):
        state.set("direction", direction)


def _step(state: UrlState, name: str, by: int, count: int) -> None:
    now = state[name]
    state.set(name, (0 if by > 0 else count - 1) if now is None else (now + by) % count)
