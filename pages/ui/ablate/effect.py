"""The interventions in force: what the model says under them, beside what it says without."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from interp_views.position_bars import position_bars
from pages.ui import cached, share
from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.comparison import Comparison


def show(state: UrlState, bench: Bench) -> None:
    """Draw both outputs side by side.

    Raises:
        InterpError: The comparison failed.
    """
    if not bench.interventions:
        st.info(
            "Nothing is changed yet. Click a part of the picture below and switch it off, or add any intervention in the "
            "sidebar: it is then in force on every page."
        )
        return
    found = cached.comparison(bench.clean_run, bench.changed_run)
    tokens = bench.tokenised
    pos = state["pos"] if state["pos"] is not None else len(tokens.ids) - 1
    with st.container(horizontal=True):
        st.metric(f"KL divergence after {_named(tokens.str_tokens, pos)}", f"{found.kl[pos]:.4f} nats", border=True)
        clean, changed = np.nanmean(found.clean_loss[1:]), np.nanmean(found.changed_loss[1:])
        if len(tokens.ids) > 1:
            st.metric(
                "Mean loss of the prompt", f"{changed:.3f} nats", f"{changed - clean:+.3f} against clean",
                delta_color="inverse", border=True,
            )  # fmt: skip
        worst = int(np.argmax(found.kl))
        st.metric(
            "Largest KL divergence", f"{found.kl[worst]:.4f} nats", f"after {_named(tokens.str_tokens, worst)}",
            delta_color="off", delta_arrow="off", border=True,
        )  # fmt: skip
    left, right = st.columns(2)
    with left:
        st.plotly_chart(_loss_figure(found, tokens.str_tokens), width="stretch", key="ablate.loss")
    with right:
        st.caption(f"What follows {_named(tokens.str_tokens, pos)}. Select a token above for another position.")
        st.dataframe(_top(found, pos), hide_index=True, width="stretch", key="ablate.top")
    with st.expander("How to read this"):
        st.markdown(
            "**KL divergence** is KL(clean ‖ changed) of the next-token distribution, in nats: 0 means that nothing changed "
            "at that position. **Loss** is the cross-entropy of the token that stands there; what the interventions make "
            "worse rises. **Rank** counts from 0, the likeliest token."
        )
    share.show_downloads(
        "ablate",
        lambda: _table(found, tokens.str_tokens),
        lambda: _loss_figure(found, tokens.str_tokens).to_html(include_plotlyjs=True),
        share.load_code(bench) + "hookscope.compare(model, prompt)",
    )


def _named(str_tokens: tuple[str, ...], pos: int) -> str:
    return f"{pos}: {str_tokens[pos]!r}"


def _top(found: "Comparison", pos: int) -> pd.DataFrame:
    places = list({int(index): place for place, index in reversed(list(enumerate(found.ids[pos])))}.values())
    places.sort()
    clean, changed = found.clean_rank[pos, places], found.changed_rank[pos, places]
    return pd.DataFrame(
        {
            "token": [repr(found.texts[int(found.ids[pos, place])]) for place in places],
            "clean": found.clean_probability[pos, places],
            "changed": found.changed_probability[pos, places],
            "rank": [f"{a} → {b}" if a != b else f"{a}" for a, b in zip(clean, changed, strict=True)],
        }
    )


def _table(found: "Comparison", str_tokens: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pos": range(len(str_tokens)),
            "token": str_tokens,
            "kl_nats": found.kl,
            "clean_loss_nats": found.clean_loss,
            "changed_loss_nats": found.changed_loss,
        }
    )


def _loss_figure(found: "Comparison", str_tokens: tuple[str, ...]) -> Any:
    return position_bars(
        str_tokens, {"clean": found.clean_loss, "changed": found.changed_loss}, title="Loss of each token", unit="nats"
    )
