"""Writes a token: the features whose decoder rows raise, or lower, one token's logit most."""

import streamlit as st

from interp_views.tokens import visible
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.features import code, data, offers, rows, selected
from pages.ui.features.data import Browser
from pages.ui.lens.data import single_token
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

_SHOWN = 50
_SIDES = {"promoted": "Raise it most", "suppressed": "Lower it most"}
_HOW_TO_READ = (
    "**Write** is the feature's decoder row through the final norm's weight and the unembedding, at this token, less the mean over "
    "the vocabulary: logits per unit of activation, in front of the final norm's scale, which differs by position. It is exact and "
    "over all features. It says what a feature would add to this token's logit by itself, not whether it fires, and not what later "
    "layers make of it (Bricken et al. 2023, *Towards Monosemanticity*, call it the feature's logit weights)."
)


def show(state: UrlState, bench: Bench, browser: Browser) -> None:
    """Draw the view.

    Raises:
        InterpError: The text is not one token, or the SAE reads a place whose writes cannot be known without a pass.
    """
    sae = browser.sae
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        likeliest, text = _likeliest(bench)
        st.text_input(
            "Token", key=state.key("token"), width=200, placeholder=visible(text),
            help="One token; a space in front counts. Empty: what the model holds likeliest after the prompt.",
        )  # fmt: skip
        st.segmented_control(
            "Show", list(_SIDES), key=state.key("side"), format_func=lambda side: _SIDES[side], required=True
        )
    token = single_token(bench, state["token"], "token") if state["token"] else likeliest
    spelled = visible(state["token"] or text)
    found = data.token_writes(bench, sae, token)
    strongest = found.strongest(_SHOWN, suppressed=state["side"] == "suppressed")
    why = "" if state["token"] else ", the likeliest after the prompt"
    st.caption(
        plain(f"Features that {_SIDES[state['side']].lower().replace(' it ', f' {spelled} ')}: token id {token}{why}")
    )
    heading = "write"
    rows.show(
        state, browser, browser.table.rows(strongest.tolist()), f"writes.{sae.checksum[:16]}.{token}.{state['side']}",
        {heading: (found.write[strongest].tolist(), st.column_config.NumberColumn(format="%+.4f", help="Logits per unit of activation."))},
    )  # fmt: skip
    selected.show(state, browser)
    offers.show(bench, browser)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    order = found.strongest(sae.config.d_sae)
    rows.show_downloads(
        "token-writes",
        lambda: rows.full(browser, browser.table.rows(order.tolist()), {"write": found.write[order]}),
        code.of_writes(bench, browser, token),
    )


def _likeliest(bench: Bench) -> tuple[int, str]:
    found = cached.predictions(bench.run)
    token = int(found.top_ids[-1, 0])
    return token, found.top_tokens[token]
