"""A cell as an intervention, and the Python that makes the sweep."""

from typing import TYPE_CHECKING

from interp_core.interventions import Intervention
from interp_core.prompts import Prompt
from pages.ui import answers, share
from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.patching import SweepPlan
    from interp_core.path_plan import PathPlan


def as_intervention(
    state: UrlState, plan: "SweepPlan | PathPlan", prompt: Prompt, *, shared: int = 1
) -> Intervention | None:
    """The selected cell, taken from the corrupted prompt into the prompt that all pages look at; None if none is.

    `shared` query heads read each head that is swept; a query head is what is selected.
    """
    mlp = "sender" in plan.axes and state["mlp"]
    needed = {"head": state["head"], "pos": state["pos"], "unit": state["unit"], "sender": mlp or state["head"]}
    if any(needed.get(axis, 0) is None for axis in plan.axes) or not state["corrupted"].strip():
        return None
    return Intervention(
        "patch",
        "mlp_out" if mlp else getattr(plan, "site", "z"),
        layers=(state["layer"],),
        heads=(state["head"] // shared,) if "head" in plan.axes or ("sender" in plan.axes and not mlp) else None,
        positions=(state["pos"],) if "pos" in plan.axes else None,
        units=(state["unit"],) if "unit" in plan.axes else None,
        sources=(state["corrupted"],),
        bos=prompt.prepend_bos,
        chat=prompt.chat,
    )


def sweep_code(state: UrlState, bench: Bench, plan: "SweepPlan | PathPlan") -> str:
    """The lines that reproduce the sweep in a notebook."""
    from interp_core.patching import SweepPlan  # noqa: PLC0415  torch: after the first paint

    prompt = bench.prompt.with_text(state["corrupted"])
    switches = ("" if prompt.prepend_bos else ", prepend_bos=False") + (", chat=True" if prompt.chat else "")
    if isinstance(plan, SweepPlan):
        call, what = "patch", [repr(plan.site)]
        what += ["by_position=False"] if not plan.by_position else []
        what += [f"layer={plan.layer}"] if plan.layer is not None else []
        what += [f"direction={plan.direction!r}"] if plan.direction != "denoising" else []
    else:
        receivers = [f"hookscope.Receiver({one.kind!r}, {one.layer}, {one.head})" for one in plan.receivers]
        call, what = (
            "patch_paths",
            [f"[{', '.join(receivers)}]", f"mlps={plan.mlps!r}", f"direction={plan.direction!r}"],
        )
        senders = [f"hookscope.Sender({one.layer}, {one.head})" for one in plan.group]
        what += [f"group=[{', '.join(senders)}]"] if senders else []
    return (
        share.load_code(bench)
        + f"corrupted = hookscope.Prompt({prompt.text!r}{switches})\n"
        + share.intervene_code(bench, "corrupted")
        + f"sweep = hookscope.{call}(model, prompt, corrupted, {', '.join(what)}, {answers.metric_code(state)})\n"
        + f"sweep.effect  # recovered fraction, by {' x '.join(plan.axes)}\n"
    )
