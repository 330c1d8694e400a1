"""The feature on the prompt or on any text, live: where it fires, and what the model would lose without it."""

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_core.prompts import Prompt
from interp_core.types import Run
from interp_views.signed_text import SignedTextView, signed_text_payload
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.mount import picture
from pages.ui.sae import data, left_out
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

_SAYS = {"activation": "Activation", "effect": "Loss effect, exact"}


def show(state: UrlState, bench: Bench, sae: SaeBench, feature: int) -> None:
    """Draw the text box, and the text coloured by the feature."""
    st.subheader("On any text", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.text_area(
            "Text", key=state.key("text"), height=68, placeholder="Empty: the prompt of the bench, under its interventions",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        st.segmented_control(
            "Colour", list(_SAYS), key=state.key("by"), format_func=_SAYS.__getitem__, required=True,
            label_visibility="collapsed",
        )  # fmt: skip
    try:
        _show(state, bench, sae, feature)
    except InterpError as error:
        st.error(plain(str(error)))


def _show(state: UrlState, bench: Bench, sae: SaeBench, feature: int) -> None:
    if state["text"]:
        tokens = cached.tokenised(bench.spec, Prompt(state["text"], prepend_bos=state["bos"]))
        run = Run(bench.spec, tokens.ids)
    else:
        tokens, run = bench.tokenised, bench.run
    found = data.reading(run, sae)
    activations, active = found.of(feature), found.pos[found.feature == feature]
    values, unit = activations, "SAE units"
    if state["by"] == "effect":
        values, unit = _effects(run, sae, feature, active), "nats"
    picture(
        "signed_text",
        signed_text_payload(SignedTextView(tokens.str_tokens, tokens.special, values, sae.title(feature), unit)),
        key="feature.live", events={},
    )  # fmt: skip
    left = left_out.counted(found.left_out, found.n_pos)
    if not len(active):
        st.caption(f"It is active on no token of this text.{left}")
    else:
        peak = int(active[np.abs(activations[active]).argmax()])
        st.caption(
            f"Active on {len(active)} of {found.n_pos} tokens, most at position {peak}: {plain(repr(tokens.str_tokens[peak]))} "
            f"{activations[peak]:.2f}.{left}"
            + (" At each token: how much its loss rises when the feature is removed at the token before." if state["by"] == "effect" else "")
        )  # fmt: skip


def _effects(run: Run, sae: SaeBench, feature: int, active: np.ndarray) -> np.ndarray:
    """At each token, the loss with the feature removed at the one before, less the loss as it is."""
    n_pos = len(run.tokens)
    cells = tuple((feature, int(pos)) for pos in active if pos < n_pos - 1)
    values = np.full(n_pos, np.nan, np.float32)
    if cells:
        found = data.removals(run, sae, cells, "next")
        for row, (_, pos) in enumerate(cells):
            values[pos + 1] = found.effect[row, pos]
    return values
