"""Choosing layer and head: by list, by button, by key (J, K for layers; N, P for heads), by the picture.

The layer view's picture has buttons and keys of its own, which answer before the server does.
"""

from typing import Any

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

_TURN = "attention.turn"


def show(state: UrlState, bench: Bench) -> None:
    """Draw the controls of the layer view."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        _layer_list(state, bench)
        _head_list(state, bench, "None: all mixed")
        st.toggle("Value-weighted", key=state.key("weighted"), help=_weighted_help(), width="content")


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
        _layer_list(state, bench)
        _step_button(state, "layer", 1, n_layers, "K", ":material/keyboard_arrow_up:", "Next layer")


def show_head(state: UrlState, bench: Bench, none: str) -> None:
    """Draw the choice of a head; `none` says what it means to choose none."""
    n_heads = bench.card.n_heads
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
        _step_button(state, "head", -1, n_heads, "P", ":material/chevron_left:", "Previous head")
        _head_list(state, bench, none)
        _step_button(state, "head", 1, n_heads, "N", ":material/chevron_right:", "Next head")


def _layer_list(state: UrlState, bench: Bench) -> None:
    n_layers = bench.card.n_layers
    st.selectbox(
        f"Layer, of {n_layers}", range(n_layers), key=state.key("layer"), width=140,
        format_func=lambda index: f"Layer {index}",
    )  # fmt: skip


def _head_list(state: UrlState, bench: Bench, none: str) -> None:
    # Labels must not change with the layer: the browser sends back a label, and would name one that is gone.
    n_heads = bench.card.n_heads
    st.selectbox(
        f"Head held, of {n_heads}", range(n_heads), key=state.key("head"), width=180,
        format_func=lambda index: f"Head {index}", placeholder=none,
    )  # fmt: skip


def _step_button(state: UrlState, name: str, by: int, count: int, shortcut: str, icon: str, what: str) -> None:
    st.button(
        "", icon=icon, key=f"attention.{name}_{'after' if by > 0 else 'before'}", shortcut=shortcut,
        help=f"{what} ({shortcut})", on_click=_step, args=(state, name, by, count),
    )  # fmt: skip


def hold(state: UrlState, bench: Bench, value: dict[str, Any]) -> None:
    """Take what the user chose in the picture, if this model and prompt have it."""
    layer, head, pos = value.get("layer"), value.get("head"), value.get("pos")
    if isinstance(layer, int) and 0 <= layer < bench.card.n_layers:
        state.set("layer", layer)
    state.set("head", head if isinstance(head, int) and 0 <= head < bench.card.n_heads else None)
    state.set("pos", pos if isinstance(pos, int) and 0 <= pos < len(bench.tokenised.ids) else None)
    state.set("zoom", fitting_zoom(value.get("zoom"), len(bench.tokenised.ids)))
    if value.get("direction") in ("from", "to"):
        state.set("direction", value["direction"])
    rescale(state, value)
    turn = value.get("turn")
    st.session_state[_TURN] = turn if isinstance(turn, int) and 0 <= turn < 2**53 else None


def rescale(state: UrlState, value: dict[str, Any]) -> None:
    """Take where the colours end."""
    if value.get("scale") in ("full", "stretched"):
        state.set("scale", value["scale"])


def answered_turn() -> int | None:
    """The number of the last choice that the picture sent: what is drawn from it repeats the number."""
    return st.session_state.get(_TURN)


def fitting_zoom(zoom: Any, n_pos: int) -> tuple[int, int, int] | None:
    """Query, key and size as the browser or a link gives them, if they lie in the prompt."""
    given = [zoom.get(name) for name in ("query", "key", "size")] if isinstance(zoom, dict) else list(zoom or ())
    parts = [part for part in given if isinstance(part, int)]
    if len(given) != 3 or len(parts) != 3:
        return None
    query, key, size = parts
    return (query, key, size) if 0 <= query < n_pos and 0 <= key < n_pos and 1 <= size <= n_pos else None


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
    """Layers end; heads go round."""
    now = state[name]
    if name == "layer":
        state.set(name, min(count - 1, max(0, now + by)))
    else:
        state.set(name, (0 if by > 0 else count - 1) if now is None else (now + by) % count)
