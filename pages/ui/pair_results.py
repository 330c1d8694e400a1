"""What a sweep over a set of pairs gave: a statistic of all, or one of them, and the table of pairs."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from interp_core.pair_sets import PairRow
from pages.ui import pair_sets, share
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.pair_fit import UsablePair
    from interp_core.pair_sweeps import PairsSweep, Plan

_STATISTICS = {"mean": "Mean", "error": "Standard error", "pair": "One pair"}


def show_statistic(state: UrlState, made: "PairsSweep", pairs: "tuple[UsablePair, ...]") -> tuple[np.ndarray, str]:
    """Draw the choice of what is shown of a sweep over pairs; return the values and what they are."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Of the pairs", list(_STATISTICS), key=state.key("statistic"), format_func=_STATISTICS.__getitem__,
            required=True,
        )  # fmt: skip
        if state["statistic"] == "pair":
            left_out = {place for place, _ in made.left_out}
            texts = {
                place: f"{place + 1}: {pair.row.clean}" for place, pair in enumerate(pairs) if place not in left_out
            }
            if state["pair"] not in texts:
                state.set("pair", made.places[0])
            st.selectbox("Pair", list(texts), key=state.key("pair"), format_func=texts.__getitem__, width=420)
    n = len(made.places)
    if state["statistic"] == "error":
        return made.standard_error, f"standard error of the mean over {n} pairs"
    if state["statistic"] == "mean":
        return made.mean, f"mean over {n} {'pair' if n == 1 else 'pairs'}"
    chosen = state["pair"]
    swept = (
        made.effects[made.places.index(chosen)] if chosen in made.places else np.full(made.effects.shape[1:], np.nan)
    )
    return swept, f"pair {chosen + 1}" + ("" if chosen in made.places else ", not swept yet")


def show_pairs(state: UrlState, made: "PairsSweep", pairs: "tuple[UsablePair, ...]") -> None:
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


def pairs_table(made: "PairsSweep", pairs: "tuple[UsablePair, ...]") -> pd.DataFrame:
    """One row a pair that was swept: its texts, its scores, and its strongest effect."""
    rows = [pairs[place].row for place in made.places]
    noising = getattr(made.plan, "direction", "") == "noising"
    effects = made.effects.reshape(len(rows), -1)
    effects = 1 - effects if noising else effects
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
            "largest lost fraction" if noising else "strongest effect": strongest,
        }
    )
    return table.drop(columns=f"corrupted ({made.unit})") if np.isnan(made.corrupted_scores).all() else table


def _alone(state: UrlState, place: int) -> None:
    state.set("statistic", "pair")
    state.set("pair", place)


def _open(state: UrlState, row: PairRow) -> None:
    state.set("prompt", row.clean)
    state.set("answers", row.answer)
    state.set("foils", row.foil)
    state.set("over", "prompt")
    if "corrupted" in state.schema:
        state.set("corrupted", row.corrupted)


def sweep_code(state: UrlState, bench: Bench, plan: "Plan") -> str:
    """The lines that reproduce a sweep over a set in a notebook."""
    uploaded = state["set"] == pair_sets.UPLOADED
    pairs = "[hookscope.PairRow(clean, corrupted, answer, foil), ...]" if uploaded else repr(state["set"])
    changed = ", ".join(repr(spec.text) for spec in bench.run.interventions)
    names = [type(plan).__name__, *(name for name in ("Receiver", "Sender") if f"{name}(" in repr(plan))]
    return (
        share.load_code(bench)
        + f"from hookscope import {', '.join(names)}\n\nplan = {plan!r}\n"
        + f"sweep = hookscope.sweep_pairs(model, {pairs}, plan, metric={state['metric']!r}"
        + (f", interventions=[{changed}]" if changed else "")
        + ("" if bench.prompt.prepend_bos else ", prepend_bos=False")
        + f")\nsweep.mean, sweep.standard_error  # by {' x '.join(plan.axes)}\n"
    )
