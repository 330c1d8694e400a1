"""The parity panel: this model against Hugging Face's own forward pass over the same folder."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from interp_core.errors import InterpError
from interp_core.memory import available_bytes
from interp_core.settings import GIB
from pages.ui import cached
from pages.ui.bench import Bench, plain

if TYPE_CHECKING:
    from interp_core.parity import Parity

_COMPARED = "parity.compared"
CLOSE = 1e-4
"""Nats; what a float32 model on the CPU is held to."""


def show(bench: Bench) -> None:
    """Draw the figures; the probe set is measured once for a model, the prompt when asked."""
    needed = cached.reference_bytes(bench.spec)
    memory = f"A second copy of the model is loaded and freed again: up to {needed / GIB:.1f} GiB, of {available_bytes() / GIB:.1f} GiB free."
    bos, probes, prompt = st.columns(3)
    with bos.container(border=True, height="stretch"):
        _show_bos(bench)
    with probes.container(border=True, height="stretch"):
        st.markdown("**20 fixed prompts of different kinds**")
        _show_measured(lambda: cached.probe_parity(bench.spec))
        st.caption("Measured once for this model and kept. " + memory)
    with prompt.container(border=True, height="stretch"):
        st.markdown("**Your prompt**")
        st.caption(memory)
        if st.button("Compare on this prompt", width="stretch", key="parity.compare"):
            st.session_state[_COMPARED] = bench.run
        if st.session_state.get(_COMPARED) == bench.run:
            _show_measured(lambda: cached.prompt_parity(bench.spec, bench.prompt))
    with st.expander("How to read this"):
        st.markdown(
            "Figures are the largest absolute difference of any log-probability, over every position and every token of "
            "the vocabulary, to Hugging Face's own eager float32 forward pass over the same folder, before any processing. "
            "Log-probabilities are compared because centring shifts logits by a constant, which changes nothing. "
            "Beside it stands the yardstick: how far that float32 pass is from its own float64 pass on the worst prompt. "
            "Differences of that size are rounding; much larger ones are not. Half precision is compared with float32 too, "
            "so its figure says what it costs."
        )


def _show_measured(measure: Callable[[], "Parity"]) -> None:
    try:
        parity = measure()
    except InterpError as error:
        st.error(plain(str(error)))
        return
    close = parity.log_prob_difference <= max(CLOSE, 4 * parity.rounding)
    st.metric("largest, nats", f"{parity.log_prob_difference:.1e}", border=False)
    st.markdown(
        f"{':green' if close else ':orange'}[{'within float32 rounding' if close else 'more than float32 rounding'}] · "
        f"rounding of the reference itself {parity.rounding:.1e} · likeliest token "
        f"{'the same everywhere' if parity.same_top else '**differs somewhere**'} · {parity.n_pos:,} positions"
    )
    if parity.n_prompts > 1:
        st.caption(f"Largest on: {plain(parity.worst_prompt[:80])}")


def _show_bos(bench: Bench) -> None:
    count, name = bench.tokenised.bos_count, bench.card.bos_token
    st.markdown("**BOS token**")
    if name is None:
        st.metric("in front", "none")
        st.caption("This tokenizer names no BOS token, so none is prepended.")
        return
    st.metric("in front", f"{count} ×")
    if count == 1:
        st.markdown(f":green[exactly once] · {plain(name)}")
    elif count == 0:
        st.markdown(f":orange[missing] · the model was trained with {plain(name)} in front: switch BOS on")
    else:
        st.markdown(f":orange[more than once] · remove {plain(name)} from the text")
    st.caption(f"Weights: {bench.card.processing}: {bench.card.processing_note}.")
