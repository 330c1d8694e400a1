"""The way on from the selected cell."""

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import interventions
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.patching import code, paths, pictures
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.patching import SweepPlan
    from interp_core.path_plan import PathPlan


def show(state: UrlState, bench: Bench, plan: "SweepPlan | PathPlan") -> None:
    """Draw what can be done with the selected cell."""
    shared = pictures.sharing(bench.card, plan)
    one = code.as_intervention(state, plan, bench.prompt, shared=shared)
    if one is None:
        st.caption(f"{'Select a row' if 'unit' in plan.axes else 'Click a cell'} for what can be done with it.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(one.label)}**")
        st.button(
            "Add as intervention", key="patching.add", icon=":material/add:", on_click=interventions.add,
            args=(state, one), help="Patches all of this cell from this page's corrupted prompt, on every page.",
        )  # fmt: skip
        if one.heads is not None:
            first = one.heads[0] * shared
            st.page_link(
                "pages/attention.py", icon=":material/grid_on:", query_params=state.shared_link(),
                label="Open the head in attention" if shared == 1 else f"Open query head {state['head']} in attention",
                help=None if shared == 1 else f"Query heads {first} to {first + shared - 1} share it.",
            )  # fmt: skip
        if state["view"] == "paths":
            _show_receiving(state, bench)


def _show_receiving(state: UrlState, bench: Bench) -> None:
    """Buttons that add the selected sender to the group, or make it the receiver, to see who feeds it."""
    layer, head = state["layer"], state["head"]
    sender = (layer, None if state["mlp"] else head)
    if sender in state["senders"]:
        st.button("Out of the group", key="paths.out", on_click=paths.remove_sender, args=(state, sender))
    else:
        st.button("Send together with others", key="paths.in", on_click=paths.add_sender, args=(state, sender),
                  help="Adds it to the group that sends in every cell.")  # fmt: skip
    if state["mlp"]:
        kinds = {"mlp": ("What feeds it", ("mlp", layer, 0))}
    else:
        shared = head * bench.card.n_key_value_heads // bench.card.n_heads
        kinds = {
            "q": ("What feeds its query", ("q", layer, head)),
            "k": ("its key", ("k", layer, shared)),
            "v": ("its value", ("v", layer, shared)),
        }
    for kind, (label, one) in kinds.items():
        st.button(label, key=f"paths.feed.{kind}", on_click=paths.only, args=(state, (one,)),
                  help=f"Makes {paths.named(one)} the receiver.")  # fmt: skip
