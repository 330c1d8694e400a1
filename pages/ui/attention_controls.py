"""Choosing layer and head: by list, by button, by key (J, K for layers; N, P for heads), by the picture."""

from typing import Any

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.url_state import UrlState


def show(state: UrlState, bench: Bench) -> None:
    """Draw the controls above the picture."""
    n_layers, n_heads = bench.card.n_layers, bench.card.n_heads
    layer_before, layer, layer_after, head_before, head, head_after = st.columns(
        [1, 3, 1, 1, 3, 1], vertical_alignment="bottom"
    )
    layer.selectbox(
        f"Layer, of {n_layers}", range(n_layers), key=state.key("layer"), format_func=lambda index: f"Layer {index}"
    )
    head.selectbox(
        f"Head held, of {n_heads}", [None, *range(n_heads)], key=state.key("head"),
        format_func=lambda index: "None: hover to look" if index is None else f"L{state['layer']}H{index}",
    )  # fmt: skip
    step = {"on_click": _step, "width": "stretch"}
    layer_before.button("", icon=":material/keyboard_arrow_down:", key="attention.layer_before", shortcut="J",
                        args=(state, "layer", -1, n_layers), help="Previous layer (J)", **step)  # fmt: skip
    layer_after.button("", icon=":material/keyboard_arrow_up:", key="attention.layer_after", shortcut="K",
                       args=(state, "layer", 1, n_layers), help="Next layer (K)", **step)  # fmt: skip
    head_before.button("", icon=":material/chevron_left:", key="attention.head_before", shortcut="P",
                       args=(state, "head", -1, n_heads), help="Previous head (P)", **step)  # fmt: skip
    head_after.button("", icon=":material/chevron_right:", key="attention.head_after", shortcut="N",
                      args=(state, "head", 1, n_heads), help="Next head (N)", **step)  # fmt: skip


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
