"""The bench of a saved run: everything from its files, nothing from a model."""

import re

import streamlit as st

from interp_core.errors import InterpError
from interp_core.prompts import Prompt
from interp_core.settings import runs_folder
from interp_core.types import ModelSpec, Run
from pages.ui import cached, share
from pages.ui.bench import Bench, plain, show_problems
from pages.ui.url_state import UrlState


def show(state: UrlState) -> Bench:
    """Draw what stands in the run bar's place, and return the bench. Stops the script where the run cannot be opened."""
    with st.container(border=True):
        try:
            bench = _open(state["saved"])
        except InterpError as error:
            show_problems(state)
            st.error(plain(str(error)))
            _leave_button(state)
            state.commit()
            st.stop()
        facts = bench.saved.facts if bench.saved else None
        assert facts
        card, count = facts.card, len(bench.tokenised.ids)
        st.markdown(f"**Saved run**, read-only: {plain(card.name)}, “{plain(facts.prompt.text[:200])}”")
        generated = count - facts.n_prompt
        st.caption(
            plain(
                f"{count:,} tokens, {generated:,} of them generated · {card.dtype}, {card.processing} weights, revision "
                f"{card.revision[:12]} · saved {re.sub('[T+].*', '', facts.created)} · no model is needed to look at it"
            )
        )
        if facts.interventions:
            st.caption(plain("Saved under interventions: " + "; ".join(facts.interventions)))
        with st.container(horizontal=True):
            _leave_button(state, facts.prompt)
            with st.popover("Share", icon=":material/link:"):
                share.show_link(state)
    state.restrict("pos", count, f"the run has {count} tokens")
    state.restrict("layer", card.n_layers, f"the model has {card.n_layers} layers, 0 to {card.n_layers - 1}")
    state.restrict("head", card.n_heads, f"the model has {card.n_heads} heads a layer, 0 to {card.n_heads - 1}")
    show_problems(state)
    state.commit()
    return bench


def _open(key: str) -> Bench:
    run = cached.saved_run(runs_folder() / key)
    facts = run.facts
    spec = ModelSpec("folder", facts.card.name)
    return Bench(spec, facts.card, facts.prompt, facts.tokenised, Run(spec, facts.tokenised.ids), saved=run)


def _leave_button(state: UrlState, prompt: Prompt | None = None) -> None:
    st.button(
        "Back to the live model", key="saved.leave", icon=":material/undo:", on_click=_leave, args=(state, prompt)
    )


def _leave(state: UrlState, prompt: Prompt | None) -> None:
    """Take the prompt along: the live model may be another, the text is the same."""
    state.set("saved", "")
    if prompt:
        for name, value in (("prompt", prompt.text), ("bos", prompt.prepend_bos), ("chat", prompt.chat)):
            state.set(name, value)
