"""Waiting for the engine from a page's script, with progress, so that a rerun can always interrupt it.

Streamlit interrupts a script only at its own calls, so these loops make one every turn; nothing is held across them.
The old picture stays, dimmed, until the new one replaces it. Only whole-page reruns interrupt: nothing that a user
may want meanwhile can be a fragment or a dialog, which Streamlit lets wait until the script has ended.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from interp_core.jobs import LINGER_S, RETURNS_S, Job
from interp_core.lane import Lane
from interp_core.types import Progress

_TURN_S = 0.05
_QUIET_TURNS = 6
"""A result that comes within 0.3 s shows no progress bar: a flash would only disturb."""
_PATIENT_TURNS = 20
_WAITED_FOR = "waiting.job"


def wait_for_job(
    job: Job,
    label: str,
    show: Callable[[Any], object] | None = None,
    enough: Callable[[Any], bool] | None = None,
    place: Any = None,
) -> Any:
    """The job's result. Leaves the job, also when interrupted.

    `show` is given each new partial result. A partial result that is `enough` is returned, at once where the job has
    been under way for long, else when a second has passed; the job goes on, and whoever takes it asks again soon.
    `place` is where the progress is shown, if not here.

    Raises:
        InterpError: The job failed or was stopped.
    """
    _let_go_of_another(job)
    slot = st.empty() if place is None else place
    linger_s = LINGER_S
    try:
        turns, shown = _PATIENT_TURNS if job.progress.partial is not None else 0, None
        while not job.done.wait(_TURN_S if turns != _PATIENT_TURNS else 0):
            turns += 1
            partial = job.progress.partial
            if show and partial is not None and partial is not shown:
                show(partial)
                shown = partial
            if enough and turns > _PATIENT_TURNS and partial is not None and enough(partial):
                linger_s = RETURNS_S
                return partial
            if turns > _QUIET_TURNS:
                _draw(slot, job.progress, _label(job, label))
            else:
                slot.empty()
        return job.value()
    finally:
        job.leave(linger_s)
        slot.empty()


def _let_go_of_another(job: Job) -> None:
    """A session that asks for something else no longer wants what it waited for when it was interrupted.

    What is at hand already is no such question: a page may show it above the very sweep that it waits for.
    """
    if job.done.is_set():
        return
    another: Job | None = st.session_state.get(_WAITED_FOR)
    st.session_state[_WAITED_FOR] = job
    if another is not None and another is not job:
        another.abandon()


def wait_for_model(lane: Lane) -> None:
    """Wait until a model is loaded or has failed to load, then draw the page anew, so that its frame knows too."""
    slot, below = st.empty(), st.empty()
    if lane.settled.is_set():
        return
    below.skeleton(height=320)
    while not lane.settled.wait(_TURN_S):
        _draw(slot, lane.progress, f"Loading {lane.spec.name}")
    st.rerun()


def _label(job: Job, label: str) -> str:
    return f"{label}: waiting for its turn" if job.state == "queued" else label


def _draw(place: Any, progress: Progress, label: str) -> None:
    note = f": {progress.note}" if progress.note else ""
    place.progress(min(1.0, max(0.0, progress.fraction)), text=f"{label}{note}")
