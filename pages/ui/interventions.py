"""The interventions: listed in the sidebar of every page that looks at a run, each with a switch."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from interp_core.errors import InterpError
from interp_core.interventions import MOST_INTERVENTIONS, Intervention
from interp_core.types import ModelSpec
from pages.ui import cached, hook_functions, intervention_form
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.tokens import Tokenised

_PAST = "interventions.past"
_MOST_UNDO = 50


def show(state: UrlState, spec: ModelSpec, tokenised: "Tokenised") -> tuple[Intervention, ...]:
    """Draw the list, and return those in force, fitted to the model and the prompt."""
    specs: tuple[Intervention, ...] = state["do"]
    in_force: list[Intervention] = []
    with st.sidebar:
        st.divider()
        st.caption("Interventions")
        for index, one in enumerate(specs):
            problem = ""
            if one.on:
                try:
                    in_force += cached.fit_interventions(spec, (one,), tokenised.ids)
                except InterpError as error:
                    problem = str(error)
            _show_one(state, index, one, problem)
        if not specs:
            st.caption("None: the model runs as it is.")
        if in_force:
            st.segmented_control(
                "Every page shows", [False, True], key=state.key("clean"), required=True,
                format_func=lambda clean: "Clean run" if clean else "With them",
                help="Flip between the changed and the clean run: all pages follow.",
            )  # fmt: skip
        with st.container(horizontal=True):
            if specs:
                st.button("Clear", key="do.clear", on_click=change, args=(state, ()), icon=":material/delete_sweep:")
            if st.session_state.get(_PAST):
                st.button("Undo", key="do.undo", on_click=_undo, args=(state,), icon=":material/undo:")
        _show_selection(state, spec, tokenised)
        intervention_form.show(state, spec, tokenised, lambda one: add(state, one))
        hook_functions.show(state, lambda one: add(state, one))
    return tuple(in_force)


def _show_selection(state: UrlState, spec: ModelSpec, tokenised: "Tokenised") -> None:
    """What is selected on any page, ready to be switched off: the head, or the layer's attention and MLP."""
    layer, head, pos = state["layer"], state["head"], state["pos"]
    points = {point.name: point for point in cached.loaded(spec).hook_points}
    name = f"in layer {layer}" if head is None else f"L{layer}H{head}"
    with st.popover(f"Switch off {name}", icon=":material/block:", width="stretch"):
        st.caption("Zero ablation of the layer and head that are selected on this page, in force on every page.")
        positions: tuple[int, ...] | None = None
        if pos is not None and pos < len(tokenised.ids):
            here = f"At position {pos} only: {plain(repr(tokenised.str_tokens[pos]))}"
            positions = (pos,) if st.toggle(here, key="do.there") else None
        parts = {
            "z": f"Head {head}",
            "attn_out": "The layer's attention",
            "mlp_out": "The layer's MLP",
        }
        for point, label in parts.items():
            heads = (head,) if point == "z" and head is not None else None
            if point in points and layer in points[point].layers and (point != "z" or heads):
                st.button(
                    label, key=f"do.off.{point}", width="stretch", on_click=add,
                    args=(state, Intervention("zero", point, layers=(layer,), heads=heads, positions=positions)),
                )  # fmt: skip


def change(state: UrlState, specs: tuple[Intervention, ...]) -> None:
    """Replace all interventions; what was there can be had back."""
    past = st.session_state.setdefault(_PAST, [])
    if specs != state["do"]:
        past.append(state["do"])
        del past[:-_MOST_UNDO]
        state.set("do", specs)


def add(state: UrlState, one: Intervention) -> None:
    """Add an intervention, if there is room and it is not there already; one that is there is switched on."""
    specs: tuple[Intervention, ...] = state["do"]
    same = [index for index, other in enumerate(specs) if other.switched(True) == one]
    if same:
        change(state, (*specs[: same[0]], one, *specs[same[0] + 1 :]))
    elif len(specs) < MOST_INTERVENTIONS:
        change(state, (*specs, one))
    state.set("clean", False)


def show_in_force(
    state: UrlState, bench_interventions: tuple[Intervention, ...], shown: tuple[Intervention, ...]
) -> None:
    """One line in the run bar: what is changed in what the page shows."""
    if not bench_interventions:
        return
    chips = " ".join(f":orange-badge[{plain(one.label)}]" for one in bench_interventions[:8])
    more = f" and {len(bench_interventions) - 8} more" if len(bench_interventions) > 8 else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Under {chips}{more}" if shown else f":green-badge[Clean run] shown; set aside: {chips}{more}")
        if state.page != "ablate":
            st.page_link(
                "pages/ablate.py", label="Beside the clean run", icon=":material/compare:", query_params=state.shared_link()
            )  # fmt: skip


def _show_one(state: UrlState, index: int, one: Intervention, problem: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # A key of its own for each state: the switch follows the URL, not what it was before.
        st.toggle(
            plain(one.label), value=one.on, key=f"do.{index}.{one.on}.{one.text}", on_change=_at(_switch, state, index)
        )
        if one.action in ("scale", "set", "add"):
            _show_strength(state, index, one)
        st.button(
            "", icon=":material/close:", type="tertiary", key=f"do.remove.{index}.{one.text}",
            on_click=_at(_remove, state, index), help=plain(one.text),
        )  # fmt: skip
    if problem:
        st.caption(f":red[Not applied.] {plain(problem)}")


def _show_strength(state: UrlState, index: int, one: Intervention) -> None:
    """Change how much of it is applied, without taking it away and writing it anew."""
    # The ends stay where they are while the strength moves between them.
    end = 10.0 * 2.0 ** max(0, math.ceil(math.log2(max(abs(one.factor), 1e-9) / 10)))
    with st.popover("", icon=":material/tune:", type="tertiary", help="Strength"):
        key = f"do.strength.{index}.{one.text}"
        st.slider(
            "Strength", -end, end, float(one.factor), end / 40, key=key,
            on_change=lambda: _strengthen(state, index, float(st.session_state[key])),
            help="Scale: a factor. Set: the value. Steer: how many of its vectors are added.",
        )  # fmt: skip


def _strengthen(state: UrlState, index: int, factor: float) -> None:
    specs: tuple[Intervention, ...] = state["do"]
    if index < len(specs):
        change(state, (*specs[:index], replace(specs[index], factor=factor), *specs[index + 1 :]))


def _at(act: Callable[[UrlState, int], None], state: UrlState, index: int) -> Callable[[], None]:
    return lambda: act(state, index)


def _switch(state: UrlState, index: int) -> None:
    specs: tuple[Intervention, ...] = state["do"]
    if index < len(specs):
        change(state, (*specs[:index], specs[index].switched(not specs[index].on), *specs[index + 1 :]))


def _remove(state: UrlState, index: int) -> None:
    change(state, (*state["do"][:index], *state["do"][index + 1 :]))


def _undo(state: UrlState) -> None:
    past = st.session_state.get(_PAST)
    if past:
        state.set("do", past.pop())
