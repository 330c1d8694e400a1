"""What the table and the map are asked: words, density, which features, in what order."""

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import schemas
from pages.ui.features.data import Browser
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.feature_table import FeatureQuery

_STATES = {"all": "All", "alive": "Alive", "dead": "Dead", "labelled": "With your label"}
_ORDERS = {
    "feature": "Number",
    "density": "Density",
    "largest": "Largest activation",
    "mean": "Mean activation",
    "loss_effect": "Loss effect",
    "label": "Label",
}
_FIND_HELP = (
    "All words must be in your label, the automatic label, a token that it fires on or a token that it promotes. Upper and lower "
    "case are the same. A name such as L14F231 finds that feature."
)
_DENSITY_HELP = "Share of the harvested tokens on which a feature is active, 0 to 1."


def show(state: UrlState, browser: Browser, *, ordered: bool) -> "FeatureQuery":
    """Draw the controls, and return what they ask."""
    from interp_core.feature_table import FeatureQuery  # noqa: PLC0415  duckdb must not delay the first paint

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.text_input(
            "Find", key=state.key("find"), width=300, help=_FIND_HELP, placeholder="words of labels and tokens", on_change=_begin,
            args=(state,),
        )  # fmt: skip
        if browser.harvested:
            for name, label in (("least", "Density from"), ("most", "to")):
                st.number_input(
                    label, 0.0, 1.0, key=state.key(name), value=None, step=0.001, format="%g", width=150,
                    help=_DENSITY_HELP, on_change=_begin, args=(state,),
                )  # fmt: skip
        states = [name for name in schemas.FEATURE_STATES if browser.harvested or name in ("all", "labelled")]
        st.segmented_control(
            "Show", states, key=state.key("show"), format_func=lambda name: _STATES[name], required=True, on_change=_begin,
            args=(state,),
        )  # fmt: skip
        if ordered:
            st.selectbox(
                "Order by", schemas.FEATURE_ORDERS, key=state.key("order"), format_func=lambda name: _ORDERS[name], width=190,
                on_change=_begin, args=(state,),
            )  # fmt: skip
            st.toggle("Largest first", key=state.key("descending"), on_change=_begin, args=(state,))
    return FeatureQuery(
        find=state["find"], least=state["least"] if browser.harvested else None,
        most=state["most"] if browser.harvested else None, state=state["show"], order=state["order"],
        descending=state["descending"],
    )  # fmt: skip


def is_narrowed(query: "FeatureQuery") -> bool:
    """Whether not all features are asked for."""
    return bool(query.find.split()) or query.state != "all" or query.least is not None or query.most is not None


def _begin(state: UrlState) -> None:
    """Another question has other pages."""
    state.set("page", 1)
