"""The way on from the selected part of an ablation sweep."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from jaxtyping import Float

from interp_core.interventions import Intervention
from pages.ui import interventions
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.ablation import AblationPlan

_POINTS = {"attention": ("attn_out",), "layer": ("attn_out", "mlp_out")}


def show(state: UrlState, plan: "AblationPlan", values: Float[np.ndarray, "..."], unit: str) -> None:
    """Draw what can be done with the selected part."""
    layer, head = state["layer"], None if state["mlp"] else state["head"]
    if "component" in plan.axes and head is None and not state["mlp"]:
        st.caption("Click a head or an MLP for what can be done with it.")
        return
    if "component" not in plan.axes:
        head, name, place, points = None, f"Layer {layer}", (layer,), _POINTS[plan.part]
    elif head is None:
        name, place, points = f"MLP of layer {layer}", (layer, values.shape[1] - 1), ("mlp_out",)
    else:
        name, place, points = f"L{layer}H{head}", (layer, head), ("z",)
    heads = None if head is None else (head,)
    seed = plan.seed if plan.kind == "resample" else 0
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{name}** {plain(f'{values[place]:+.3f} {unit}')}")
        chosen = tuple(
            Intervention(plan.kind, point, layers=(layer,), heads=heads, bos=plan.bos, seed=seed) for point in points
        )
        st.button(
            f"Ablate it ({plan.kind})", key="ablate.add", icon=":material/block:", type="primary", on_click=_add_all,
            args=(state, chosen), help="On every page, until you switch it off.",
        )  # fmt: skip
        if heads is not None:
            alone = Intervention(plan.kind, "z", layers=(layer,), heads=heads, others=True, bos=plan.bos, seed=seed)
            st.button(
                "Isolate it", key="ablate.alone", icon=":material/filter_center_focus:", on_click=interventions.add,
                args=(state, alone), help="Ablates the other heads of its layer.",
            )  # fmt: skip
        frozen = tuple(Intervention("freeze", point, layers=(layer,), heads=heads) for point in points)
        st.button(
            "Freeze it", key="ablate.freeze", icon=":material/ac_unit:", on_click=_add_all, args=(state, frozen),
            help="Keeps its output as in the clean run, whatever else is changed.",
        )  # fmt: skip
        if heads is not None:
            st.page_link(
                "pages/attention.py", label="Open in attention", icon=":material/grid_on:",
                query_params=state.shared_link(),
            )  # fmt: skip


def _add_all(state: UrlState, chosen: tuple[Intervention, ...]) -> None:
    for one in chosen:
        interventions.add(state, one)
