"""Bytes and seconds to pixels of one layer's attention: Hookscope against circuitsvis and inspectus, on the same arrays.

Layer 18 of the default model (9 heads) on the first 128 and 512 tokens of LICENSE. Each tool writes one HTML file that
needs no network; each file is opened in a fresh Chromium, the tools taking turns. The same picture is also mounted in
the real Streamlit app, and what then crosses the wire is counted. The last line is our file's bytes over inspectus's at
512 tokens.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from benchmarks import app_traffic, attention_table, chromium, patterns, peers, pixels, report
from benchmarks.attention_table import OURS
from interp_core.errors import InterpError
from interp_views.component import Component

LENGTHS = (128, 512)
_SLOW_S = 30.0
"""What takes longer is measured once."""


@dataclass
class Case:
    """One tool's file of one length, and what was measured on it."""

    tool: str
    n_pos: int
    path: Path
    cells: str
    n_bytes: int = 0
    problem: str = ""
    """Why there is no file, or no picture."""
    openings: list[pixels.Opening] = field(default_factory=list)

    def wants_another(self) -> bool:
        """Whether it is worth opening once more."""
        return not self.problem and all(opening.pixels <= _SLOW_S for opening in self.openings)

    def open(self, playwright: Playwright, screenshots: Path | None) -> None:
        """Open the file once in a fresh browser."""
        shot = screenshots / f"{self.path.stem}.png" if screenshots and not self.openings else None
        print(f"opening {self.path.name}", file=sys.stderr, flush=True)
        opening = pixels.open_file(playwright, self.path, self.cells, shot)
        if opening is None:
            self.problem = f"no answer in {pixels.TIMEOUT_S} s"
        else:
            self.openings.append(opening)


def write_files(folder: Path) -> list[Case]:
    """Every tool's file for every length, and the payloads for the app (`payload-N.bin`)."""
    problems = {peer: _problem(peer.install) for peer in peers.PEERS}
    component = Component.load("attention")
    cases = []
    for n_pos, layer in patterns.real_layers(LENGTHS).items():
        payload = layer.payload()
        (folder / f"payload-{n_pos}.bin").write_bytes(payload)
        ours = Case(OURS, n_pos, folder / f"{OURS}-{n_pos}.html", ".hs-attention[data-painted] canvas")
        page = component.standalone(payload, f"Hookscope: attention, layer {patterns.LAYER}")
        ours.path.write_text(page, encoding="utf-8")
        cases.append(ours)
        for peer, problem in problems.items():
            case = Case(peer.name, n_pos, folder / f"{peer.name}-{n_pos}.html", peer.cells)
            case.problem = problem or _problem(peer.write, layer, folder, case.path)
            cases.append(case)
    for case in cases:
        case.n_bytes = case.path.stat().st_size if case.path.is_file() else 0
    return cases


def _problem(act: Callable[..., None], *arguments: object) -> str:
    try:
        act(*arguments)
    except peers.PeerError as error:
        return f"not to be had: {error}"
    return ""


def measure(
    playwright: Playwright, folder: Path, cases: list[Case], runs: int, screenshots: Path | None
) -> dict[int, list[app_traffic.Mounting]]:
    """Open every file and mount every payload, all taking turns; returns what the app sent."""
    mountings: dict[int, list[app_traffic.Mounting]] = {n_pos: [] for n_pos in LENGTHS}
    for run in range(runs):
        # Every other round goes backwards, so that no tool is always the one after another.
        for case in cases[:: -1 if run % 2 else 1]:
            if case.wants_another():
                case.open(playwright, screenshots)
        with chromium.launch(playwright) as browser:
            for n_pos, found in mountings.items():
                found.append(app_traffic.mount(browser, folder / f"payload-{n_pos}.bin"))
    return mountings


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = report.parser(__doc__, runs=5)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="keep what each file showed in the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        with chromium.launch(playwright) as browser:  # first, so that a missing browser is said before any work
            version = browser.version
        try:
            cases = write_files(Path(name))
        except InterpError as error:
            print(error, file=sys.stderr)
            return 1
        mountings = measure(playwright, Path(name), cases, options.runs, options.screenshots)
    headline = attention_table.show(cases, mountings)
    described = report.machine(chromium=version, **{peer.name: peer.version for peer in peers.PEERS})
    raw = {
        "files": [{**asdict(case), "path": case.path.name} for case in cases],
        "app": {n_pos: [asdict(mounting) for mounting in found] for n_pos, found in mountings.items()},
    }
    report.finish("attention", headline, 3, described, raw, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
