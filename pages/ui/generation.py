"""Continuing the prompt: controls, tokens as they come, a button that stops.

Not a fragment: Streamlit lets a running fragment finish before it hears of a button inside it, so Stop would come
too late. It is the last thing on its page instead, and whatever interrupts it finds the job again.
"""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from interp_core.errors import InterpError, JobCancelledError
from interp_core.jobs import Job
from interp_views.token_strip import StripView, strip_payload
from pages.ui import cached
from pages.ui.bench import Bench, plain
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.generation import Continuation

_JOB, _SHOWN, _ATTEMPT = "generation.job", "generation.shown", "generation.attempt"


def show(state: UrlState, bench: Bench) -> None:
    """Draw controls and what was generated, and wait for what is being generated."""
    st.caption(
        "Greedy at temperature 0; otherwise sampled with the seed, the same tokens each time. Shaded by the model's own "
        "probability of each token."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Tokens", 1, 2048, key=state.key("tokens"), width=140)
        st.number_input("Temperature", 0.0, 10.0, step=0.1, key=state.key("temperature"), width=140)
        st.number_input("Top-k (0: all)", 0, 100_000, key=state.key("top_k"), width=140)
        st.number_input("Top-p (1: all)", 0.01, 1.0, step=0.05, key=state.key("top_p"), width=140)
        st.number_input("Seed", 0, 1_000_000, key=state.key("seed"), width=140)
    with st.container(horizontal=True):
        st.button(
            "Generate", type="primary", key="generation.start", on_click=_start, args=(state, bench), shortcut="G"
        )
        st.button("Stop", key="generation.stop", on_click=_stop, disabled=st.session_state.get(_JOB) is None)
    place = st.empty()
    job: Job | None = st.session_state.get(_JOB)
    if job is not None:
        try:
            # As text while it comes: a picture may be mounted only once in a script run.
            made = cached.wait_for_generation(job, lambda so_far: place.text(so_far.text))
            _keep(bench, made, "The model ended its text." if made.ended else "")
        except JobCancelledError:
            _keep(bench, _so_far(job), "Stopped.")
        except InterpError as error:
            _keep(bench, _so_far(job), str(error))
        st.session_state[_JOB] = None
    shown = st.session_state.get(_SHOWN)
    if shown and shown[0] == bench.run:
        _show_result(state, bench, place, shown[1], shown[2])


def _show_result(state: UrlState, bench: Bench, place: DeltaGenerator, made: "Continuation | None", note: str) -> None:
    if made is None or not made.ids:
        place.info(plain(note))
        return
    tokens = bench.tokenised
    view = StripView(
        tokens.str_tokens + made.str_tokens,
        tokens.special + (False,) * len(made.ids),
        bold_until=len(tokens.ids),
        shade=np.concatenate([np.full(len(tokens.ids), np.nan, np.float32), made.probability]),
        shade_label="probability, 0 to 1",
        lines=8,
    )
    with place.container():
        picture("token_strip", strip_payload(view), key="generation.strip", events={"select": lambda _: None})
        count = len(made.ids)
        st.caption(plain(f"{count} {'token' if count == 1 else 'tokens'}. {note}"))
        st.button("Put it into the prompt", key="generation.take", on_click=_take, args=(state, bench, made))


def _start(state: UrlState, bench: Bench) -> None:
    from interp_core.generation import Sampling  # noqa: PLC0415  torch: after the first paint

    _stop()
    sampling = Sampling(state["tokens"], state["temperature"], state["top_k"], state["top_p"], state["seed"])
    st.session_state[_ATTEMPT] = st.session_state.get(_ATTEMPT, 0) + 1
    st.session_state[_SHOWN] = None
    try:
        st.session_state[_JOB] = cached.start_generation(bench.run, sampling, st.session_state[_ATTEMPT])
    except InterpError as error:
        _keep(bench, None, str(error))


def _stop() -> None:
    job: Job | None = st.session_state.get(_JOB)
    if job is not None:
        job.cancel()


def _keep(bench: Bench, continuation: "Continuation | None", problem: str) -> None:
    st.session_state[_SHOWN] = (bench.run, continuation, problem)


def _so_far(job: Job) -> "Continuation | None":
    return job.progress.partial  # type: ignore[return-value]


def _take(state: UrlState, bench: Bench, made: "Continuation") -> None:
    if bench.prompt.chat:  # the answer is the assistant's: the templated text is spelled out and goes on from there
        state.set("prompt", cached.loaded(bench.spec).tokenizer.decode(bench.tokenised.ids + made.ids, special=True))
        state.set("chat", False)
    else:
        state.set("prompt", state["prompt"] + made.text)
    state.set("pos", None)
