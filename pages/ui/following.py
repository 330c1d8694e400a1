"""A sweep that a page follows: drawn as it fills in, stopped where it is, and gone on with from there."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from interp_core.errors import JobCancelledError
from interp_core.jobs import Job
from pages.ui.waiting import wait_for_job


@dataclass(frozen=True)
class Followed:
    """A sweep as far as it has come."""

    name: str
    key: Any
    label: str
    job: Job | None
    """None once it was stopped."""
    made: Any
    """The partial or whole result; None while there is none."""
    place: Any

    @property
    def running(self) -> bool:
        """Whether there is more to come by itself."""
        return self.job is not None and not (self.made is not None and self.made.complete)


def follow(name: str, key: Any, begin: Callable[[Any], Job], label: str) -> Followed:
    """Wait for what there is of a sweep.

    `name` is the sweep's on its page, `key` all that is asked; `begin` makes the job, given what an earlier one had when it
    was stopped.

    Raises:
        InterpError: The sweep failed.
    """
    stopped, resumed = (st.session_state.get(_slot(name, what), (None, None)) for what in ("stopped", "resumed"))
    place = st.empty()
    if stopped[0] == key:
        st.button("Go on", key=f"{name}.go", on_click=_go_on, args=(name,), icon=":material/play_arrow:")
        return Followed(name, key, label, None, stopped[1], place)
    job = begin(resumed[1] if resumed[0] == key else None)
    return Followed(name, key, label, job, _wait(job, label, lambda partial: True, place), place)


def go_on(followed: Followed, done: Callable[[Any], int], step: int) -> None:
    """At the end of the page: wait until `step` more are `done`, then draw the page anew."""
    if not followed.running or followed.made is None:
        return
    job, so_far = followed.job, done(followed.made)
    assert job is not None
    job.join()  # `follow` has left it
    with followed.place.container():
        inner = st.empty()
        st.button("Stop", key=f"{followed.name}.stop", on_click=_stop, args=(followed.name, followed.key, job))
    _wait(job, followed.label, lambda partial: done(partial) >= so_far + step, inner)
    if job.state == "cancelled":  # by another session, which asked the same: go on from there
        st.session_state[_slot(followed.name, "resumed")] = (followed.key, job.progress.partial)
    st.rerun()


def _wait(job: Job, label: str, enough: Callable[[Any], bool], place: Any) -> Any:
    with contextlib.suppress(JobCancelledError):  # stopped: what there is stays
        return wait_for_job(job, label, enough=enough, place=place)
    return job.progress.partial


def _stop(name: str, key: Any, job: Job) -> None:
    st.session_state[_slot(name, "stopped")] = (key, job.progress.partial)
    job.cancel()


def _go_on(name: str) -> None:
    st.session_state[_slot(name, "resumed")] = st.session_state.pop(_slot(name, "stopped"))


def _slot(name: str, what: str) -> str:
    return f"{name}.{what}"
