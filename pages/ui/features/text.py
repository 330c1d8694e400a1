"""Fires on a text: the features that are active on the prompt, or on any text that is typed, the strongest first."""

import hashlib

import streamlit as st

from interp_core.types import Run
from interp_views.tokens import label
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.features import code, data, offers, rows, selected
from pages.ui.features.data import Browser
from pages.ui.markdown import plain
from pages.ui.sae import left_out
from pages.ui.url_state import UrlState

_SHOWN = 100
_HOW_TO_READ = (
    "Every feature that is active anywhere on the text, by its largest activation on it, with the token at which that is. "
    "Activations are in the SAE's own units and are not comparable between features: compare one with the largest of the harvest "
    "beside it. A feature that is strong here may be strong everywhere: look at its density. Positions whose norm the SAE was not "
    "trained on, mostly the first, are left out."
)


def show(state: UrlState, bench: Bench, browser: Browser) -> None:
    """Draw the view.

    Raises:
        InterpError: The text cannot be run, or an intervention does not fit it.
    """
    st.text_area(
        "Text", key=state.key("text"), height=68, placeholder="Empty: the prompt above",
        help="It is tokenised as the prompt is: BOS and chat template as they are switched above.",
    )  # fmt: skip
    run = _run(state, bench)
    found = data.text_features(run, browser.sae)
    tokens = cached.loaded(bench.spec).tokenizer.describe(run.tokens)
    if run.interventions:
        st.caption(plain("Under " + ", ".join(one.label for one in run.interventions) + ", as on every page."))
    st.caption(_counted(found, len(run.tokens), min(_SHOWN, len(found.feature))))
    peaks = [label(pos, tokens.str_tokens[pos]) for pos in found.pos.tolist()]
    about = hashlib.sha256(repr((browser.sae.checksum, run)).encode()).hexdigest()[:16]
    if len(found.feature):
        rows.show(
            state, browser, browser.table.rows(found.feature[:_SHOWN].tolist()), f"text.{about}",
            {
                "activation": (found.activation[:_SHOWN].tolist(), st.column_config.NumberColumn(format="%.2f", help="Largest on this text.")),
                "peaks at": (peaks[:_SHOWN], None),
                "positions": (found.n_pos[:_SHOWN].tolist(), st.column_config.NumberColumn(help="At which it is active.")),
            },
        )  # fmt: skip
    selected.show(state, browser)
    offers.show(bench, browser)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    rows.show_downloads(
        "text-features",
        lambda: rows.full(
            browser, browser.table.rows(found.feature.tolist()),
            {"activation": found.activation, "position": found.pos, "peaks_at": peaks, "positions": found.n_pos},
        ),
        code.of_text(bench, browser, run),
    )  # fmt: skip


def _run(state: UrlState, bench: Bench) -> Run:
    """The prompt's run, or one of the typed text under the same interventions."""
    if not state["text"]:
        return bench.run
    tokens = cached.tokenised(bench.spec, bench.prompt.with_text(state["text"])).ids
    return Run(bench.spec, tokens, cached.fit_interventions(bench.spec, bench.run.interventions, tokens))


def _counted(found, n_pos: int, shown: int) -> str:
    more = f", the strongest {shown} of which are shown" if shown < len(found.feature) else ""
    left = left_out.counted(found.left_out, n_pos)
    return (
        f"{len(found.feature):,} features are active on these {n_pos:,} tokens{more}.{left} Click a row to select one."
    )
