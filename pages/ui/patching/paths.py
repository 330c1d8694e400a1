"""Which paths are patched: from every head and MLP in turn, with a group if one is chosen, to the receivers chosen here."""

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.patching.controls import show_direction, show_scale
from pages.ui.schemas import MOST_RECEIVERS, MOST_SENDERS
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.path_plan import PathPlan

_KINDS = {"logits": "The logits", "q": "A head's query", "k": "A head's key", "v": "A head's value", "mlp": "An MLP"}
_MLPS_HELP = (
    "Recomputed: a path may run through the MLPs between sender and receiver (Wang et al. 2022). Frozen: only the direct "
    "path counts (Goldowsky-Dill et al. 2023). Attention in between is frozen in both."
)
LOGITS = ("logits", 0, 0)


def show(state: UrlState, bench: Bench) -> "PathPlan":
    """Draw the controls, and return the plan."""
    from interp_core.path_plan import PathPlan, Receiver, Sender  # noqa: PLC0415  torch: after the first paint

    with st.container(horizontal=True, vertical_alignment="bottom"):
        _show_group(state, bench)
        _show_receivers(state, bench)
        st.segmented_control(
            "MLPs in between", ["recomputed", "frozen"], key=state.key("mlps"), format_func=str.capitalize,
            required=True, help=_MLPS_HELP,
        )  # fmt: skip
        show_direction(state)
        show_scale(state)
    receivers, group = (Receiver(*one) for one in state["receivers"]), (Sender(*one) for one in state["senders"])
    return PathPlan(tuple(receivers), state["mlps"], state["to"], tuple(group))


def _show_group(state: UrlState, bench: Bench) -> None:
    group = [named_sender(one) for one in state["senders"]]
    label = "each sender" if not group else f"{', '.join(group) if len(group) < 4 else f'{len(group)} senders'} + each"
    with st.popover(f"From: {label}"):
        st.caption(
            "Senders that send together, in every cell; each cell then adds its own. Without any, each sends alone."
        )
        for one, name in zip(state["senders"], group, strict=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(name)
                st.button("Remove", key=f"paths.unsend.{name}", on_click=remove_sender, args=(state, one))
        what = st.segmented_control("Sender", ["Head", "MLP"], key="paths.sends", default="Head", required=True)
        layer = st.number_input("Layer", 0, bench.card.n_layers - 1, key="paths.sends.layer")
        head = None
        if what == "Head":
            head = st.number_input("Head", 0, bench.card.n_heads - 1, key="paths.sends.head")
        st.button(
            "Add", key="paths.send", icon=":material/add:", on_click=add_sender, args=(state, (layer, head)),
            disabled=len(group) >= MOST_SENDERS,
        )  # fmt: skip
        if group:
            st.button("Remove all", key="paths.unsend.all", on_click=state.set, args=("senders", ()))


def _show_receivers(state: UrlState, bench: Bench) -> None:
    shown = [named(one) for one in state["receivers"]]
    with st.popover(f"To: {', '.join(shown)}" if len(shown) < 4 else f"To: {len(shown)} receivers"):
        st.caption("Where the paths end. From there on the model runs as usual.")
        for one in state["receivers"]:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(named(one))
                if one != LOGITS:
                    st.button("Remove", key=f"paths.remove.{named(one)}", on_click=_remove, args=(state, one))
        kind = st.selectbox("Receiver", list(_KINDS), key="paths.kind", format_func=_KINDS.__getitem__)
        layer = head = 0
        if kind != "logits":
            layer = st.number_input("Layer", 0, bench.card.n_layers - 1, key="paths.layer")
        if kind in ("q", "k", "v"):
            most = bench.card.n_heads if kind == "q" else bench.card.n_key_value_heads
            head = st.number_input("Head" if kind == "q" else "Key-value head", 0, most - 1, key=f"paths.head.{kind}")
        st.button(
            "Add", key="paths.add", icon=":material/add:", on_click=add, args=(state, (kind, layer, head)),
            disabled=len(state["receivers"]) >= MOST_RECEIVERS,
        )  # fmt: skip
        st.button("Only this", key="paths.only", on_click=only, args=(state, ((kind, layer, head),)))


def named(one: tuple[str, int, int]) -> str:
    """A receiver in a few words."""
    kind, layer, head = one
    return "logits" if kind == "logits" else f"MLP of layer {layer}" if kind == "mlp" else f"L{layer}H{head} {kind}"


def named_sender(one: tuple[int, int | None]) -> str:
    """A sender in a few words."""
    layer, head = one
    return f"MLP of layer {layer}" if head is None else f"L{layer}H{head}"


def add_sender(state: UrlState, one: tuple[int, int | None]) -> None:
    """One sender more in the group."""
    state.set("senders", tuple(dict.fromkeys((*state["senders"], one)))[:MOST_SENDERS])


def add(state: UrlState, one: tuple[str, int, int]) -> None:
    """One receiver more; the logits stand alone, since they come after all others."""
    others = () if one == LOGITS else tuple(other for other in state["receivers"] if other not in (one, LOGITS))
    only(state, (*others, one)[:MOST_RECEIVERS])


def only(state: UrlState, receivers: tuple[tuple[str, int, int], ...]) -> None:
    """These and no others."""
    state.set("receivers", receivers)


def _remove(state: UrlState, one: tuple[str, int, int]) -> None:
    only(state, tuple(other for other in state["receivers"] if other != one) or (LOGITS,))


def remove_sender(state: UrlState, one: tuple[int, int | None]) -> None:
    """One sender less in the group."""
    state.set("senders", tuple(other for other in state["senders"] if other != one))
