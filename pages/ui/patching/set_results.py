"""A sweep over a set of pairs: mean, standard error, and each pair for itself."""

from typing import TYPE_CHECKING

import streamlit as st

from interp_views.component import Component
from pages.ui import cached, pair_results, pair_sets, share
from pages.ui.bench import Bench
from pages.ui.following import follow, go_on
from pages.ui.markdown import plain
from pages.ui.patching import offers, pictures
from pages.ui.patching.controls import ShowPlan
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.pair_fit import UsablePair

_HOW_TO_READ = (
    "The same sweep on every pair of the set, each measured by its own answer and foil; then the mean of the recovered "
    "fraction over pairs, and its standard error (sample standard deviation / √pairs). A cell whose mean is within two standard "
    "errors of 0 may be nothing. Where prompts differ from pair to pair, a position is named by its number. A mean can hide two "
    "groups of pairs that do opposite things: look at single pairs too."
)


def show(state: UrlState, bench: Bench, show_plan: ShowPlan) -> None:
    """Draw the set, controls and sweep, and go on until every pair is done.

    Raises:
        InterpError: The set cannot be used, or the sweep failed.
    """
    from interp_core.pair_sweeps import need_of  # noqa: PLC0415  torch: after the first paint

    above = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = pair_sets.show_metric(state)
    plan = show_plan(state, bench)
    with above:
        pairs = pair_sets.show(state, bench, need_of(plan))
    if state["pos"] is not None and state["pos"] >= len(pairs[0].clean):
        state.set("pos", None)  # of a longer prompt
    key = ("pairs", pairs, kind, plan, bench.run.interventions)
    followed = follow(
        "patching.set", key,
        lambda so_far: cached.pairs_job(bench.spec, key, pairs, kind, plan, bench.run.interventions, so_far), "Patching",
    )  # fmt: skip
    made = followed.made
    if made is None:
        return
    st.caption(
        plain(
            ("" if followed.running or made.complete else "Stopped. ")
            + f"{len(made.places):,} of {made.n_pairs:,} pairs swept. Mean clean {made.clean_scores.mean():.3f} {made.unit}, "
            f"mean corrupted {made.corrupted_scores.mean():.3f} {made.unit}."
        )
    )
    values, what = pair_results.show_statistic(state, made, pairs)
    shown = pictures.shown_of_pairs(state, values, what, plan)
    tokens = cached.common_tokens(bench.spec, _prompts(state, made.places, pairs))
    drawn, payload = pictures.draw(state, bench.card, tokens, shown, plan, None)
    offers.show(state, bench, plan)
    pair_results.show_pairs(state, made, pairs)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    title = share.title(bench, f"Patching over {len(made.places)} pairs, {what}")
    share.show_downloads(
        "patching-pairs",
        lambda: pair_results.pairs_table(made, pairs),
        lambda: Component.load(drawn).standalone(payload, title),
        pair_results.sweep_code(state, bench, plan),
        arrays=lambda: {"effects": made.effects, "mean": made.mean, "standard_error": made.standard_error},
    )
    go_on(followed, lambda partial: len(partial.places) + len(partial.left_out), 1)


def _prompts(state: UrlState, places: tuple[int, ...], pairs: "tuple[UsablePair, ...]") -> tuple[tuple[int, ...], ...]:
    """The prompts whose positions the picture names: of one pair, or of all."""
    if state["statistic"] == "pair" and state["pair"] in places:
        return (pairs[state["pair"]].clean,)
    return tuple(pair.clean for pair in pairs)
