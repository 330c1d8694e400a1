"""Every head, MLP or layer switched off in turn; a click picks one to switch off on every page."""

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from interp_core.errors import JobCancelledError
from interp_core.interventions import Intervention
from interp_views.component import Component
from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from interp_views.position_bars import layer_bars
from pages.ui import answers, cached, interventions, share
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.mount import picture
from pages.ui.url_state import UrlState
from pages.ui.waiting import wait_for_job

if TYPE_CHECKING:
    from interp_core.ablation import AblationPlan, AblationSweep

_PARTS = {"head": "Heads", "attention": "Attention layers", "mlp": "MLPs", "layer": "Whole layers"}
_KINDS = {"zero": "Zero", "mean": "Mean", "resample": "Resample"}
_POINTS = {"head": ("z",), "attention": ("attn_out",), "mlp": ("mlp_out",), "layer": ("attn_out", "mlp_out")}
_HOW_TO_READ = (
    "Each cell: the metric at the last position with this one part ablated at all positions, minus the metric as it is. "
    "**Zero** writes 0, which is far from anything that the model ever sees; **mean** writes the mean over the 20 reference "
    "prompts that ship (the BOS keeps its own); **resample** writes the values of one of their tokens, drawn with the seed. A "
    "part whose ablation changes nothing may still matter: others can take over (self-repair, McGrath et al. 2023, "
    "arXiv:2307.15771)."
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
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = answers.show_metric(state, bench)
    plan = AblationPlan(state["part"], state["kind"], seed=state["seed"] if state["kind"] == "resample" else 0,
                        bos=bench.prompt.prepend_bos)  # fmt: skip
    job = cached.ablation_job(bench.run, metric, plan)
    progress = st.empty()
    doing = f"Ablating {_PARTS[plan.part] if plan.part == 'mlp' else _PARTS[plan.part].lower()}"
    made = wait_for_job(job, doing, enough=lambda partial: bool(partial.exact.any()), place=progress)
    answers.show_metric_read(bench, metric)
    st.caption(
        f"As it is: {made.clean_score:.3f} {made.unit}. {int(made.exact.sum()):,} of {made.exact.size:,} parts ablated"
        + (", on top of the interventions in force." if bench.run.interventions else ".")
    )
    payload = _draw(state, bench, made)
    _offer(state, made)
    with st.expander("How to read the sweep"):
        st.markdown(_HOW_TO_READ)
    share.show_downloads(
        "ablation-sweep",
        lambda: _table(made),
        lambda: (
            Component.load("head_map").standalone(payload, share.title(bench, "Ablation sweep"))
            if payload
            else _bars(made).to_html(include_plotlyjs=True)
        ),
        share.load_code(bench) + f"hookscope.ablate_each(model, prompt, {answers.metric_code(state)}, "
        f"part={plan.part!r}, kind={plan.kind!r})",
    )
    if not made.complete:
        done, step = int(made.exact.sum()), max(1, made.exact.size // 6)
        with contextlib.suppress(JobCancelledError):
            wait_for_job(job, doing, enough=lambda partial: int(partial.exact.sum()) >= done + step, place=progress)
        st.rerun()


def _draw(state: UrlState, bench: Bench, made: "AblationSweep") -> bytes | None:
    if made.plan.part != "head":
        picked: Any = st.plotly_chart(
            _bars(made),
            width="stretch",
            key=f"ablate.bars.{made.plan.part}",
            on_select="rerun",
            selection_mode="points",
        )
        points = picked["selection"]["points"]
        if points:
            state.set("layer", int(points[0]["x"]))
        return None
    values = made.effect
    largest = max(1e-6, float(np.abs(values[np.isfinite(values)]).max(initial=0)))
    about = hashlib.sha256(values.tobytes()).hexdigest()[:16]
    payload = head_map_payload(
        HeadMapView(values, "change by ablation", made.unit, -largest, largest, signed=True, decimals=3, about=about)
    )
    picture(
        "head_map", payload, key="picture.ablate",
        parts=[head_map_selection(about, layer=None if state["head"] is None else state["layer"], head=state["head"])],
        events={"open": lambda value: _select(state, bench, value)},
    )  # fmt: skip
    return payload


def _select(state: UrlState, bench: Bench, value: dict[str, Any]) -> None:
    layer, head = value.get("layer"), value.get("head")
    if isinstance(layer, int) and isinstance(head, int) and layer < bench.card.n_layers and head < bench.card.n_heads:
        state.set("layer", layer)
        state.set("head", head)


def _bars(made: "AblationSweep") -> Any:
    return layer_bars(made.effect, title=f"change by ablation ({made.unit})")


def _chosen(state: UrlState, plan: "AblationPlan") -> tuple[Intervention, ...]:
    heads = (state["head"],) if plan.part == "head" else None
    seed = plan.seed if plan.kind == "resample" else 0
    return tuple(
        Intervention(plan.kind, point, layers=(state["layer"],), heads=heads, bos=plan.bos, seed=seed)
        for point in _POINTS[plan.part]
    )


def _offer(state: UrlState, made: "AblationSweep") -> None:
    """The way on from the selected part."""
    if made.plan.part == "head" and state["head"] is None:
        st.caption("Click a head for what can be done with it.")
        return
    chosen = _chosen(state, made.plan)
    name = f"L{state['layer']}H{state['head']}" if made.plan.part == "head" else f"Layer {state['layer']}"
    place = (state["layer"], state["head"]) if made.plan.part == "head" else (state["layer"],)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{name}** {plain(f'{made.effect[place]:+.3f} {made.unit}')}")
        st.button(
            f"Ablate it ({made.plan.kind})", key="ablate.add", icon=":material/block:", type="primary",
            on_click=_add_all, args=(state, chosen), help="On every page, until you switch it off.",
        )  # fmt: skip
        if made.plan.part == "head":
            alone = Intervention(
                made.plan.kind, "z", layers=(state["layer"],), heads=(state["head"],), others=True, bos=made.plan.bos,
                seed=chosen[0].seed,
            )  # fmt: skip
            st.button(
                "Isolate it", key="ablate.alone", icon=":material/filter_center_focus:", on_click=interventions.add,
                args=(state, alone), help="Ablates the other heads of its layer.",
            )  # fmt: skip
            st.button(
                "Freeze it", key="ablate.freeze", icon=":material/ac_unit:", on_click=interventions.add,
                args=(state, Intervention("freeze", "z", layers=(state["layer"],), heads=(state["head"],))),
                help="Keeps its output as in the clean run, whatever else is changed.",
            )  # fmt: skip
            st.page_link(
                "pages/attention.py",
                label="Open in attention",
                icon=":material/grid_on:",
                query_params=state.shared_link(),
            )


def _add_all(state: UrlState, chosen: tuple[Intervention, ...]) -> None:
    for one in chosen:
        interventions.add(state, one)


def _table(made: "AblationSweep") -> pd.DataFrame:
    places = np.indices(made.score.shape).reshape(made.score.ndim, -1)
    table = pd.DataFrame(dict(zip(("layer", "head"), places, strict=False)))
    table[f"metric ({made.unit})"] = made.score.ravel()
    table[f"change ({made.unit})"] = made.effect.ravel()
    table["computed"] = made.exact.ravel()
    return table
