"""Near a feature: the features whose decoder directions point where its does, or the opposite way."""

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.features import code, data, offers, rows, selected
from pages.ui.features.data import Browser
from pages.ui.url_state import UrlState

_SHOWN = 25
_SIDES = {"similar": "Most similar", "opposite": "Most opposite"}
_HOW_TO_READ = (
    "**Cosine** of two decoder directions: 1 where both features write the same direction, 0 where they write unrelated ones, −1 "
    "where one writes what the other takes away. It is exact, over all features, and needs no text. Near 0 is what chance gives: in "
    "*d* dimensions two random directions have a cosine of about ±1/√*d*. Similar directions do not mean that features fire "
    "together: a split feature's parts often never do (Bricken et al. 2023, *Towards Monosemanticity*)."
)


def show(state: UrlState, bench: Bench, browser: Browser) -> None:
    """Draw the view."""
    sae = browser.sae
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input(
            "Feature", 0, sae.config.d_sae - 1, key=state.key("feature"), value=None, width=160, placeholder="0",
        )  # fmt: skip
        st.segmented_control(
            "Show", list(_SIDES), key=state.key("near"), format_func=lambda side: _SIDES[side], required=True
        )
    feature = state["feature"] or 0
    found = data.neighbours(bench, sae, feature)
    nearest = found.nearest(_SHOWN, opposite=state["near"] == "opposite")
    scale = 1 / sae.config.d_in**0.5
    st.caption(
        f"{_SIDES[state['near']]} to {sae.title(feature)} of {sae.config.d_sae:,} features. Two random directions: about ±{scale:.3f}. Click a row "
        "to look for the neighbours of that feature."
    )
    rows.show(
        state, browser, browser.table.rows(nearest.tolist()), f"near.{sae.checksum[:16]}.{feature}.{state['near']}",
        {"cosine": (found.cosine[nearest].tolist(), st.column_config.NumberColumn(format="%.3f"))},
    )  # fmt: skip
    selected.show(state, browser)
    offers.show(bench, browser)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    order = found.nearest(sae.config.d_sae)
    rows.show_downloads(
        "neighbours",
        lambda: rows.full(browser, browser.table.rows(order.tolist()), {"cosine": found.cosine[order]}),
        code.of_neighbours(bench, browser, feature),
    )
