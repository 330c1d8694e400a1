"""Attention: where every head of a layer looks."""

import streamlit as st

from interp_core.errors import InterpError
from interp_views.attention import AttentionView, attention_payload
from interp_views.component import Component
from pages.ui import attention_controls, cached, run_bar, schemas, share, tables
from pages.ui.bench import plain
from pages.ui.mount import picture
from pages.ui.opening import open_page

state = open_page(
    "attention", "Attention", "From each token, which earlier tokens does each head read?", schemas.ATTENTION
)
bench = run_bar.show(state)
attention_controls.show(state, bench)
layer, head = state["layer"], state["head"]
try:
    patterns = cached.attention_patterns(bench.run, layer).layer(layer)
except InterpError as error:
    st.error(plain(str(error)))
    st.stop()

payload = attention_payload(
    AttentionView(
        tokens=bench.tokenised.str_tokens,
        layer=layer,
        patterns=patterns,
        head=head or 0,
        head_locked=head is not None,
        pos=state["pos"],
        direction=state["direction"],
        special=bench.tokenised.special,
    )
)
picture(
    "attention",
    payload,
    key="attention.view",
    event="lock",
    react=lambda value: attention_controls.lock(state, bench, value),
)
with st.expander("How to read this"):
    st.markdown(
        "Each row of a pattern is a query (destination) token and sums to 1: how much of what it reads comes from each "
        "key (source) token before it. Cells above the diagonal are masked, since no token sees the future. Hover a head "
        "to look at it, click to hold it; the same for tokens, independently. **From**: the held token is the query, and "
        "the text shows where it looks. **To**: it is the key, and the text shows who looks at it. Small pictures are "
        "within 1/255 of the value; the held head's values are exact. A bright first column is common: heads with "
        "nothing to read rest on the first token (attention sink, Xiao et al. 2023, arXiv:2309.17453)."
    )
share.show_downloads(
    "attention",
    lambda: tables.attention_table(bench.tokenised, patterns[head or 0], layer, head or 0),
    lambda: Component.load("attention").standalone(payload, f"Hookscope: attention, layer {layer}"),
    share.load_code(bench) + f"hookscope.show_attention(model, prompt, layer={layer}, head={head or 0})",
)
st.page_link(
    "pages/prompt.py",
    label="See what the model predicts on this prompt",
    icon=":material/arrow_forward:",
    query_params=state.shared_link(),
)
