"""How quickly the running app answers: to the pointer, to another head, layer or prompt, and to a very long prompt.

The real app with the default model on a server of its own, in Chromium without GPU. Clocks run inside the page, from the
event's own time stamp to the start of the frame after the one that shows the answer. The last line is the median answer
to the pointer at 512 tokens, in milliseconds.
"""

import math
import sys
from dataclasses import asdict

import psutil
from playwright.sync_api import Browser, sync_playwright

from benchmarks import chromium, report, response_quick
from benchmarks.report import ROOT, Sample
from benchmarks.response_long import LONG, LongRun, Meanwhile, long_run, meanwhile
from benchmarks.server import Server
from benchmarks.stopwatch import Stopwatch
from benchmarks.texts import texts
from interp_core.default_model import ensure_default_model
from interp_core.errors import InterpError
from interp_core.settings import GIB

LENGTHS = (128, 512, LONG)
GOALS = {"hover": 50.0, "another": 150.0, "prompt": 1500.0}
"""Milliseconds."""
GOAL_FIRST_S = 20.0
_LONG_RUNS = 3
_NAMES = {
    "hover cell": "pointer to a cell of the large pattern",
    "hover token": "pointer to a token",
    "hover head": "pointer to a small head",
    "another layer": "K: next layer, all heads mixed",
    "another layer, head held": "J: layer before, a head held",
    "another head": "N: next head",
    "another head, clicked": "click on a small head",
    "another layer, clicked": "click on the button for the next layer",
    "prompt": "Ctrl+Enter: a new prompt's picture",
}
Times = dict[str, list[float]]


def quick(server: Server, browser: Browser, n_pos: int, runs: int) -> Times:
    """Everything but the long prompt's start, in the layer view; new prompts at 128 tokens alone."""
    prompts = texts(n_pos, runs + 1 if n_pos == min(LENGTHS) else 1)
    layer = response_quick.FIRST_LAYER
    with chromium.fresh_context(browser) as context:
        watch = Stopwatch(context.new_page())
        watch.open(f"{server.url}/attention?layer={layer}", "attention")
        response_quick.new_prompt(watch, prompts[0])
        watch.page.evaluate("document.activeElement?.blur()")
        times: Times = {f"hover {what}": took for what, took in response_quick.hover(watch, 4 * runs).items()}
        watch.page.mouse.move(5, 5)
        watch.settle()
        times["another layer"] = response_quick.other_layers(watch, 2 * runs)
        times["another head"] = response_quick.other_heads(watch, 9)
        times["another layer, head held"] = response_quick.other_layers_held(watch, 2 * runs, head=8)
        times["another head, clicked"] = response_quick.clicked_heads(watch, 8)
        times["another layer, clicked"] = response_quick.clicked_layers(watch, 2 * runs, layer)
        watch.page.mouse.move(5, 5)
        if n_pos == min(LENGTHS):
            times["prompt"] = [response_quick.new_prompt(watch, text) for text in prompts[1:]]
        return times


def _goal(what: str) -> float:
    return next(limit for start, limit in GOALS.items() if what.startswith(start))


def _show_quick(found: dict[int, Times]) -> None:
    rows = [
        [
            _NAMES[what],
            str(n_pos),
            Sample(tuple(took)).text(0),
            f"{sorted(took)[math.ceil(0.95 * len(took)) - 1]:.0f}",
            f"{_goal(what):.0f}",
            "met" if Sample(tuple(took)).median <= _goal(what) else "not met",
        ]
        for what in _NAMES
        for n_pos, times in found.items()
        if (took := times.get(what))
    ]
    notes = [
        "The run is in the server's cache, K draws each layer for the first time; a new prompt has to be computed.",
        "Between two keys or clicks the page comes to rest, so that the layers beside the one in view have been sent.",
        "A head is on screen when its title is; its exact values, up to 512 tokens, may follow a moment later.",
    ]
    columns = ["event to picture, ms", "tokens", "median (least to greatest, number)", "95 of 100", "goal", "median"]
    report.print_table("Answers in the layer view", columns, rows, notes)


def _show_long(long: list[LongRun], between: list[Meanwhile]) -> None:
    def gib(part: str) -> str:
        return Sample(tuple(getattr(one, part) / GIB for one in long)).text()

    first, every = (Sample(tuple(getattr(one, part) for one in long)) for part in ("first", "all_heads"))
    rows = [
        ["first heads on screen, s", first.text(1), f"{GOAL_FIRST_S:.0f}: {_met(first.median <= GOAL_FIRST_S)}"],
        ["all 270 heads on screen, s", every.text(1), ""],
        ["server before, GiB resident", gib("memory_before"), ""],
        ["server at its peak, GiB resident", gib("memory_peak"), ""],
        ["server afterwards, GiB resident", gib("memory_after"), ""],
    ]
    for part, name in (
        ("hover", "meanwhile: pointer over the heads there are, ms"),
        ("other_tab", "meanwhile: K in another session, ms"),
        ("other_page", "meanwhile: click on the link to Settings, ms"),
    ):
        rows.append([name, Sample(tuple(getattr(one, part) for one in between)).text(0), ""])
    still = sum(one.still_under_way for one in between)
    report.print_table(
        f"A new prompt of {LONG:,} tokens in the All-heads view",
        ["what", "median (least to greatest, number)", "goal"],
        rows,
        [f"Meanwhile: the prompt was still being computed at the last click in {still} of {len(between)} tries."],
    )


def _met(goal: bool) -> str:
    return "met" if goal else "not met"


def main() -> int:
    """Measure, print, and return the exit status."""
    options = report.parser(__doc__, runs=5).parse_args()
    try:
        ensure_default_model()
    except InterpError as error:
        print(error, file=sys.stderr)
        return 1
    with sync_playwright() as playwright, chromium.launch(playwright) as browser, Server(ROOT / "app.py") as server:
        found: dict[int, Times] = {}
        for n_pos in LENGTHS:
            print(f"{n_pos} tokens, load {psutil.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            found[n_pos] = quick(server, browser, n_pos, options.runs)
        short, unseen = texts(128, 1)[0], texts(LONG, 1 + 2 * _LONG_RUNS)[1:]  # the first has been asked for above
        print(f"new prompts of {LONG} tokens", file=sys.stderr, flush=True)
        long = [long_run(server, browser, short, text) for text in unseen[:_LONG_RUNS]]
        between = [meanwhile(server, browser, short, text) for text in unseen[_LONG_RUNS:]]
        described = report.machine(chromium=browser.version)
    _show_quick(found)
    _show_long(long, between)
    raw = {"quick": found, "long": [asdict(one) for one in long], "meanwhile": [asdict(one) for one in between]}
    pointer = [took for what, times in found[512].items() if what.startswith("hover") for took in times]
    report.finish("response", Sample(tuple(pointer)).median, 0, described, raw, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
