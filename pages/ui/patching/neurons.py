"""Neurons of one layer: those that matter most, since thousands fit no map."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.patching import PatchingSweep

_MOST = 200


def show(
    state: UrlState, bench: Bench, made: "PatchingSweep", values: np.ndarray, name: str, unit: str, base: float
) -> None:
    """Draw the neurons with the largest effect; a click on a row selects one."""
    order = np.argsort(-np.nan_to_num(np.abs(values - base).ravel()), kind="stable")[:_MOST]
    places = np.unravel_index(order, values.shape)
    table = pd.DataFrame({"neuron": places[-1]})
    if len(places) == 2:
        table["position"] = places[0]
        table["token"] = [bench.tokenised.str_tokens[pos] for pos in places[0]]
    table[f"{name} {unit if unit.startswith('(') else f'({unit})'}"] = values.ravel()[order]
    table["exact"] = made.exact.ravel()[order]
    st.caption(f"The {len(table)} of {values.size:,} cells of layer {made.plan.layer} with the largest effect.")
    picked = st.dataframe(
        table, hide_index=True, width="stretch", key="patching.neurons", on_select="rerun", selection_mode="single-row"
    )
    rows = picked["selection"]["rows"]
    if rows:
        row = rows[0]
        state.set("unit", int(places[-1][row]))
        if len(places) == 2:
            state.set("pos", int(places[0][row]))
