"""A cell as an intervention, and the Python that makes the sweep."""

from typing import TYPE_CHECKING

from interp_core.interventions import Intervention
from interp_core.prompts import Prompt
from pages.ui import answers, share
from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.patching import SweepPlan


def as_intervention(state: UrlState, plan: "SweepPlan", prompt: Prompt) -> Intervention | None:
    """The selected cell, taken from the corrupted prompt into the prompt that all pages look at; None if none is."""
    needed = {"head": state["head"], "pos": state["pos"], "unit": state["unit"]}
    if any(needed.get(axis, 0) is None for axis in plan.axes):
        return None
    return Intervention(
        "patch",
        plan.site,
        layers=(state["layer"],),
        heads=(state["head"],) if "head" in plan.axes else None,
        positions=(state["pos"],) if "pos" in plan.axes else None,
        units=(state["unit"],) if "unit" in plan.axes else None,
        sources=(state["corrupted"],),
        bos=prompt.prepend_bos,
    )


def sweep_code(state: UrlState, bench: Bench, plan: "SweepPlan") -> str:
    """The lines that reproduce the sweep in a notebook."""
    prompt = bench.prompt.with_text(state["corrupted"])
    switches = ("" if prompt.prepend_bos else ", prepend_bos=False") + (", chat=True" if prompt.chat else "")
    what = [repr(plan.site)]
    what += ["by_position=False"] if not plan.by_position else []
    what += [f"layer={plan.layer}"] if plan.layer is not None else []
    what += [f"direction={plan.direction!r}"] if plan.direction != "denoising" else []
    return (
        share.load_code(bench)
        + f"corrupted = hookscope.Prompt({prompt.text!r}{switches})\n"
        + f"sweep = hookscope.patch(model, prompt, corrupted, {', '.join(what)}, {answers.metric_code(state)})\n"
        + "sweep.effect  # recovered fraction, by "
        + " x ".join(plan.axes)
        + "\n"
    )
