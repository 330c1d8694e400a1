"""Choosing layer and head: by list, by button, by key (J, K for layers; N, P for heads), by the picture."""

from typing import Any

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.url_state import UrlState


def show(state: UrlState, bench: Bench) -> None:
    """Draw the controls of the layer view."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        show_layer(state, bench)
        show_head(state, bench)
        with st.container(width="content"):
            st.toggle("Value-weighted", key=state.key("weighted"), help=_weighted_help())


def _weighted_help() -> str:
    return (
        "Attention times the Euclidean norm of the value vector at the key, ‖v‖, in the model's own units: how much is "
        "moved from there, not only how much is looked at. Rows no longer sum to 1."
    )


def show_layer(state: UrlState, bench: Bench) -> None:
    """Draw the choice of a layer."""
    n_layers = bench.card.n_layers
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
        _step_button(state, "layer", -1, n_layers, "J", ":material/keyboard_arrow_down:", "Previous layer")
        st.selectbox(
            f"Layer, of {n_layers}", range(n_layers), key=state.key("layer"), width=140,
            format_func=lambda index: f"Layer {index}",
        )  # fmt: skip
        _step_button(state, "layer", 1, n_layers, "K", ":material/keyboard_arrow_up:", "Next layer")


def show_head(state: UrlState, bench: Bench, none: str = "None: all mixed") -> None:
    """Draw the choice of a head; `none` says what it means to choose none."""
    n_heads = bench.card.n_heads
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
        _step_button(state, "head", -1, n_heads, "P", ":material/chevron_left:", "Previous head")
        # Labels must not change with the layer: the browser sends back a label, and would name one that is gone.
        st.selectbox(
            f"Head held, of {n_heads}", range(n_heads), key=state.key("head"), width=180,
            format_func=lambda index: f"Head {index}", placeholder=none,
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
    state.set("head", head if isinstance(head, int) and 0 <= head < bench.card.n_heads else None)
    state.set("pos", pos if isinstance(pos, int) and 0 <= pos < len(bench.tokenised.ids) else None)
    if direction in ("from", "to"):
        state.set("direction", direction)


def select_head(state: UrlState, bench: Bench, value: dict[str, Any], view: str | None = None) -> None:
    """Select the layer and head that the browser names, if the model has them; go to `view` if given."""
    layer, head = value.get("layer"), value.get("head")
    if not (isinstance(layer, int) and isinstance(head, int)):
        return
    if 0 <= layer < bench.card.n_layers and 0 <= head < bench.card.n_heads:
        state.set("layer", layer)
        state.set("head", head)
        if view:
            state.set("view", view)


def _step(state: UrlState, name: str, by: int, count: int) -> None:
    now = state[name]
    state.set(name, (0 if by > 0 else count - 1) if now is None else (now + by) % count)
