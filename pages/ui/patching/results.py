"""The sweep's pictures: the gradient's preview first, exact values as they come."""

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from interp_core.errors import JobCancelledError
from interp_core.jobs import Job
from interp_core.prompt_pairs import PromptPair
from interp_views.component import Component
from pages.ui import cached, interventions, share
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.patching import code, neurons, pictures, tables
from pages.ui.url_state import UrlState
from pages.ui.waiting import wait_for_job

if TYPE_CHECKING:
    from interp_core.metrics import Metric
    from interp_core.patching import PatchingSweep, SweepPlan

_STOPPED, _RESUMED = "patching.stopped", "patching.resumed"
_HOW_TO_READ = (
    "One activation after another is taken from one run and put into the other; each cell says what the metric is then. "
    "**Recovered fraction** is (patched − corrupted) / (clean − corrupted): 0 means that nothing came back, 1 that all did; "
    "values outside 0 to 1 are real and are never clipped. **Denoising** shows what suffices, **noising** what is needed: there "
    "the picture is of the lost fraction, 1 minus the recovered one. The first picture is the gradient's first-order estimate (attribution "
    "patching, Syed et al. 2023, arXiv:2310.10348), which exact values then replace; how well they agree is said below. "
    "Method: Meng et al. 2022, arXiv:2202.05262; how to read it: Heimersheim and Nanda 2024, arXiv:2404.15255. Cells before "
    "the first token that differs cannot have an effect, since no token sees a later one."
)


def show(state: UrlState, bench: Bench, pair: PromptPair, metric: "Metric", plan: "SweepPlan") -> None:
    """Draw the sweep, and go on until it is complete.

    Raises:
        InterpError: The two runs cannot be told apart, or the sweep failed.
    """
    key = ("sweep", pair, metric, plan)
    stopped, resumed = (st.session_state.get(name, (None, None)) for name in (_STOPPED, _RESUMED))
    so_far = resumed[1] if resumed[0] == key else None
    job = None if stopped[0] == key else cached.sweep_job(key, pair, metric, plan, so_far)
    progress = st.empty()
    made = _so_far(key, job, progress)
    if made is None:
        return
    _say(made, bool(job))
    _draw(state, bench, made, running=bool(job))
    if job and not made.complete:
        with progress.container():
            place = st.empty()
            st.button("Stop", key="patching.stop", on_click=_stop, args=(key, job))
        done = int(made.exact.sum())
        step = max(1, made.exact.size // 6)
        with contextlib.suppress(JobCancelledError):  # stopped: what there is stays
            wait_for_job(job, "Patching", enough=lambda partial: int(partial.exact.sum()) >= done + step, place=place)
        st.rerun()


def _so_far(key: Any, job: Job | None, progress: Any) -> "PatchingSweep | None":
    if job is None:
        st.button("Go on", key="patching.go", on_click=_go_on, icon=":material/play_arrow:")
        return st.session_state[_STOPPED][1]
    try:
        return wait_for_job(job, "Patching", enough=lambda partial: True, place=progress)
    except JobCancelledError:
        return None


def _stop(key: Any, job: Job) -> None:
    st.session_state[_STOPPED] = (key, job.progress.partial)
    job.cancel()


def _go_on() -> None:
    st.session_state[_RESUMED] = st.session_state.pop(_STOPPED)


def _say(made: "PatchingSweep", running: bool) -> None:
    unit = made.unit
    said = (
        f"Clean {made.clean_score:.3f} {unit}, corrupted {made.corrupted_score:.3f} {unit}. "
        f"{int(made.exact.sum()):,} of {made.exact.size:,} cells are exact"
        + ("" if made.complete else ", the others are the gradient's estimate" if made.preview is not None else "")
        + "."
    )
    agreement = made.agreement()
    if agreement:
        r, worst, off = agreement
        named = ", ".join(f"{axis} {place}" for axis, place in zip(made.plan.axes, worst, strict=True))
        said += f" Preview and exact values: correlation {r:.3f}; worst at {named}, off by {off:.3f} {unit}."
    st.caption(plain(said if running or made.complete else f"Stopped. {said}"))


def _draw(state: UrlState, bench: Bench, made: "PatchingSweep", *, running: bool) -> None:
    shown = pictures.shown_of(state, made)
    if made.preview is not None and not made.complete:
        st.markdown(
            f":orange-badge[Gradient's estimate] {'Exact values are coming' if running else 'Stopped before all values were exact'}: "
            f"{int(made.exact.sum()):,} of {made.exact.size:,}."
        )
    title = share.title(bench, f"Patching {made.plan.site}, {made.plan.direction}")
    kind = "head_map"
    if made.plan.site == "mlp_post":
        neurons.show(state, bench, made, shown.values, shown.name, shown.unit, shown.base)
        kind, payload = "position_map", pictures.neuron_payload(bench, made, shown)
    elif made.plan.axes == ("layer", "head"):
        payload = pictures.head_picture(state, shown)
    elif made.plan.axes == ("layer", "pos"):
        kind, payload = "position_map", pictures.position_picture(state, bench, shown)
    else:
        off = np.nan_to_num(np.abs(shown.values - shown.base))
        strongest = np.take_along_axis(shown.values, off.argmax(1)[:, None], 1)[:, 0]
        st.caption("Each head at the position where it matters most. Click one to see its positions.")
        payload = pictures.head_picture(state, shown.part(strongest))
        head = state["head"] if state["head"] is not None else int(off.max((0, 1)).argmax())
        st.caption(f"Head {head} of every layer, by position.")
        pictures.position_picture(state, bench, shown.part(shown.values[:, :, head]))
    _offer(state, bench, made)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    share.show_downloads(
        "patching",
        lambda: tables.sweep_table(made, bench.tokenised.str_tokens),
        lambda: Component.load(kind).standalone(payload, title),
        code.sweep_code(state, bench, made.plan),
        arrays=lambda: {"score": made.score, "effect": made.effect, "exact": made.exact},
    )


def _offer(state: UrlState, bench: Bench, made: "PatchingSweep") -> None:
    """The way on from the selected cell."""
    one = code.as_intervention(state, made.plan, bench.prompt)
    if one is None:
        st.caption(f"{'Select a row' if 'unit' in made.plan.axes else 'Click a cell'} for what can be done with it.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(one.label)}**")
        st.button(
            "Add as intervention", key="patching.add", icon=":material/add:", on_click=interventions.add,
            args=(state, one), help="Patches this cell from the other prompt, on every page.",
        )  # fmt: skip
        if "head" in made.plan.axes:
            st.page_link(
                "pages/attention.py", label="Open the head in attention", icon=":material/grid_on:",
                query_params=state.shared_link(),
            )  # fmt: skip
