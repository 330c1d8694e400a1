"""All features as a table: searched, filtered, sorted, page by page."""

import hashlib
import math

import streamlit as st

from pages.ui.bench import Bench
from pages.ui.features import code, controls, effects, offers, rows, selected
from pages.ui.features.data import Browser
from pages.ui.following import Followed
from pages.ui.url_state import UrlState

PAGE = 50
_HOW_TO_READ = (
    "One row a feature. **Density** is the share of the harvested tokens on which it is active; a feature that was active on none is "
    "dead there. **Fires on** are the tokens at the peaks of its strongest examples, the most frequent first. **Promotes** are the "
    "tokens whose logits its decoder row raises most, which says what it writes by itself, not when it fires (Bricken et al. 2023, "
    "*Towards Monosemanticity*). An **automatic label** is made by rule from the tokens of the strongest examples: no language model "
    "was asked, and nobody checked it. **Your label** is what you wrote on the feature's page. The **loss effect** is measured, not "
    "estimated: the model runs again on the feature's own top examples with the feature removed at one token at a time, and the loss "
    "of the next token rises by that much in the mean; below 0 the feature harms there. On other text it may differ."
)


def show(state: UrlState, bench: Bench, browser: Browser) -> Followed | None:
    """Draw the view; returns the loss effects that are still being measured."""
    query = controls.show(state, browser, ordered=True)
    total = browser.table.count(query)
    n_pages = max(1, math.ceil(total / PAGE))
    if not 1 <= state["page"] <= n_pages:
        state.set("page", 1)
    first = (state["page"] - 1) * PAGE
    whole = f" of {browser.sae.config.d_sae:,}" if controls.is_narrowed(query) else ""
    followed = None
    if total:
        st.caption(
            f"Features {first + 1:,} to {min(total, first + PAGE):,} of {total:,} found{whole}. Click a row to select one."
        )
        followed = effects.show(bench, browser, browser.table.find(query, first, PAGE))
        found = browser.table.find(query, first, PAGE)
        # Rows may move while loss effects come in, and a selection counts rows.
        shown = (browser.sae.checksum, query, first, *found["feature"].to_pylist())
        rows.show(state, browser, found, f"table.{hashlib.sha256(repr(shown).encode()).hexdigest()[:16]}")
        _show_pages(state, n_pages)
    else:
        st.info("No feature fits. Take a word away, or widen the density.")
    selected.show(state, browser)
    offers.show(bench, browser)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    rows.show_downloads(
        "features", lambda: rows.full(browser, browser.table.find(query)), code.of_table(browser, query)
    )
    return followed


def _show_pages(state: UrlState, n_pages: int) -> None:
    # A widget of its own for each page, so that back and forward move it too.
    key = f"browse.page.{state['page']}.{n_pages}"
    st.pagination(n_pages, default=state["page"], key=key, on_change=lambda: state.set("page", st.session_state[key]))
