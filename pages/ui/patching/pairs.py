"""The corrupted prompt beside the clean one, token by token."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_core.prompt_pairs import PromptPair, align
from interp_core.types import Run
from interp_views.token_strip import StripView, strip_payload
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.tokens import Tokenised


def show(state: UrlState, bench: Bench) -> PromptPair:
    """Draw the corrupted prompt and where it differs, and return the pair.

    Raises:
        InterpError: The prompts cannot be compared.
    """
    st.text_area(
        "Corrupted prompt", key=state.key("corrupted"), height=68,
        placeholder="The prompt above, with what matters changed",
        help="The prompt above is the clean one: it shows the behaviour. This one is as alike as can be, and lacks it.",
    )  # fmt: skip
    st.caption("The prompt in the bar on top is the clean prompt; all pages share it. This one belongs to this page.")
    if not state["corrupted"].strip():
        raise InterpError(
            "There is no corrupted prompt. Type the prompt above again with the words changed that matter, token by token."
        )
    prompt = bench.prompt.with_text(state["corrupted"])
    tokens = cached.tokenised(bench.spec, prompt)
    fitting = cached.fit_interventions(bench.spec, bench.run.interventions, tokens.ids)
    _show_difference(bench, tokens)
    return PromptPair(bench.run, Run(bench.spec, tokens.ids, fitting))


def _show_difference(bench: Bench, corrupted: "Tokenised") -> None:
    clean = bench.tokenised
    places = align(clean.ids, corrupted.ids).places
    differs = np.full(len(corrupted.ids), np.nan, np.float32)
    changed: list[int | None] = []
    for a, b in places:
        same = a is not None and b is not None and clean.ids[a] == corrupted.ids[b]
        changed += [] if same else [b]
        if b is not None and not same:
            differs[b] = 1.0
    picture(
        "token_strip",
        strip_payload(StripView(corrupted.str_tokens, corrupted.special, shade=differs, lines=4)),
        key="picture.corrupted",
        events={"select": lambda _: None},
    )
    lacking = sum(b is None for _, b in places)
    first = min((b for b in changed if b is not None), default=None)
    st.caption(
        f"{len(corrupted.ids)} tokens, {len(changed)} {'differs' if len(changed) == 1 else 'differ'} (shaded)"
        + ("" if first is None else f", {'the first ' if len(changed) > 1 else ''}at {first}")
        + (f"; {lacking} of the clean prompt have no counterpart here." if lacking else ".")
    )


def swapped(state: UrlState) -> None:
    """Make the corrupted prompt the clean one, and the other way round."""
    clean, corrupted = state["prompt"], state["corrupted"]
    state.set("prompt", corrupted)
    state.set("corrupted", clean)
    answers, foils = state["answers"], state["foils"]
    if foils:
        state.set("answers", foils)
        state.set("foils", answers)
