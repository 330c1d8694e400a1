"""The form that makes an intervention, in the sidebar; drawn only while it is open."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError, InterventionError
from interp_core.interventions import Action, Intervention
from interp_core.number_lists import Numbers, read_numbers
from interp_core.steering import list_vectors, store_vector
from interp_core.types import ModelSpec
from pages.ui import cached, feature_form
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.tokens import Tokenised

_OPEN, _PROBLEM = "form.open", "form.problem"
_SAYS: dict[Action, str] = {
    "zero": "Zero ablation",
    "mean": "Mean ablation",
    "resample": "Resample ablation",
    "freeze": "Freeze to an earlier run",
    "patch": "Patch from another prompt or position",
    "scale": "Scale",
    "set": "Set to a value",
    "add": "Add a vector (steer)",
}
_SOURCES: dict[Action, tuple[str, str]] = {
    "mean": ("Reference prompts", "One a line. Empty: the 20 prompts that ship. A BOS keeps its own mean."),
    "resample": ("Reference prompts", "One a line; each position takes the values of one of their tokens, by the seed."),
    "freeze": ("Earlier prompt", "Empty: this prompt's clean run."),
    "patch": ("Source prompt", "Empty: this prompt itself, at other positions."),
    "add": ("Prompts", "First line: towards. Second line, if any: away from. Their difference at the last token is added."),
}  # fmt: skip
_READS = "What each head alone reads for its {}: the residual stream before the norm. The stream itself stays."
_EXPLAINED = {
    "result": "What each head writes into the stream: its z times its part of W_O.",
    "q_input": _READS.format("query"),
    "k_input": _READS.format("key"),
    "v_input": _READS.format("value"),
    "attn_in": _READS.format("query, key and value"),
    "mlp_in": "What the MLP alone reads: the residual stream before the norm. The stream itself stays.",
}
Add = Callable[[Intervention], None]


def show(state: UrlState, spec: ModelSpec, tokenised: "Tokenised", add: Add) -> None:
    """Draw the button that opens the form, and the form."""
    if not st.session_state.get(_OPEN):
        st.button("Add an intervention", key="form.show", icon=":material/add:", width="stretch", on_click=_open)
        return
    with st.container(border=True):
        if feature_form.choose(spec):
            feature_form.show(spec, len(tokenised.ids))
        else:
            _show_part(spec, len(tokenised.ids))
        with st.container(horizontal=True):
            st.button("Add", type="primary", key="form.add", on_click=_submit, args=(state, spec, tokenised, add))
            st.button("Close", key="form.close", on_click=_close)
        st.text_input(
            "Or write it", key="form.text", placeholder="zero z L18 H6", on_change=_write,
            args=(spec, tokenised, add),
        )  # fmt: skip
        if st.session_state.get(_PROBLEM):
            st.error(plain(st.session_state[_PROBLEM]))


def _show_part(spec: ModelSpec, n_pos: int) -> None:
    """Controls of an intervention on a part of the model."""
    action: Action = st.selectbox("What", list(_SAYS), key="form.action", format_func=_SAYS.__getitem__)
    points = {point.name: point for point in cached.loaded(spec).hook_points}
    point = points[st.selectbox("Where", list(points), key="form.point", help="Every hook point that the model has.")]
    if point.name in _EXPLAINED:
        st.caption(_EXPLAINED[point.name])
    if point.layers:
        st.text_input("Layers", key="form.layers", placeholder="all, or such as 2-4,7")
    if point.n_heads:
        st.text_input("Heads", key="form.heads", placeholder=f"all {point.n_heads}, or such as 6")
        st.toggle("All heads but these", key="form.others", help="Isolates the heads that are named.")
    st.text_input("Positions", key="form.positions", placeholder=f"all {n_pos}, or such as 3,5")
    st.text_input("Neurons or dimensions", key="form.units", placeholder="all, or such as 17")
    if action in _SOURCES:
        label, hint = _SOURCES[action]
        st.text_area(label, key="form.sources", help=hint, height=68, placeholder=hint)
    if action == "patch":
        st.text_input("Source positions", key="form.source_positions", placeholder="the same, or one for each")
    if action == "add":
        _show_vectors()
    if action in ("scale", "set", "add"):
        st.number_input(
            "Value" if action == "set" else "Factor", value=1.0, key="form.factor",
            help="Scale by it, set to it, or add so many times the vector.",
        )  # fmt: skip
    if action == "resample":
        st.number_input("Seed", 0, 1_000_000, key="form.seed")


def _show_vectors() -> None:
    st.selectbox(
        "Or a stored vector", ["", *list_vectors()], key="form.vector", format_func=lambda name: name or "none"
    )
    upload: Any = st.file_uploader("Upload a vector", ["npy", "safetensors"], key="form.upload")
    if upload is not None and st.session_state.get("form.uploaded") != upload.file_id:
        st.session_state["form.uploaded"] = upload.file_id
        try:
            st.success(f"Stored as {plain(store_vector(upload.name, upload.getvalue()))}: choose it above.")
        except InterpError as error:
            st.error(plain(str(error)))


def _open() -> None:
    st.session_state[_OPEN] = True


def _close() -> None:
    st.session_state[_OPEN] = False
    st.session_state[_PROBLEM] = ""


def _value(name: str, default: Any = "") -> Any:
    return st.session_state.get(f"form.{name}", default)


def _numbers(name: str) -> Numbers:
    text = str(_value(name)).strip()
    return read_numbers(text) if text and text != "all" else None


def _submit(state: UrlState, spec: ModelSpec, tokenised: "Tokenised", add: Add) -> None:
    try:
        if _value("feature", False):
            _try(feature_form.made(), spec, tokenised, add)
            return
        action: Action = _value("action", "zero")
        sources = tuple(line for line in str(_value("sources")).splitlines() if line.strip())
        made = Intervention(
            action,
            _value("point"),
            layers=_numbers("layers"),
            heads=_numbers("heads"),
            positions=_numbers("positions"),
            units=_numbers("units"),
            others=bool(_value("others", False)),
            factor=float(_value("factor", 1.0)) if action in ("scale", "set", "add") else 1.0,
            sources=sources if action in _SOURCES and not _value("vector") else (),
            source_positions=_numbers("source_positions") if action == "patch" else None,
            vector=_value("vector") if action == "add" else "",
            bos=bool(state["bos"]),
            chat=bool(state["chat"]) and action in ("patch", "freeze") and bool(sources),
            seed=int(_value("seed", 0)) if action == "resample" else 0,
        )
        _try(made.checked(), spec, tokenised, add)
    except InterpError as error:
        st.session_state[_PROBLEM] = str(error)


def _write(spec: ModelSpec, tokenised: "Tokenised", add: Add) -> None:
    text = str(_value("text")).strip()
    if not text:
        return
    try:
        _try(Intervention.parse(text), spec, tokenised, add)
    except InterventionError as error:
        st.session_state[_PROBLEM] = str(error)


def _try(made: Intervention, spec: ModelSpec, tokenised: "Tokenised", add: Add) -> None:
    """Add it if it fits; otherwise say why and keep what was typed."""
    st.session_state[_PROBLEM] = ""
    try:
        cached.fit_interventions(spec, (made,), tokenised.ids)
    except InterpError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    add(made)
