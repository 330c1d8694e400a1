"""The run bar on top of every page that looks at a run: prompt, switches, batch, tokens, share."""

import streamlit as st

from interp_views.token_strip import StripView, strip_payload
from pages.ui import batch, interventions, share
from pages.ui.bench import Bench, lay_out
from pages.ui.mount import picture
from pages.ui.text_code import encode_text, is_by_reference
from pages.ui.url_state import UrlState

_BOS_HELP = "Prepend the tokenizer's BOS token, once. Most models expect one in front; switch it off to compare."
_CHAT_HELP = (
    "Take the prompt as a user's message and apply the tokenizer's chat template, which may add a system message."
)


def show(state: UrlState) -> Bench:
    """Draw the bar, wait for the model, and return what the page looks at. Stops the script on bad input."""
    with st.container(border=True):
        st.text_area(
            "Prompt", key=state.key("prompt"), height=68, placeholder="Type a prompt and press Ctrl+Enter",
            on_change=_forget_places, args=(state,),
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.button("Run", type="primary", shortcut="Ctrl+Enter", width="content", key="bar.run")
            st.toggle("BOS", key=state.key("bos"), help=_BOS_HELP)
            st.toggle("Chat template", key=state.key("chat"), help=_CHAT_HELP)
            with st.popover("Batch", icon=":material/list:"):
                batch.show_input(state)
            with st.popover("Share", icon=":material/link:"):
                share.show_link(state)
        batch.show_selector(state)
        bench = lay_out(state)
        interventions.show_in_force(state, bench.interventions, bench.run.interventions)
        _show_strip(state, bench)
    return bench


_PLACES = ("pos", "key", "zoom", "observed", "observer", "cells")
"""What names positions of the prompt: another prompt has others there."""


def _forget_places(state: UrlState) -> None:
    for name in _PLACES:
        if name in state.schema:
            state.set(name, state.schema[name].default)


def _show_strip(state: UrlState, bench: Bench) -> None:
    tokenised = bench.tokenised
    count = len(tokenised.ids)
    note = {0: "no BOS in front", 1: "BOS in front, once"}.get(
        tokenised.bos_count, f"BOS {tokenised.bos_count} times in front"
    )
    st.caption(
        f"{count:,} {'token' if count == 1 else 'tokens'} of {bench.card.n_ctx:,} · {note}"
        + (" · chat template applied, which decides about BOS" if bench.prompt.chat else "")
        + (
            " · too long for a link that works everywhere: see Share"
            if is_by_reference(encode_text(state["prompt"]))
            else ""
        )
    )
    pos = state["pos"] if state["pos"] is None or state["pos"] < count else None  # of another prompt, in a set
    picture(
        "token_strip",
        strip_payload(StripView(tokenised.str_tokens, tokenised.special, pos=pos, lines=4)),
        key="bar.strip",
        events={"select": lambda value: select_position(state, value.get("pos"), count)},
    )


def select_position(state: UrlState, pos: object, count: int) -> None:
    """Select what the browser names, if it is a position of this prompt."""
    state.set("pos", pos if isinstance(pos, int) and 0 <= pos < count else None)
