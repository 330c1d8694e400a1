"""Which token, or which two, the lens and the attribution look at."""

from dataclasses import dataclass

import streamlit as st

from interp_core.errors import InterpError
from interp_views.tokens import visible
from pages.ui import cached, schemas
from pages.ui.bench import Bench
from pages.ui.lens import data
from pages.ui.url_state import UrlState

_HELP = "One token; a space in front counts. Empty: what the model holds likeliest there."
_FOIL_HELP = "The token that the answer is compared with: the logits' difference is taken apart. Empty: the answer's logit alone."
_EXAMPLE_PAIR = (" Mary", " John")
"""What the prompt of a first visit is about."""


@dataclass(frozen=True)
class Answer:
    """The token asked about, and the one that it is compared with."""

    answer: int
    foil: int | None
    answer_text: str
    foil_text: str | None

    @property
    def name(self) -> str:
        """What is measured, as pictures and captions say it: `logit(·Mary) − logit(·John)`."""
        answer = f"logit({visible(self.answer_text)})"
        return answer if self.foil_text is None else f"{answer} − logit({visible(self.foil_text)})"


def show(state: UrlState, bench: Bench, *, foil: bool) -> Answer:
    """Draw the fields, and return the tokens that they name; what stands in for an empty one is seen in it.

    Raises:
        MetricError: A text is not one token.
    """
    stand_in = _stand_in(state, bench, foil)
    st.text_input("Answer", key=state.key("answer"), width=150, help=_HELP, placeholder=visible(stand_in.answer_text))
    if foil:
        none = "none" if stand_in.foil_text is None else visible(stand_in.foil_text)
        st.text_input("Foil", key=state.key("foil"), width=150, help=_FOIL_HELP, placeholder=none)
    answer_text, foil_text = state["answer"], state["foil"] if foil else ""
    answer = data.single_token(bench, answer_text, "answer") if answer_text else stand_in.answer
    if foil_text:
        other = data.single_token(bench, foil_text, "foil")
        return Answer(answer, other, answer_text or stand_in.answer_text, foil_text)
    return Answer(answer, stand_in.foil, answer_text or stand_in.answer_text, stand_in.foil_text)


def spelled(bench: Bench, token: int, text: str) -> str:
    """A token as Python code: its text, or its id where no text gives it."""
    try:
        return repr(text) if data.single_token(bench, text, "answer") == token else str(token)
    except InterpError:
        return str(token)


def position(state: UrlState, bench: Bench) -> int:
    """The position that is looked at: the selected one, or the last."""
    return len(bench.tokenised.ids) - 1 if state["pos"] is None else state["pos"]


def place(state: UrlState, bench: Bench) -> str:
    """That position in words."""
    pos = position(state, bench)
    why = (
        "the one selected in the strip above" if state["pos"] is not None else "the last one, as none is selected above"
    )
    return f"after token {pos}, {visible(bench.tokenised.str_tokens[pos])} ({why})"


def _stand_in(state: UrlState, bench: Bench, foil: bool) -> Answer:
    """What is looked at where nothing is typed: the pair of the worked example, or the likeliest token."""
    typed = state["answer"] or state["foil"]
    at_end = position(state, bench) == len(bench.tokenised.ids) - 1
    if not typed and at_end and bench.prompt.text == schemas.EXAMPLE_PROMPT:
        try:
            one, other = (data.single_token(bench, text, "answer") for text in _EXAMPLE_PAIR)
            return Answer(one, other if foil else None, _EXAMPLE_PAIR[0], _EXAMPLE_PAIR[1] if foil else None)
        except InterpError:
            pass  # this tokenizer splits the names: the likeliest token stands in, as on every other prompt
    found = cached.predictions(bench.run)
    likeliest = int(found.top_ids[position(state, bench), 0])
    return Answer(likeliest, None, found.top_tokens[likeliest], None)
