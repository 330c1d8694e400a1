"""Act on the feature: as an intervention on every page, and in generated text, with it and without it side by side."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError, JobCancelledError
from interp_core.interventions import Intervention
from interp_core.jobs import Job
from interp_core.types import Run
from pages.ui import cached, interventions
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.generation import Continuation

_JOBS, _MADE, _ATTEMPT = "feature.jobs", "feature.generated", "feature.attempt"


def show(state: UrlState, bench: Bench, sae: SaeBench, feature: int, largest: float) -> None:
    """Draw what can be done with the feature.

    `largest` is its largest activation of the harvest, which the strength is a multiple of; 1 where it is not known.
    """
    from interp_core.sae.features import check_can_act  # noqa: PLC0415  torch must not delay the first paint

    st.subheader("Act on it", anchor=False)
    try:
        check_can_act(sae.config, sae.name)
    except InterpError as error:
        st.caption(plain(str(error)))
        return
    strength = state["strength"] * largest
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.slider(
            "Strength, in multiples of its largest activation", -10.0, 10.0, step=0.25, key=state.key("strength"), width=420,
            help=f"Its largest activation is {largest:.2f} in the SAE's own units. Steering adds this much at every position.",
        )  # fmt: skip
        for label, action, factor, says in (
            ("Ablate it", "zero", 1.0, "Its activation becomes 0 wherever it fires."),
            ("Set it", "set", strength, f"Its activation becomes {strength:.2f} everywhere."),
            (
                "Steer with it",
                "add",
                strength,
                f"{strength:.2f} decoder rows are added everywhere, whether it fires or not.",
            ),
        ):
            one = Intervention(action, "", units=(feature,), factor=factor, sae=sae.name)  # type: ignore[arg-type]
            st.button(label, key=f"feature.do.{action}", on_click=interventions.add, args=(state, one), help=says)
    st.caption(
        "An intervention is in force on every page, at all positions, BOS included, and on generated tokens too."
    )
    _show_generation(state, bench, sae, feature, strength)


def _show_generation(state: UrlState, bench: Bench, sae: SaeBench, feature: int, strength: float) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input("Tokens", 1, 2048, key=state.key("tokens"), width=130)
        st.number_input("Temperature", 0.0, 10.0, step=0.1, key=state.key("temperature"), width=130)
        st.number_input("Seed", 0, 1_000_000, key=state.key("seed"), width=130)
        st.button(
            "Generate with and without", type="primary", key="feature.generate", icon=":material/compare_arrows:",
            on_click=_start, args=(state, bench, sae, feature, strength),
            help="Continues the prompt twice: as it is, and steered by the strength above.",
        )  # fmt: skip
        st.button("Stop", key="feature.generate.stop", on_click=_stop, disabled=not st.session_state.get(_JOBS))
    left, right = st.columns(2)
    key = _key(state, bench, sae, feature, strength)
    places = []
    for column, title in ((left, "As it is"), (right, f"Steered: {sae.title(feature)} {strength:+.2f}")):
        with column.container(border=True, height="stretch"):
            st.caption(title)
            places.append(st.empty())
    jobs: list[Job] = st.session_state.get(_JOBS, [])
    if jobs and st.session_state.get(f"{_JOBS}.key") == key:
        st.session_state[_MADE] = (key, [_wait(job, place) for job, place in zip(jobs, places, strict=True)])
        st.session_state[_JOBS] = []
    made_for, made = st.session_state.get(_MADE, (None, []))
    for place, text in zip(places, made if made_for == key else ["", ""], strict=True):
        place.text(text or "Press Generate to compare.")


def _wait(job: Job, place: Any) -> str:
    def show(so_far: "Continuation") -> None:
        place.text(so_far.text)

    try:
        return cached.wait_for_generation(job, show).text
    except JobCancelledError:
        return (job.progress.partial.text if job.progress.partial else "") + "\n(stopped)"  # type: ignore[union-attr]
    except InterpError as error:
        return str(error)


def _key(state: UrlState, bench: Bench, sae: SaeBench, feature: int, strength: float) -> Any:
    return (bench.run, sae.checksum, feature, strength, state["tokens"], state["temperature"], state["seed"])


def _start(state: UrlState, bench: Bench, sae: SaeBench, feature: int, strength: float) -> None:
    from interp_core.generation import Sampling  # noqa: PLC0415

    _stop()
    steer = Intervention("add", "", units=(feature,), factor=strength, sae=sae.name)
    sampling = Sampling(state["tokens"], state["temperature"], seed=state["seed"])
    st.session_state[_ATTEMPT] = st.session_state.get(_ATTEMPT, 0) + 1
    try:
        fitted = cached.fit_interventions(bench.spec, (*bench.run.interventions, steer), bench.run.tokens)
        runs = [bench.run, Run(bench.run.model, bench.run.tokens, fitted)]
        st.session_state[_JOBS] = [cached.start_generation(run, sampling, st.session_state[_ATTEMPT]) for run in runs]
        st.session_state[f"{_JOBS}.key"] = _key(state, bench, sae, feature, strength)
    except InterpError as error:
        st.session_state[_MADE] = (_key(state, bench, sae, feature, strength), [str(error), str(error)])


def _stop() -> None:
    for job in st.session_state.get(_JOBS, []):
        job.cancel()
