"""Prompt: what the model reads, what it expected, what it would write."""

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_views.component import Component
from interp_views.prompt_view import PromptView, prompt_payload
from pages.ui import batch_table, cached, generation, run_bar, schemas, share, tables
from pages.ui.bench import plain
from pages.ui.mount import picture
from pages.ui.opening import open_page

state = open_page(
    "prompt", "Prompt", "What does the model read, and what did it expect at every token?", schemas.PROMPT
)
bench = run_bar.show(state)
try:
    found = cached.predictions(bench.run)
except InterpError as error:
    st.error(plain(str(error)))
    st.stop()

tokens = bench.tokenised
payload = prompt_payload(
    PromptView(
        tokens=tokens.str_tokens,
        ids=np.asarray(tokens.ids, np.int64),
        special=tokens.special,
        loss=found.loss,
        probability=found.probability,
        rank=found.rank,
        top_ids=found.top_ids,
        top_tokens=found.top_tokens,
        top_probability=found.top_probability,
        pos=state["pos"],
    )
)
picture(
    "prompt_view", payload, key="prompt.view",
    events={"select": lambda value: run_bar.select_position(state, value.get("pos"), len(tokens.ids))},
)  # fmt: skip
with st.expander("Every position as a table"):
    st.dataframe(tables.shown(tables.prompt_table(tokens, found)), hide_index=True, width="stretch", key="prompt.table")
with st.expander("How to read this"):
    st.markdown(
        "Loss is the cross-entropy, in nats, of the token that stands there, given all before it: 0 means that the "
        "model was certain of it, and log(vocabulary size) is what blind guessing costs. Its probability is exp(−loss). Nothing predicts the "
        "first token, so it has neither. Hover a token or a bar to see what the model expected **after** it; click to "
        "hold it. The held position is the same on every page. Losses are those of TransformerLens' `loss_per_token`."
    )
share.show_downloads(
    "prompt",
    lambda: tables.prompt_table(tokens, found),
    lambda: Component.load("prompt_view").standalone(payload, "Hookscope: prompt"),
    share.load_code(bench) + "hookscope.show_prompt(model, prompt)",
)
batch_table.show(state, bench)
st.page_link(
    "pages/attention.py",
    label="See where the heads look on this prompt",
    icon=":material/arrow_forward:",
    query_params=state.shared_link(),
)
st.subheader("Continue the text", anchor=False)
generation.show(state, bench)
