"""A sweep on one pair of prompts: the gradient's preview first where there is one, exact values as they come."""

import streamlit as st

from interp_views.component import Component
from pages.ui import answers, cached, share
from pages.ui.bench import Bench
from pages.ui.following import Followed, follow, go_on
from pages.ui.markdown import plain
from pages.ui.patching import code, offers, pairs, pictures, tables
from pages.ui.patching.controls import ShowPlan
from pages.ui.url_state import UrlState

_HOW_TO_READ = (
    "One activation after another is taken from one run and put into the other; each cell says what the metric is then. "
    "**Recovered fraction** is (patched − corrupted) / (clean − corrupted): 0 means that nothing came back, 1 that all did; "
    "values outside 0 to 1 are real and are never clipped. **Denoising** shows what suffices, **noising** what is needed: there "
    "the picture is of the lost fraction, 1 minus the recovered one. The first picture is the gradient's first-order estimate "
    "(attribution patching, Syed et al. 2023, arXiv:2310.10348), which exact values then replace; how well they agree is said "
    "below. Method: Meng et al. 2022, arXiv:2202.05262; how to read it: Heimersheim and Nanda 2024, arXiv:2404.15255. Cells "
    "before the first token that differs cannot have an effect, since no token sees a later one."
)
_HOW_TO_READ_PATHS = (
    "Each cell is a sender: a head, or a layer's MLP. It takes its value from the other run, all attention between it and the "
    "receivers stays as it was, and what arrives at the receivers is put into a plain run. So a cell says what the sender does "
    "**through these receivers alone**. Begin with the logits, click a head that matters, make its query, key or value the "
    "receiver, and see who feeds it: that is how Wang et al. 2022 (arXiv:2211.00593) walked back through the indirect-object "
    "circuit. With a **group**, its senders send in every cell, and a cell shows what its own sender adds to them, so that "
    "heads which do the same or make up for each other show themselves. In **noising** the picture is of the lost fraction; "
    "values outside 0 to 1 are real and are never clipped. Layers "
    "after the last receiver have no path and show 0."
)


def show(state: UrlState, bench: Bench, show_plan: ShowPlan) -> None:
    """Draw prompts, controls and sweep, and go on until it is complete.

    Raises:
        InterpError: The prompts cannot be compared, an answer is not one token, the two runs cannot be told apart, or the
            sweep failed.
    """
    pair = pairs.show(state, bench)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = answers.show_metric(state, bench)
        st.button(
            "Swap prompts", icon=":material/swap_vert:", key="patching.swap", on_click=pairs.swapped, args=(state,)
        )
    plan = show_plan(state, bench)
    answers.show_metric_read(bench, metric)
    key = ("sweep", pair, metric, plan)
    followed = follow("patching", key, lambda so_far: cached.sweep_job(key, pair, metric, plan, so_far), "Patching")
    if followed.made is None:
        return
    made = followed.made
    _say(followed)
    shown = pictures.shown_of(state, made)
    paths = state["view"] == "paths"
    what = "Path patching" if paths else f"Patching {state['site']}"
    title = share.title(bench, f"{what}, {plan.direction}")
    kind, payload = pictures.draw(state, bench.card, bench.tokenised, shown, plan, made.exact)
    offers.show(state, bench, plan)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ_PATHS if paths else _HOW_TO_READ)
    share.show_downloads(
        "patching",
        lambda: tables.sweep_table(made, bench.tokenised.str_tokens),
        lambda: Component.load(kind).standalone(payload, title),
        code.sweep_code(state, bench, plan),
        arrays=lambda: {"score": made.score, "effect": made.effect, "exact": made.exact},
    )
    go_on(followed, lambda partial: int(partial.exact.sum()), max(1, made.exact.size // 6))


def _say(followed: Followed) -> None:
    made = followed.made
    unit, preview = made.unit, getattr(made, "preview", None)
    said = (
        f"Clean {made.clean_score:.3f} {unit}, corrupted {made.corrupted_score:.3f} {unit}. "
        f"{int(made.exact.sum()):,} of {made.exact.size:,} cells are exact"
        + ("" if made.complete else ", the others are the gradient's estimate" if preview is not None else "")
        + "."
    )
    if getattr(made.plan, "group", ()):
        said += (
            f" The group alone: {made.group_score:.3f} {made.unit}, recovered fraction {made.group_effect:.3f}. Each cell "
            "shows what one sender more adds to that."
        )
    if preview is not None and (agreement := made.agreement()):
        r, worst, off = agreement
        named = ", ".join(f"{axis} {place}" for axis, place in zip(made.plan.axes, worst, strict=True))
        said += f" Preview and exact values: correlation {r:.3f}; worst at {named}, off by {off:.3f} {unit}."
    said += f" {why}" if (why := getattr(made, "no_preview", "")) else ""
    st.caption(plain(said if followed.running or made.complete else f"Stopped. {said}"))
    if preview is not None and not made.complete:
        st.markdown(
            ":orange-badge[Gradient's estimate] "
            + ("Exact values are coming: " if followed.running else "Stopped before all values were exact: ")
            + f"{int(made.exact.sum()):,} of {made.exact.size:,}."
        )
