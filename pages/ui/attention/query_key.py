"""Query and key: the elementwise product behind one attention score."""

from typing import TYPE_CHECKING

import streamlit as st

from interp_views.component import Component
from interp_views.query_key import QueryKeyView, query_key_payload, query_key_selection
from pages.ui import share, tables
from pages.ui.attention import controls, data
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.query_key import QueryKey


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    if bench.saved:
        st.info(
            "A saved run holds attention, not queries and keys: this view takes the model. Go back to the live model."
        )
        return
    tokens, count = bench.tokenised, len(bench.tokenised.ids)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        controls.show_layer(state, bench)
        controls.show_head(state, bench, none="Head 0")
    index, head = state["layer"], state["head"] or 0
    query = count - 1 if state["pos"] is None else state["pos"]
    survey = data.survey(bench)
    found = data.query_key(bench, survey, index, head, query)
    key = int(found.pattern.argmax()) if state["key"] is None or state["key"] > query else state["key"]
    st.caption(
        f"Query: token {query}, the one selected in the strip above{' (the last one, as none is)' if state['pos'] is None else ''}"
        ". Click a row for its key."
    )
    about = data.about(bench, "query key", index, head, query)
    view = QueryKeyView(
        tokens.str_tokens[: query + 1], tokens.special[: query + 1], index, head, query, key, found.q, found.k,
        found.scores, found.pattern, found.scale, _note(found, bench),
        found.rotary_pairs if len(found.rotary_pairs) else None, about,
    )  # fmt: skip
    payload = query_key_payload(view)
    picture(
        "query_key", payload, key="picture.query_key", parts=[query_key_selection(about, key=key)],
        events={"select": lambda value: _select(state, value.get("key"), query)},
    )  # fmt: skip
    with st.expander("How to read this"):
        st.markdown(
            "An attention score is the dot product of a query and a key, times a scale: a sum over the dimensions of the head. "
            "Each row shows that sum's terms for one key, so you can see which dimensions make the head look there. Queries and "
            "keys are taken as the score sees them: after the rotary embedding, where the model has one, so that position is "
            "in them; under grouped-query attention several query heads share a key head. Dimensions of a head have no meaning "
            "of their own: a rotation of all of them would give the same scores. This is what bertviz calls the neuron view "
            "(Vig 2019, arXiv:1906.05714)."
        )
    share.show_downloads(
        "query_key",
        lambda: tables.query_key_table(tokens, found.q, found.k, found.scores, found.pattern, found.scale),
        lambda: Component.load("query_key").standalone(payload, share.title(bench, f"Query and key, L{index}H{head}")),
        share.load_code(bench) + f"hookscope.query_key(model, prompt, layer={index}, head={head}, query={query})",
        arrays=lambda: {"q": found.q, "k": found.k, "scores": found.scores, "pattern": found.pattern},
    )


def _note(found: "QueryKey", bench: Bench) -> str:
    card, parts = bench.card, []
    if card.n_key_value_heads != card.n_heads:
        parts.append(f"shares key head {found.key_head} of {card.n_key_value_heads}")
    if found.soft_cap is not None:
        parts.append(f"score = {found.soft_cap:g} · tanh(product / {found.soft_cap:g})")
    if found.bias.any():
        parts.append("the score holds a position bias besides the product")
    return "; ".join(parts)


def _select(state: UrlState, key: object, query: int) -> None:
    if isinstance(key, int) and 0 <= key <= query:
        state.set("key", key)
