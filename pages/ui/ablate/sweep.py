"""Every head, MLP or layer switched off in turn; a click picks one to switch off on every page."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float

from interp_views.component import Component
from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from interp_views.position_bars import layer_bars
from pages.ui import answers, cached, pair_results, pair_sets, share
from pages.ui.ablate import offers
from pages.ui.bench import Bench
from pages.ui.following import follow, go_on
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.ablation import AblationPlan, AblationSweep

_PARTS = {"component": "Heads and MLPs", "attention": "Attention layers", "layer": "Whole layers"}
_KINDS = {"zero": "Zero", "mean": "Mean", "resample": "Resample"}
_HOW_TO_READ = (
    "Each cell: the metric at the last position with this one part ablated at all positions, minus the metric as it is. "
    "**Zero** writes 0, which is far from anything that the model ever sees; **mean** writes the mean over the 20 reference "
    "prompts that ship (the BOS keeps its own); **resample** writes the values of one of their tokens, drawn with the seed. A "
    "part whose ablation changes nothing may still matter: others can take over (self-repair, McGrath et al. 2023, "
    "arXiv:2307.15771). Over a set: the mean of that change over the clean prompts of all pairs, and its standard error."
)


def show(state: UrlState, bench: Bench) -> None:
    """Draw controls and the sweep, and go on until it is complete.

    Raises:
        InterpError: An answer is not one token, or the sweep failed.
    """
    from interp_core.ablation import AblationPlan  # noqa: PLC0415  torch: after the first paint

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Ablate", list(_PARTS), key=state.key("part"), format_func=_PARTS.__getitem__, required=True
        )
        st.segmented_control("Kind", list(_KINDS), key=state.key("kind"), format_func=_KINDS.__getitem__, required=True)
        if state["kind"] == "resample":
            st.number_input("Seed", 0, 1_000_000, key=state.key("seed"), width=120)
        over_set = pair_sets.show_over(state, "This prompt")
    plan = AblationPlan(state["part"], state["kind"], seed=state["seed"] if state["kind"] == "resample" else 0,
                        bos=bench.prompt.prepend_bos)  # fmt: skip
    (_over_set if over_set else _over_prompt)(state, bench, plan)


def _over_prompt(state: UrlState, bench: Bench, plan: "AblationPlan") -> None:
    """The sweep on the prompt of the bench."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = answers.show_metric(state, bench)
    key = ("ablate each", bench.run, metric, plan)
    followed = follow(
        "ablate", key, lambda so_far: cached.ablation_job(key, bench.run, metric, plan, so_far), "Ablating"
    )
    answers.show_metric_read(bench, metric)
    made = followed.made
    if made is None:
        return
    st.caption(
        ("" if followed.running or made.complete else "Stopped. ")
        + f"As it is: {made.clean_score:.3f} {made.unit}. {int(made.exact.sum()):,} of {made.exact.size:,} parts ablated"
        + (", on top of the interventions in force." if bench.run.interventions else ".")
    )
    kind, drawn = _draw(state, bench, plan, made.effect, "change by ablation", made.unit)
    offers.show(state, plan, made.effect, made.unit)
    _end(bench, drawn, kind, lambda: _table(made), share.load_code(bench)
         + f"hookscope.ablate_each(model, prompt, {answers.metric_code(state)}, part={plan.part!r}, kind={plan.kind!r}"
         + (f", seed={plan.seed})" if plan.seed else ")"))  # fmt: skip
    go_on(followed, lambda partial: int(partial.exact.sum()), max(1, made.exact.size // 6))


def _over_set(state: UrlState, bench: Bench, plan: "AblationPlan") -> None:
    """The sweep on the clean prompts of a set."""
    pairs = pair_sets.show(state, bench, "clean")
    kind = pair_sets.show_metric(state)
    key = ("ablate pairs", pairs, kind, plan, bench.run.interventions)
    followed = follow(
        "ablate.set", key,
        lambda so_far: cached.pairs_job(bench.spec, key, pairs, kind, plan, bench.run.interventions, so_far), "Ablating",
    )  # fmt: skip
    made = followed.made
    if made is None:
        return
    st.caption(
        ("" if followed.running or made.complete else "Stopped. ")
        + f"{len(made.places):,} of {made.n_pairs:,} prompts swept. As they are: {made.clean_scores.mean():.3f} {made.unit} in "
        "the mean."
    )
    values, what = pair_results.show_statistic(state, made, pairs)
    kind_of_picture, drawn = _draw(
        state, bench, plan, values, f"change by ablation, {what}", made.unit, signed=state["statistic"] != "error"
    )
    offers.show(state, plan, values, made.unit)
    pair_results.show_pairs(state, made, pairs)
    _end(
        bench,
        drawn,
        kind_of_picture,
        lambda: pair_results.pairs_table(made, pairs),
        pair_results.sweep_code(state, bench, plan),
    )
    go_on(followed, lambda partial: len(partial.places) + len(partial.left_out), 1)


def _end(bench: Bench, drawn: bytes | str, kind: str, table: Callable[[], pd.DataFrame], code: str) -> None:
    with st.expander("How to read the sweep"):
        st.markdown(_HOW_TO_READ)
    share.show_downloads(
        "ablation-sweep",
        table,
        lambda: (
            drawn
            if isinstance(drawn, str)
            else Component.load(kind).standalone(drawn, share.title(bench, "Ablation sweep"))
        ),
        code,
    )


def _draw(
    state: UrlState, bench: Bench, plan: "AblationPlan", values: Float[np.ndarray, "..."], name: str, unit: str,
    *, signed: bool = True,
) -> tuple[str, bytes | str]:  # fmt: skip
    """Draw the changes; return the component that draws the standalone picture and its data, or that picture itself."""
    if len(plan.axes) == 1:
        figure = layer_bars(values, title=f"{name} ({unit})")
        picked: Any = st.plotly_chart(
            figure, width="stretch", key=f"ablate.bars.{plan.part}", on_select="rerun", selection_mode="points"
        )
        points = picked["selection"]["points"]
        if points:
            state.set("layer", int(points[0]["x"]))
        return "", figure.to_html(include_plotlyjs=True)
    largest = max(1e-6, float(np.abs(values[np.isfinite(values)]).max(initial=0)))
    about = hashlib.sha256(values.tobytes() + name.encode()).hexdigest()[:16]
    payload = head_map_payload(
        HeadMapView(
            values[:, :-1], name, unit, -largest if signed else 0.0, largest, signed=signed, decimals=3, about=about,
            mlps=values[:, -1], missing="not computed yet",
        )
    )  # fmt: skip
    head = None if state["mlp"] else state["head"]
    layer = state["layer"] if state["mlp"] or head is not None else None
    picture(
        "head_map", payload, key="picture.ablate",
        parts=[head_map_selection(about, layer=layer, head=head, mlp=state["mlp"])],
        events={"open": lambda value: _select(state, bench, value)},
    )  # fmt: skip
    return "head_map", payload


def _select(state: UrlState, bench: Bench, value: dict[str, Any]) -> None:
    layer, head, mlp = value.get("layer"), value.get("head"), value.get("mlp") is True
    has_head = isinstance(head, int) and 0 <= head < bench.card.n_heads
    if isinstance(layer, int) and 0 <= layer < bench.card.n_layers and (mlp or has_head):
        state.set("layer", layer)
        state.set("mlp", mlp)
        if not mlp:
            state.set("head", head)


def _table(made: "AblationSweep") -> pd.DataFrame:
    places = np.indices(made.score.shape).reshape(made.score.ndim, -1)
    table = pd.DataFrame(dict(zip(made.plan.axes, places, strict=True)))
    if "component" in table:
        n_heads = made.score.shape[1] - 1
        table["component"] = ["mlp" if one == n_heads else f"head {one}" for one in table["component"]]
    table[f"metric ({made.unit})"] = made.score.ravel()
    table[f"change ({made.unit})"] = made.effect.ravel()
    table["computed"] = made.exact.ravel()
    return table
