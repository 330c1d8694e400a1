"""The example that was clicked: its whole window, and the way to look at it with every other instrument."""

from typing import Any

import numpy as np
import streamlit as st

from interp_core.types import Run
from interp_views.signed_text import SignedTextView, signed_text_payload
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.feature.dashboard import windows_of
from pages.ui.mount import picture
from pages.ui.sae import data, left_out
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState


def show(state: UrlState, bench: Bench, sae: SaeBench, made: dict[str, Any]) -> None:
    """Draw the selected example, if there is one."""
    number, feature = state["example"], made["feature"]
    if number is None or sae.harvest is None:
        if made["examples"]:
            st.caption("Click an example to see its whole window, its exact loss effects, and to take it to the bench.")
        return
    if number >= len(made["examples"]):
        state.set("example", None)
        return
    example, window = windows_of(sae, feature)[number]
    st.subheader(f"Example {number}: document {example.document}, token {example.place}", anchor=False)
    tokens = cached.loaded(bench.spec).tokenizer.describe(window.tokens)
    found = data.reading(Run(bench.spec, window.tokens), sae)
    view = SignedTextView(tokens.str_tokens, tokens.special, found.of(feature), sae.title(feature), "SAE units")
    picture(
        "signed_text",
        signed_text_payload(view),
        key="feature.window", events={},
    )  # fmt: skip
    if found.left_out:
        st.caption(left_out.counted(found.left_out, found.n_pos).strip())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Put it on the bench", key="feature.take", icon=":material/input:", on_click=_take, args=(state, bench, window),
            help="Its text up to the peak becomes the prompt of all pages.",
        )  # fmt: skip
        st.button("Close", key="feature.close", icon=":material/close:", on_click=state.set, args=("example", None))
    sources = _sources(bench, sae, made, window)
    if sources is not None:
        st.caption("Direct feature attribution: attention times value along the encoder's direction, by source token.")
        picture(
            "signed_text",
            signed_text_payload(
                SignedTextView(tokens.str_tokens, tokens.special, sources, sae.title(feature), "SAE units")
            ),
            key="feature.sources", events={},
        )  # fmt: skip


def _sources(bench: Bench, sae: SaeBench, made: dict[str, Any], window: Any) -> np.ndarray | None:
    """By source token; None for an SAE that does not read heads."""
    if sae.config.point != "z":
        return None
    found = data.sources(bench.spec, sae, made["feature"], window.tokens, window.pos)
    return found.contribution.sum(0).astype(np.float32)


def _take(state: UrlState, bench: Bench, window: Any) -> None:
    loaded = cached.loaded(bench.spec)
    ids = window.tokens[: window.pos + 1]
    begins = bool(ids) and ids[0] == loaded.tokenizer.bos_id
    state.set("prompt", loaded.tokenizer.decode(ids[1:] if begins and len(ids) > 1 else ids, special=True))
    state.set("bos", begins)
    state.set("chat", False)
    state.set("pos", None)
