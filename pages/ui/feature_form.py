"""The part of the intervention form that acts on a feature of an SAE."""

from typing import Any

import streamlit as st

from interp_core.interventions import FEATURE_ACTIONS, Action, Intervention
from interp_core.number_lists import Numbers, read_numbers
from interp_core.types import ModelSpec
from pages.ui import cached

_SAYS: dict[Action, tuple[str, str]] = {
    "zero": ("Ablate", "Its activation becomes 0."),
    "scale": ("Scale", "Its activation becomes a multiple of what it is."),
    "set": ("Set", "Its activation becomes the same everywhere."),
    "add": ("Steer", "Its decoder row is added, whether it fires or not."),
}
_FACTORS: dict[Action, tuple[str, str]] = {
    "scale": ("Factor", "1 changes nothing, 0 ablates it."),
    "set": ("Activation", "At every chosen position, in the SAE's own units."),
    "add": ("Coefficient", "So many decoder rows are added; a negative one steers away."),
}  # fmt: skip
_SLIDER: dict[Action, tuple[float, float, float]] = {
    "scale": (10.0, 2.0, 0.5),
    "set": (100.0, 5.0, 1.0),
    "add": (100.0, 5.0, 1.0),
}
"""Its ends, where it stands at first, and its step; the field below it takes any number."""


def choose(spec: ModelSpec) -> bool:
    """Draw the switch between a part of the model and a feature, where the model has SAEs; whether it is a feature."""
    return bool(_offered(spec)) and bool(
        st.radio(
            "Act on", [False, True], key="form.feature",
            format_func=lambda feature: "A feature of an SAE" if feature else "A part of the model",
        )
    )  # fmt: skip


def show(spec: ModelSpec, n_pos: int) -> None:
    """Draw the controls."""
    offered = _offered(spec)
    name = st.selectbox(
        "SAE", list(offered), key="form.sae",
        help="Those on this machine that were trained on this model, as it is held.",
    )  # fmt: skip
    st.caption(f"It reads {offered[name].place}. What it does not explain stays as it is.")
    st.text_input("Features", key="form.units", placeholder=f"such as 231; 0 to {offered[name].d_sae - 1:,}")
    action: Action = st.selectbox(
        "What", FEATURE_ACTIONS, key="form.feature_action", format_func=lambda one: _SAYS[one][0]
    )
    st.caption(_SAYS[action][1])
    if action in _FACTORS:
        label, hint = _FACTORS[action]
        end, default, step = _SLIDER[action]
        strength = st.slider(label, -end, end, default, step, key=f"form.{action}_strength", help=hint)
        st.number_input("Or exactly", value=None, key=f"form.{action}_exactly", placeholder=f"{strength:g}")
    st.text_input(
        "Positions", key="form.positions", placeholder=f"all {n_pos}, or such as 3,5",
        help="All: the first position too, on which most SAEs were not trained. Name positions to leave it out.",
    )  # fmt: skip


def made() -> Intervention:
    """What the controls say.

    Raises:
        InterventionError: It cannot be meant.
    """
    state = st.session_state
    action: Action = state.get("form.feature_action", "zero")
    exactly = state.get(f"form.{action}_exactly")
    factor = state.get(f"form.{action}_strength", 1.0) if exactly is None else exactly
    return Intervention(
        action,
        "",
        positions=_numbers("form.positions"),
        units=_numbers("form.units"),
        factor=float(factor) if action in _FACTORS else 1.0,
        sae=state.get("form.sae", ""),
    ).checked()


def _numbers(key: str) -> Numbers:
    text = str(st.session_state.get(key, "")).strip()
    return read_numbers(text) if text and text != "all" else None


def _offered(spec: ModelSpec) -> dict[str, Any]:
    """Configurations of the SAEs whose features can be acted on, by name."""
    from interp_core.sae.features import fitting_saes  # noqa: PLC0415  torch must not delay the first paint

    return fitting_saes(cached.loaded(spec))
