"""Attention over generated text: who looked at a token, and what a generated token looked at."""

# ruff: noqa: PLC0415  interp_core.generation imports torch

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from interp_core.errors import InterpError, JobCancelledError
from interp_views.component import Component
from interp_views.generated import GeneratedView, generated_payload, generated_selection, processed_rows
from pages.ui import share, tables
from pages.ui.attention import controls, data, keep
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.generation import Continuation, Sampling

_HOW = {
    "head": "One head",
    "layer_mean": "Mean of the layer's heads",
    "mean": "Mean over all layers",
    "largest": "Largest of the layers' means",
    "rollout": "Rollout through the layers",
}


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    if bench.saved:
        whole, n_prompt = bench, bench.saved.facts.n_prompt
        if n_prompt == len(bench.tokenised.ids):
            raise InterpError(
                "Nothing was generated in this saved run. Look at it as one layer, or save a run from this view."
            )
    else:
        made = _continue(state, bench)
        if made is None or not made.ids:
            st.info("Nothing has been generated. Press Generate, or ask for more tokens.")
            return
        whole, n_prompt = data.with_continuation(bench, made.ids, made.str_tokens), len(bench.tokenised.ids)
    _show_choices(state, bench)
    how, index, head = state["how"], state["layer"], state["head"] or 0
    matrix = data.aggregate(whole, how, index, head)
    rows = np.ascontiguousarray(matrix[n_prompt - 1 :])
    title = {"head": f"L{index}H{head}", "layer_mean": f"Mean of all heads of layer {index}"}.get(how, _HOW[how])
    about = data.about(whole, "generated", how, index, head)
    tokens = whole.tokenised
    payload = data.packed(
        about,
        lambda: generated_payload(
            GeneratedView(
                tokens.str_tokens, tokens.special, n_prompt, rows, title, about, _UNITS.get(how, _PROBABILITY)
            )
        ),
    )
    selection = generated_selection(about, **_settings(state, n_prompt, len(tokens.ids)))
    picture(
        "generated", payload, key="picture.generated", parts=[selection],
        events={"freeze": lambda value: _freeze(state, value, n_prompt, len(tokens.ids))},
    )  # fmt: skip
    _explain()
    share.show_downloads(
        "generated",
        lambda: _table(state, whole, n_prompt, rows),
        lambda: Component.load("generated").standalone(
            payload, share.title(bench, "Attention over generated text"), parts=[selection]
        ),
        share.load_code(bench) + _code(state, bench, how, index, head),
    )
    if not bench.saved:
        keep.remember(whole, n_prompt, dataclasses.replace(_sampling(state), n_tokens=len(tokens.ids) - n_prompt))


_PROBABILITY = "attention probability"
_UNITS = {"largest": "largest mean attention", "rollout": "share that flows from the token, by rollout"}


def _code(state: UrlState, bench: Bench, how: str, index: int, head: int) -> str:
    sampling = "" if bench.saved else f"sampling=hookscope.{_sampling(state)!r}, "
    settings = {"row": "wrote", "power": 1.0, "cutoff": None, "ignore": 0}
    changed = "".join(f", {name}={state[name]!r}" for name, usual in settings.items() if state[name] != usual)
    return (
        f"hookscope.show_generated({share.source(bench)}, {sampling}how={how!r}, layer={index}, head={head}{changed})"
    )


def _sampling(state: UrlState) -> "Sampling":
    from interp_core.generation import Sampling

    return Sampling(state["tokens"], state["temperature"], state["top_k"], state["top_p"], state["seed"])


_STOPPED = "generated.stopped"
"""The continuation so far of the settings with which generation was stopped."""


def _continue(state: UrlState, bench: Bench) -> "Continuation | None":
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Tokens to generate", 1, 2048, key=state.key("tokens"), width=170)
        greedy = state["temperature"] == 0
        with st.popover("Greedy" if greedy else f"Sampled, seed {state['seed']}", icon=":material/casino:"):
            st.caption("Greedy at temperature 0; otherwise sampled with the seed, the same tokens each time.")
            st.number_input("Temperature", 0.0, 10.0, step=0.1, key=state.key("temperature"))
            st.number_input("Top-k (0: all)", 0, 100_000, key=state.key("top_k"))
            st.number_input("Top-p (1: all)", 0.01, 1.0, step=0.05, key=state.key("top_p"))
            st.number_input("Seed", 0, 1_000_000, key=state.key("seed"))
    sampling, place = _sampling(state), st.empty()
    asked = (bench.run, sampling)
    stopped = st.session_state.get(_STOPPED)
    if stopped and stopped[0] == asked:
        with place.container(horizontal=True, vertical_alignment="center"):
            st.caption("Stopped.")
            st.button("Generate", key="generated.again", on_click=lambda: st.session_state.pop(_STOPPED))
        return stopped[1]
    so_far: dict[str, Continuation] = {}
    button, text = st.empty(), st.empty()

    def grow(made: "Continuation") -> None:
        if "made" not in so_far:  # once: a button that is drawn anew under the pointer loses its click
            button.button("Stop", key="generated.stop", on_click=_stop, args=(asked,))
        so_far["made"] = made
        st.session_state["generated.so_far"] = made
        text.text(made.text)

    try:
        made = data.continuation(bench, sampling, grow)
    except JobCancelledError:
        made = so_far.get("made")
    button.empty()
    text.empty()
    return made


def _stop(asked: Any) -> None:
    st.session_state[_STOPPED] = (asked, st.session_state.get("generated.so_far"))


def _show_choices(state: UrlState, bench: Bench) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox("Attention of", list(_HOW), key=state.key("how"), width=240, format_func=lambda name: _HOW[name])
        if state["how"] in ("head", "layer_mean"):
            controls.show_layer(state, bench)
        if state["how"] == "head":
            controls.show_head(state, bench, none="Head 0")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Row of a generated token", ("wrote", "own"), key=state.key("row"), width=320,
            format_func=lambda name: {
                "wrote": "the pass that wrote it (query one before)", "own": "its own pass (query at the token)",
            }[name],
        )  # fmt: skip
        st.number_input(
            "Power (below 1 amplifies)", 0.05, 4.0, step=0.05, key=state.key("power"), width=170,
            help="The tint is the weight raised to this power.",
        )  # fmt: skip
        st.number_input(
            "Cut-off (standard deviations)", 0.0, 10.0, step=0.25, key=state.key("cutoff"), width=200, placeholder="off",
            help="Keeps the weights above the mean of their row plus so many standard deviations.",
        )  # fmt: skip
        st.number_input(
            "Ignore first tokens", 0, 1000, key=state.key("ignore"), width=150,
            help="Sets the attention to the first tokens to 0: they often take most of it (attention sink).",
        )  # fmt: skip


def _settings(state: UrlState, n_prompt: int, n_pos: int) -> dict[str, Any]:
    observed, observer = state["observed"], state["observer"]
    return {
        "row": state["row"],
        "power": state["power"],
        "cutoff": state["cutoff"],
        "ignore": min(state["ignore"], n_pos),
        "observed": observed if observed is not None and observed < n_pos else None,
        "observer": observer if observer is not None and n_prompt <= observer < n_pos else None,
    }


def _freeze(state: UrlState, value: dict[str, Any], n_prompt: int, n_pos: int) -> None:
    for name, least in (("observed", 0), ("observer", n_prompt)):
        pos = value.get(name)
        state.set(name, pos if isinstance(pos, int) and least <= pos < n_pos else None)


def _explain() -> None:
    with st.expander("How to read this"):
        st.markdown(
            "**Observed**, above: point at any token, and the generated tokens that looked at it light up. **Observer**, below: "
            "point at a generated token, and what it looked at lights up. Double click freezes a view on its token, and again "
            "lets go; the two are independent. Which query row stands for a generated token is a convention: the pass that "
            "wrote it has its query one position before, its own pass one later, when it is read. Means over layers and rollout "
            "(Abnar and Zuidema 2020, arXiv:2005.00928) summarise many heads; rollout assumes that attention moves tokens and "
            "that residual and attention count half each, which is a heuristic. Attention says where a head reads, not what "
            "that changes."
        )


def _table(state: UrlState, whole: Bench, n_prompt: int, rows: np.ndarray) -> Any:
    settings = _settings(state, n_prompt, len(whole.tokenised.ids))
    shown = processed_rows(rows, n_prompt, settings["power"], settings["cutoff"], settings["ignore"])
    return tables.generated_table(whole.tokenised, n_prompt, rows, shown)
