"""Which activations are patched."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from interp_core.errors import InterpError
from pages.ui import cached, schemas
from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.patching import SweepPlan
    from interp_core.path_plan import PathPlan

SITES = {
    "resid_pre": "Residual stream before a layer",
    "resid_mid": "Residual stream between attention and MLP",
    "resid_post": "Residual stream after a layer",
    "attn_out": "Attention's output",
    "mlp_out": "MLP's output",
    "z": "Heads: output (z)",
    "q": "Heads: queries",
    "k": "Heads: keys",
    "v": "Heads: values",
    "pattern": "Heads: pattern",
    "mlp_post": "Neurons of one layer",
}
_DIRECTION_HELP = (
    "Denoising puts clean activations into the corrupted run: what suffices to bring the behaviour back. Noising puts "
    "corrupted ones into the clean run: what is needed for it."
)
ShowPlan = Callable[[UrlState, Bench], "SweepPlan | PathPlan"]


def show(state: UrlState, bench: Bench) -> "SweepPlan":
    """Draw the controls, and return the plan.

    Raises:
        InterpError: The model lacks the place.
    """
    from interp_core.patching import SweepPlan  # noqa: PLC0415  torch: after the first paint

    points = {point.name for point in cached.loaded(bench.spec).hook_points}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Patch", [site for site in SITES if site in points], key=state.key("site"), format_func=SITES.__getitem__,
            width=320,
        )  # fmt: skip
        if state["site"] not in schemas.STREAM_SITES:
            st.toggle("By position", key=state.key("by_position"), help="Each position apart, or all at once.")
        if state["site"] == "mlp_post":
            st.number_input("Layer", 0, bench.card.n_layers - 1, key=state.key("layer"), width=110)
        show_direction(state)
        show_scale(state)
    if state["site"] not in points:
        raise InterpError(f"{bench.card.name} has no {SITES[state['site']].lower()} of its own. Choose another place.")
    stream = state["site"] in schemas.STREAM_SITES
    return SweepPlan(
        state["site"],
        stream or state["by_position"],
        state["layer"] if state["site"] == "mlp_post" else None,
        state["to"],
    )


def show_direction(state: UrlState) -> None:
    """Draw the choice of which run is patched into."""
    st.segmented_control(
        "Direction", ["denoising", "noising"], key=state.key("to"), format_func=str.capitalize, required=True,
        help=_DIRECTION_HELP,
    )  # fmt: skip


def show_scale(state: UrlState) -> None:
    """Draw the choice between fraction and metric; over a set there are fractions alone."""
    if state["over"] == "prompt":
        st.segmented_control(
            "Show", ["recovered", "raw"], key=state.key("scale"), required=True,
            format_func={
                "recovered": f"{'Lost' if state['to'] == 'noising' else 'Recovered'} fraction", "raw": "Raw metric"
            }.__getitem__,
            help="Recovered fraction: 0 is the corrupted run, 1 the clean one, never clipped.",
        )  # fmt: skip
