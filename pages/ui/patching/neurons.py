"""Neurons of one layer: those that matter most, since thousands fit no map."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Bool

from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.tokens import Tokenised

_MOST = 200


def show(state: UrlState, tokens: "Tokenised", plan: Any, shown: Any, exact: Bool[np.ndarray, "..."] | None) -> None:
    """Draw the neurons with the largest effect; a click on a row selects one."""
    values = shown.values
    order = np.argsort(-np.nan_to_num(np.abs(values - shown.base).ravel()), kind="stable")[:_MOST]
    places = np.unravel_index(order, values.shape)
    table = pd.DataFrame({"neuron": places[-1]})
    if len(places) == 2:
        table["position"] = places[0]
        table["token"] = [tokens.str_tokens[pos] for pos in places[0]]
    unit = shown.unit if shown.unit.startswith("(") else f"({shown.unit})"
    table[f"{shown.name} {unit}"] = values.ravel()[order]
    if exact is not None:
        table["exact"] = exact.ravel()[order]
    st.caption(f"The {len(table)} of {values.size:,} cells of layer {plan.layer} with the largest effect.")
    picked: Any = st.dataframe(
        table, hide_index=True, width="stretch", key="patching.neurons", on_select="rerun", selection_mode="single-row"
    )
    rows = picked["selection"]["rows"]
    if rows:
        row = rows[0]
        state.set("unit", int(places[-1][row]))
        if len(places) == 2:
            state.set("pos", int(places[0][row]))
