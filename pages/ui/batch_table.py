"""The batch at a glance: loss and next token of each of its prompts."""

import pandas as pd
import streamlit as st

from interp_core.errors import InterpError
from interp_core.types import Run
from interp_views.tokens import visible
from pages.ui import batch, cached
from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

_AT_ONCE = 200


def show(state: UrlState, bench: Bench) -> None:
    """Draw the table where there is a batch; its prompts run only when asked for."""
    prompts = batch.prompts_in_use()[:_AT_ONCE]
    if not prompts:
        return
    st.subheader("The batch", anchor=False)
    st.caption(
        f"Mean loss and likeliest next token of {len(prompts)} prompts"
        + (f", the first {_AT_ONCE}" if len(prompts) == _AT_ONCE else "")
    )
    if not st.toggle("Run them all", key="batch.run"):
        return
    bar, rows = st.progress(0.0), []
    for place, text in enumerate(prompts):
        bar.progress((place + 1) / len(prompts), text=f"Prompt {place + 1} of {len(prompts)}")
        rows.append(_row(bench, text))
    bar.empty()
    table = pd.DataFrame(rows)
    st.dataframe(table, hide_index=True, width="stretch")
    st.download_button(
        "Table as CSV", table.to_csv(index=False), "batch.csv", "text/csv", on_click="ignore", key="batch.csv"
    )


def _row(bench: Bench, text: str) -> dict[str, object]:
    try:
        tokens = cached.tokenised(bench.spec, bench.prompt.with_text(text))
        found = cached.predictions(Run(bench.spec, tokens.ids, bench.run.interventions))
    except InterpError as error:
        return {
            "prompt": text,
            "tokens": None,
            "mean loss (nats)": None,
            "next token": None,
            "probability": None,
            "problem": str(error),
        }
    best = int(found.top_ids[-1, 0])
    return {
        "prompt": text,
        "tokens": len(tokens.ids),
        "mean loss (nats)": round(found.mean_loss, 4),
        "next token": visible(found.top_tokens[best]),
        "probability": round(float(found.top_probability[-1, 0]), 4),
        "problem": "",
    }
