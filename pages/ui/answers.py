"""The metric by which runs are compared: its kind, answers and foils."""

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.metrics import Metric

METRICS = {
    "logit_difference": "Logit difference",
    "log_probability": "Log-probability",
    "probability": "Probability",
    "rank": "Rank",
    "kl": "KL divergence",
}
_HELP = (
    "What the model says at the last position. Logit difference: mean logit of the answers minus that of the foils. "
    "Log-probability and probability: of all answers together. Rank: of the best answer, 0 is first. KL divergence: from the "
    "clean run to the changed one, in nats."
)


def show_metric(state: UrlState, bench: Bench) -> "Metric":
    """Draw the controls, and return the metric.

    Raises:
        MetricError: An answer is not one token.
    """
    from interp_core.metrics import Metric  # noqa: PLC0415  torch: after the first paint

    st.selectbox(
        "Metric", list(METRICS), key=state.key("metric"), format_func=METRICS.__getitem__, help=_HELP, width=190
    )
    kind = state["metric"]
    if kind != "kl":
        st.text_input(
            "Answers", key=state.key("answers"), width=150,
            help="One token each, with its space in front; several are parted by |.",
        )  # fmt: skip
    if kind == "logit_difference":
        st.text_input("Foils", key=state.key("foils"), width=150, help="What the answers are compared with.")
    answers = _ids(bench, state["answers"], "answer") if kind != "kl" else ()
    foils = _ids(bench, state["foils"], "foil") if kind == "logit_difference" else ()
    return Metric(kind, answers, foils).checked()


def show_metric_read(bench: Bench, metric: "Metric") -> None:
    """Say as which tokens answers and foils were read."""
    said = [
        f"{name} {_spelled(bench, ids)}" for name, ids in (("answers", metric.answers), ("foils", metric.foils)) if ids
    ]
    if said:
        st.caption("Read as single tokens: " + plain(", ".join(said)))


def metric_code(state: UrlState) -> str:
    """The metric as arguments of a notebook call."""
    parts = [f"metric={state['metric']!r}"]
    if state["metric"] != "kl":
        parts.append(f"answers={_texts(state['answers'])}")
    if state["metric"] == "logit_difference":
        parts.append(f"foils={_texts(state['foils'])}")
    return ", ".join(parts)


def _texts(text: str) -> str:
    return repr([part for part in text.split("|") if part])


def _ids(bench: Bench, text: str, what: str) -> tuple[int, ...]:
    from interp_core.answers import single_token  # noqa: PLC0415  imports the tokenizer's library

    tokenizer = cached.loaded(bench.spec).tokenizer
    return tuple(dict.fromkeys(single_token(tokenizer, part, what) for part in text.split("|") if part))


def _spelled(bench: Bench, ids: tuple[int, ...]) -> str:
    tokens = cached.loaded(bench.spec).tokenizer.str_tokens(ids)
    return ", ".join(f"'{token}' (id {index})" for token, index in zip(tokens, ids, strict=True))
