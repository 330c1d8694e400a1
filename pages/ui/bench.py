"""The bench: what every page looks at. One model, one prompt, one run; and where to say that something is wrong."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from interp_core.lane import Lane
from interp_core.prompts import Prompt
from interp_core.types import ModelSpec, Run
from pages.ui import cached, interventions
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState
from pages.ui.waiting import wait_for_model

if TYPE_CHECKING:
    from interp_core.model_card import ModelCard
    from interp_core.saved_runs import SavedRun
    from interp_core.tokens import Tokenised

_IN_USE = "bench.model"
DEVICE = "bench.device"


@dataclass(frozen=True)
class Bench:
    """A resident model, a tokenised prompt, interventions."""

    spec: ModelSpec
    card: "ModelCard"
    prompt: Prompt
    tokenised: "Tokenised"
    run: Run
    """What is shown: under the interventions in force, or clean where the reader asked for that."""
    interventions: tuple[Intervention, ...] = ()
    """Those in force, fitted to the model and the prompt."""
    saved: "SavedRun | None" = None
    """The saved run that all of this was read from, where it was: then there is no model."""

    @property
    def clean_run(self) -> Run:
        """The same run without interventions."""
        return Run(self.run.model, self.run.tokens)

    @property
    def changed_run(self) -> Run:
        """The same run under the interventions in force, whatever is shown."""
        return Run(self.run.model, self.run.tokens, self.interventions)


def wanted_spec(state: UrlState) -> ModelSpec:
    """The model that the URL and the settings ask for."""
    device = st.session_state.get(DEVICE) or cached.engine().settings.device
    return ModelSpec.parse(state["model"]).held_as(state["dtype"], state["processing"], device)


def wanted_prompt(state: UrlState) -> Prompt:
    """The prompt that the URL and the widgets ask for."""
    return Prompt(state["prompt"], prepend_bos=state["bos"], chat=state["chat"])


def model_in_use(state: UrlState) -> Lane:
    """Wait for the wanted model; when it cannot be loaded, say why and stay with the one used before.

    Stops the script where there is none to stay with.
    """
    wanted = wanted_spec(state)
    state.commit()  # what is typed while the model loads must not be lost
    lane = cached.engine().open(wanted)
    wait_for_model(lane)
    if lane.error is None:
        st.session_state[_IN_USE] = wanted
        return lane
    previous: ModelSpec | None = st.session_state.get(_IN_USE)
    other = None if previous in (None, wanted) else cached.engine().open(previous)
    _show_failed_load(state, wanted, str(lane.error), previous if other else None)
    if other is None:
        st.stop()
    wait_for_model(other)
    if other.error is not None:
        st.stop()
    return other


def _show_failed_load(state: UrlState, wanted: ModelSpec, reason: str, previous: ModelSpec | None) -> None:
    stay = f" {previous.name} stays in use." if previous else ""
    with st.container(border=True):
        st.error(f"{plain(wanted.name)} could not be loaded. {plain(reason)}{plain(stay)}")
        again, back = st.columns(2)
        again.button("Try again", on_click=_retry, args=(wanted,), width="stretch")
        back.button(
            f"Keep {plain(previous.name)}" if previous else "Use the default model",
            on_click=_use,
            args=(state, previous or ModelSpec()),
            width="stretch",
        )


def _retry(spec: ModelSpec) -> None:
    cached.engine().open(spec, retry=True)


def _use(state: UrlState, spec: ModelSpec) -> None:
    state.set("model", spec.text)
    state.set("dtype", spec.dtype)
    state.set("processing", spec.processing)


def lay_out(state: UrlState) -> Bench:
    """Model and tokenised prompt, after saying what in the URL does not fit them. Stops the script on bad input."""
    lane = model_in_use(state)
    prompt = wanted_prompt(state)
    try:
        tokenised = cached.tokenised(lane.spec, prompt)
    except InterpError as error:
        show_problems(state)
        st.error(plain(str(error)))
        state.commit()
        st.stop()
    card = cached.card(lane.spec)
    if (
        "corrupted" not in state.schema or state["over"] != "set"
    ):  # patching over a set: its prompts have places of their own
        state.restrict("pos", len(tokenised.ids), f"the prompt has {len(tokenised.ids)} tokens")
    state.restrict("layer", card.n_layers, f"the model has {card.n_layers} layers, 0 to {card.n_layers - 1}")
    state.restrict("head", card.n_heads, f"the model has {card.n_heads} heads a layer, 0 to {card.n_heads - 1}")
    for name in ("from_layer", "to_layer"):
        if name in state.schema:
            state.restrict(name, card.n_layers, f"the model has {card.n_layers} layers, 0 to {card.n_layers - 1}")
    if "key" in state.schema:
        state.restrict("key", len(tokenised.ids), f"the prompt has {len(tokenised.ids)} tokens")
    in_force = interventions.show(state, lane.spec, tokenised)
    show_problems(state)
    state.commit()
    shown = () if state["clean"] else in_force
    return Bench(lane.spec, card, prompt, tokenised, Run(lane.spec, tokenised.ids, shown), in_force)


def show_problems(state: UrlState) -> None:
    """Say which values of the URL could not be used."""
    place = st.empty()
    if state.problems:
        place.warning("This link holds values that cannot be used.\n\n" + "\n\n".join(map(plain, state.problems)))
