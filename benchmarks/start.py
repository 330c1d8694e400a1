"""How long until something is on screen: Hookscope's home page and an empty Streamlit page, both from a cold server.

Each measurement starts a server process and a fresh browser context; the two kinds take turns. The clock runs from the
start of the navigation (and, for the total, from the start of the process) to the first frame with a visible `h1`. Then:
how long until the first attention picture is painted, with the default model converted but not loaded.
"""

import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks import chromium, report
from benchmarks.report import ROOT, Sample
from benchmarks.server import Server
from interp_core.default_model import ensure_default_model
from interp_core.errors import InterpError

GOAL_S = 1.5
DEEP_LINK = "/attention?layer=18&head=6"
_TIMEOUT_MS = 180_000
# Each returns seconds since the navigation began, or null while there is nothing; asked once a frame.
_HEADING_S = """() => [...document.querySelectorAll("h1")].some((h1) => h1.checkVisibility() && h1.offsetHeight > 0)
  ? performance.now() / 1000 : null"""
_PAINTED_S = """() => [...document.querySelectorAll("*")].some((host) =>
  host.shadowRoot?.querySelector(".hs-attention[data-painted]")) ? performance.now() / 1000 : null"""


@dataclass(frozen=True)
class Start:
    """Seconds of one cold start."""

    healthy: float
    """Process start to a server that answers."""
    shown: float
    """Navigation start to what was waited for."""
    total: float
    """Process start to what was waited for."""


def cold_start(browser: Browser, script: Path, path: str, seen: str) -> Start:
    """Start a server, open a page in a fresh context, wait until `seen` returns seconds, end the server."""
    with Server(script) as server, chromium.fresh_context(browser) as context:
        page = context.new_page()
        page.goto(server.url + path, wait_until="commit", timeout=_TIMEOUT_MS)
        shown = page.wait_for_function(seen, timeout=_TIMEOUT_MS).json_value()
        began = page.evaluate("performance.timeOrigin") / 1000
        return Start(server.healthy_s, shown, began + shown - server.started)


def measure(browser: Browser, runs: int) -> dict[str, list[Start]]:
    """Cold starts of each kind, taking turns."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text('import streamlit as st\n\nst.title("empty")\n', encoding="utf-8")
        kinds = {
            "empty": (empty, "/", _HEADING_S),
            "hookscope": (ROOT / "app.py", "/", _HEADING_S),
            "attention": (ROOT / "app.py", DEEP_LINK, _PAINTED_S),
        }
        found: dict[str, list[Start]] = {kind: [] for kind in kinds}
        for run in range(runs):
            print(f"run {run + 1} of {runs}", file=sys.stderr, flush=True)
            # Every other run goes backwards, so that no kind always comes after the one that loads a model.
            for kind, what in list(kinds.items())[:: -1 if run % 2 else 1]:
                found[kind].append(cold_start(browser, *what))
    return found


def print_results(found: dict[str, list[Start]]) -> float:
    """Print the table and return the headline: the ratio of the medians of navigation to h1."""
    names = {"empty": "empty page, h1", "hookscope": "Hookscope /, h1", "attention": f"Hookscope {DEEP_LINK}, painted"}
    samples = {
        kind: {part: Sample(tuple(getattr(start, part) for start in starts)) for part in Start.__annotations__}
        for kind, starts in found.items()
    }
    rows = [[names[kind], *(sample.text() for sample in parts.values())] for kind, parts in samples.items()]
    empty, ours = samples["empty"], samples["hookscope"]
    beyond = {part: ours[part].median - empty[part].median for part in ours}
    ratio = {part: ours[part].median / empty[part].median for part in ours}
    rows.append(["Hookscope / beyond empty, medians", *(f"{seconds:+.2f}" for seconds in beyond.values())])
    rows.append(["Hookscope / over empty, medians", *(f"x {value:.2f}" for value in ratio.values())])
    met = "met" if max(beyond["shown"], beyond["total"]) < GOAL_S else "not met"
    report.print_table(
        "First paint from a cold server, seconds: median (least to greatest, number of runs)",
        ["what", "process start to health ok", "navigation to shown", "process start to shown"],
        rows,
        [
            f"Goal, first paint under {GOAL_S} s beyond an empty page, from navigation and in total: {met}.",
            "Attention: the default model is in the cache folder and is loaded while the page waits.",
            "The last line is navigation to h1, Hookscope over empty, ratio of the medians.",
        ],
    )
    return ratio["shown"]


def main() -> int:
    """Measure, print, and return the exit status."""
    options = report.parser(__doc__, runs=5).parse_args()
    try:
        ensure_default_model()
    except InterpError as error:
        print(error, file=sys.stderr)
        return 1
    with sync_playwright() as playwright, chromium.launch(playwright) as browser:
        found = measure(browser, options.runs)
        described = report.machine(chromium=browser.version)
    headline = print_results(found)
    raw = {kind: [asdict(start) for start in starts] for kind, starts in found.items()}
    report.finish("start", headline, 2, described, raw, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
