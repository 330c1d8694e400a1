"""What was loaded, as a table of facts."""

import pandas as pd
import streamlit as st

from interp_core.settings import GIB
from pages.ui import cached
from pages.ui.bench import Bench


def show(bench: Bench) -> None:
    """Draw the facts in two columns."""
    card = bench.card
    lane = cached.engine().open(bench.spec)
    heads = f"{card.n_heads} query heads of {card.d_head}" + (
        f" over {card.n_key_value_heads} key/value heads" if card.n_key_value_heads != card.n_heads else ""
    )
    loaded = {
        "Model": card.name,
        "Source": card.source,
        "Revision": card.revision,
        "Quantisation": card.quantisation,
        "Number type": card.dtype,
        "Device": card.device,
        "Weight processing": card.processing,
        "Memory": f"estimated {lane.estimate}" if lane.estimate else "unknown",
    }
    shape = {
        "Architecture": card.architecture,
        "Parameters": f"{card.n_params:,}",
        "Layers": f"{card.n_layers}",
        "Attention": heads,
        "Residual stream": f"d_model {card.d_model:,}, MLP {card.d_mlp:,}",
        "Context": f"{card.n_ctx:,} tokens",
        "Tokenizer": f"{card.tokenizer}, {card.d_vocab:,} tokens",
        "BOS": f"{card.bos_token or 'none'}; chat template: {'yes' if card.has_chat_template else 'no'}",
    }
    for column, facts in zip(st.columns(2), (loaded, shape), strict=True):
        table = pd.DataFrame({"Fact": facts.keys(), "Value": facts.values()})
        column.dataframe(table, hide_index=True, width="stretch")


def show_residents() -> None:
    """Every resident model with a button to let go of it."""
    lanes = [lane for lane in cached.engine().lanes() if lane.state in ("loading", "ready")]
    if not lanes:
        st.caption("No model is resident.")
    for index, lane in enumerate(lanes):
        name, memory, state, button = st.columns([3, 3, 2, 2], vertical_alignment="center")
        name.text(f"{lane.spec.name} ({lane.spec.dtype}, {lane.spec.processing})")
        memory.text(f"about {lane.estimate.resident / GIB:.2f} GiB" if lane.estimate else "unknown")
        state.text("in use" if lane.state == "ready" and not lane.idle else lane.state)
        if button.button("Let go", key=f"settings.evict.{index}", disabled=not lane.idle, width="stretch"):
            cached.engine().evict(lane.spec)
            st.rerun()
