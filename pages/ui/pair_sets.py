"""A set of prompt pairs to sweep over: chosen or uploaded, with a report of what cannot be used and why."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from interp_core.errors import BatchError, InterpError
from interp_core.pair_sets import PairFormat, PairNeed, PairSet, UsablePair, read_pairs, read_shipped, shipped_sets
from pages.ui import cached, share
from pages.ui.answers import METRICS
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.pair_sweeps import PairsSweep, Plan

_UPLOADED, _PROBLEM = "pair_sets.uploaded", "pair_sets.problem"
UPLOADED = "uploaded"
_ABOUT = {
    "agreement": "Subject-verb agreement",
    "antonyms": "Antonyms",
    "capitals": "Capital cities",
    "greater-than": "Greater-than (years)",
    "indirect-object": "Indirect object identification",
    "induction": "Induction",
    "pronouns": "Gendered pronouns",
}
_STATISTICS = {"mean": "Mean", "error": "Standard error", "pair": "One pair"}


def show_over(state: UrlState, here: str) -> bool:
    """Draw the choice between what is on the bench, called `here`, and a set; return whether it is a set."""
    st.segmented_control(
        "Over", ["prompt", "set"], key=state.key("over"), format_func={"prompt": here, "set": "A set of pairs"}.__getitem__,
        required=True, help="One question on many prompts: the mean, how sure it is, and every pair for itself.",
    )  # fmt: skip
    return state["over"] == "set"


def show_metric(state: UrlState) -> Any:
    """Draw the metric's kind; answers and foils come from the set. Return the kind."""
    st.selectbox(
        "Metric", list(METRICS), key=state.key("metric"), format_func=METRICS.__getitem__, width=190,
        help="What the model says at the last position of each prompt, of the pair's own answer and foil.",
    )  # fmt: skip
    return state["metric"]


def show(state: UrlState, bench: Bench, need: PairNeed) -> tuple[UsablePair, ...]:
    """Draw the choice of a set and the report on it; return the pairs that can be used.

    Raises:
        InterpError: There is no such set, or it has no pair that can be used.
    """
    names = shipped_sets() + ([UPLOADED] if UPLOADED in (state["set"], *st.session_state.get(_UPLOADED, ())) else [])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Set", names, key=state.key("set"), format_func=_name, width=320)
        with st.popover("Use your own pairs", icon=":material/upload_file:"):
            _show_upload(state)
    made = _read(state["set"])
    pairs, problems = _usable(bench, made, need)
    _report(made, pairs, problems)
    if not pairs:
        raise InterpError("No pair of this set can be used on this model. The report above says why.")
    return pairs


def _name(name: str) -> str:
    uploaded = st.session_state.get(_UPLOADED)
    return f"Yours: {uploaded[UPLOADED]}" if name == UPLOADED and uploaded else _ABOUT.get(name, name)


def _show_upload(state: UrlState) -> None:
    st.caption(
        "A csv or jsonl file with the columns clean, corrupted, answer and perhaps foil. Answer and foil are one token each, "
        "with their space in front. Both prompts of a pair need the same number of tokens."
    )
    file = st.file_uploader("File", type=["csv", "jsonl"], key="pair_sets.file", label_visibility="collapsed")
    st.button(
        "Use these pairs", type="primary", key="pair_sets.use", on_click=_use, args=(state, file), disabled=not file
    )
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))


def _use(state: UrlState, file: Any) -> None:
    try:
        kind: PairFormat = "jsonl" if file.name.lower().endswith(".jsonl") else "csv"
        read = read_pairs(file.getvalue(), kind)
    except InterpError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_UPLOADED] = {UPLOADED: file.name[:60], "set": read}
    state.set("set", UPLOADED)


def _read(name: str) -> PairSet:
    if name != UPLOADED:
        return read_shipped(name)
    if _UPLOADED not in st.session_state:
        raise BatchError(
            "This view is of pairs that somebody uploaded, and a link does not carry them. Upload the file here, or choose a "
            "set that ships."
        )
    return st.session_state[_UPLOADED]["set"]


def _usable(bench: Bench, made: PairSet, need: PairNeed) -> tuple[tuple[UsablePair, ...], list[str]]:
    results, key = cached.engine().results, (bench.spec, "usable pairs", made, need, bench.prompt.prepend_bos)
    known = results.get(key)
    if known is None:
        from interp_core.pair_sets import usable_pairs  # noqa: PLC0415  imports the tokenizer's library

        pairs, problems = usable_pairs(
            cached.loaded(bench.spec).tokenizer, made.rows, need, bos=bench.prompt.prepend_bos
        )
        known = (tuple(pairs), problems)
        results.put(key, known)
    return known


def _report(made: PairSet, pairs: tuple[UsablePair, ...], problems: list[str]) -> None:
    left_out = [*made.problems, *problems]
    said = f"{len(pairs):,} of {len(made.rows) + len(made.problems):,} pairs can be used on this model."
    if not left_out:
        st.caption(said)
        return
    st.warning(said)
    with st.expander(f"Why others cannot ({len(left_out):,})", expanded=not pairs):
        for sentence in left_out[:100]:
            st.text(sentence)


def show_statistic(state: UrlState, made: "PairsSweep", pairs: tuple[UsablePair, ...]) -> tuple[np.ndarray, str]:
    """Draw the choice of what is shown of a sweep over pairs; return the values and what they are."""
    st.segmented_control(
        "Of the pairs",
        list(_STATISTICS),
        key=state.key("statistic"),
        format_func=_STATISTICS.__getitem__,
        required=True,
    )
    n = len(made.places)
    if state["statistic"] == "error":
        return made.standard_error, f"standard error of the mean over {n} pairs"
    if state["statistic"] == "mean":
        return made.mean, f"mean over {n} {'pair' if n == 1 else 'pairs'}"
    return made.effects[made.places.index(state["pair"])], f"pair {state['pair'] + 1}"


def show_pairs(state: UrlState, made: "PairsSweep", pairs: tuple[UsablePair, ...]) -> None:
    """Draw the table of pairs; a selected row is shown alone, and can be taken to the bench."""
    st.markdown(f"**The pairs** ({len(made.places)} swept). Select one to see it alone.")
    picked: Any = st.dataframe(
        pairs_table(made, pairs), hide_index=True, width="stretch", height=240, key="pair_sets.table", on_select="rerun",
        selection_mode="single-row",
    )  # fmt: skip
    rows = picked["selection"]["rows"]
    place = made.places[rows[0]] if rows and rows[0] < len(made.places) else None
    if place is not None:
        row = pairs[place].row
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Show it alone", key="pair_sets.alone", on_click=_alone, args=(state, place))
            st.button(
                "Open it on the bench", key="pair_sets.open", on_click=_open, args=(state, row),
                help="Makes it the prompt of every page, with its answer and foil.",
            )  # fmt: skip
    for at, sentence in made.left_out[:20]:
        st.caption(plain(f"Pair {at + 1} is left out: {sentence}"))


def pairs_table(made: "PairsSweep", pairs: tuple[UsablePair, ...]) -> pd.DataFrame:
    """One row a pair that was swept: its texts, its scores, and its strongest effect."""
    rows = [pairs[place].row for place in made.places]
    effects = made.effects.reshape(len(rows), -1)
    strongest = np.take_along_axis(effects, np.nan_to_num(np.abs(effects)).argmax(1)[:, None], 1)[:, 0]
    table = pd.DataFrame(
        {
            "pair": [place + 1 for place in made.places],
            "clean": [row.clean for row in rows],
            "corrupted": [row.corrupted for row in rows],
            "answer": [row.answer for row in rows],
            "foil": [row.foil for row in rows],
            f"clean ({made.unit})": made.clean_scores,
            f"corrupted ({made.unit})": made.corrupted_scores,
            "strongest effect": strongest,
        }
    )
    return table.drop(columns=f"corrupted ({made.unit})") if np.isnan(made.corrupted_scores).all() else table


def _alone(state: UrlState, place: int) -> None:
    state.set("statistic", "pair")
    state.set("pair", place)


def _open(state: UrlState, row: Any) -> None:
    state.set("prompt", row.clean)
    state.set("answers", row.answer)
    state.set("foils", row.foil)
    state.set("over", "prompt")
    if "corrupted" in state.schema:
        state.set("corrupted", row.corrupted)


def sweep_code(state: UrlState, bench: Bench, plan: "Plan") -> str:
    """The lines that reproduce a sweep over a set in a notebook."""
    uploaded = state["set"] == UPLOADED
    pairs = "[hookscope.PairRow(clean, corrupted, answer, foil), ...]" if uploaded else repr(state["set"])
    changed = ", ".join(repr(spec.text) for spec in bench.run.interventions)
    names = [type(plan).__name__] + (["Receiver"] if "Receiver" in repr(plan) else [])
    return (
        share.load_code(bench)
        + f"from hookscope import {', '.join(names)}\n\nplan = {plan!r}\n"
        + f"sweep = hookscope.sweep_pairs(model, {pairs}, plan, metric={state['metric']!r}"
        + (f", interventions=[{changed}]" if changed else "")
        + f")\nsweep.mean, sweep.standard_error  # by {' x '.join(plan.axes)}\n"
    )
