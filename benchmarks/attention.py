"""Bytes and seconds to pixels of 144 heads' attention: Hookscope against other tools, on the same arrays.

The first 16 layers x 9 heads of the default model on the first 128 and 512 tokens of LICENSE, regrouped as 12 x 12. Each
tool writes one HTML file with all of them that needs no network; each file is opened in a fresh Chromium, the tools
taking turns. Each tool also gets one head at 2,048 tokens. What the app sends for its own views is counted. The last line
is our file's bytes over inspectus's at 512 tokens.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks import app_traffic, attention_table, chromium, patterns, peers, pixels, report
from benchmarks.attention_table import OURS
from interp_core.errors import InterpError
from interp_core.settings import GIB

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
    written_s: float = 0.0
    written_memory: int = 0
    """Peak bytes of the writing process; 0 for ours, which is this one."""
    problem: str = ""
    """Why there is no file, or no picture."""
    openings: list[pixels.Opening] = field(default_factory=list)

    def wants_another(self) -> bool:
        """Whether it is worth opening once more."""
        return not self.problem and all(opening.pixels <= _SLOW_S for opening in self.openings)

    def write(self, act: Callable[[], tuple[float, int]]) -> None:
        """Write the file, or note why there is none."""
        say(f"writing {self.path.name}")
        try:
            self.written_s, self.written_memory = act()
        except peers.PeerError as error:
            self.problem = str(error)
        self.n_bytes = self.path.stat().st_size if self.path.is_file() else 0

    def open(self, screenshots: Path | None) -> None:
        """Open the file once in a fresh browser."""
        shot = screenshots / f"{self.path.stem}.png" if screenshots and not self.openings else None
        say(f"opening {self.path.name}")
        try:
            self.openings.append(pixels.open_file(self.path, self.cells, shot))
        except pixels.NoPictureError as error:
            self.problem = str(error)


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def write_files(folder: Path, quick: bool) -> list[Case]:
    """Every tool's file for every length; at `patterns.LONG` tokens those of the others, of one head."""
    chosen = [peer for peer in peers.PEERS if not (quick and peer.slow)]
    problems = {peer: _problem(peer) for peer in chosen}
    cases = []
    for n_pos, heads in patterns.real_heads(LENGTHS).items():
        if n_pos != patterns.LONG:
            ours = Case(OURS, n_pos, folder / f"{OURS}-{n_pos}.html", ".hs-head-grid[data-painted] canvas")
            ours.write(lambda heads=heads, path=ours.path: _write_ours(heads, path))
            cases.append(ours)
        for peer in chosen:
            case = Case(peer.name, n_pos, folder / f"{peer.name.replace(' ', '-')}-{n_pos}.html", peer.cells)
            case.problem = problems[peer]
            if not case.problem:
                case.write(lambda heads=heads, peer=peer, path=case.path: peer.write(heads, folder, path))
            cases.append(case)
    return cases


def _problem(peer: peers.Peer) -> str:
    try:
        peer.install()
    except peers.PeerError as error:
        return f"not to be had: {error}"
    return ""


def _write_ours(heads: patterns.Heads, path: Path) -> tuple[float, int]:
    began = time.monotonic()
    path.write_text(heads.page(), encoding="utf-8")
    return time.monotonic() - began, 0


def measure(cases: list[Case], runs: int, screenshots: Path | None) -> None:
    """Open every file, all taking turns."""
    for run in range(runs):
        # Every other round goes backwards, so that no tool is always the one after another.
        for case in cases[:: -1 if run % 2 else 1]:
            if case.wants_another():
                case.open(screenshots)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = report.parser(__doc__, runs=5)
    parser.add_argument("--quick", action="store_true", help="leave out the slow tools, circuitsvis and bertviz")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="keep what each file showed in the end")
    options = parser.parse_args()
    with sync_playwright() as playwright, chromium.launch(playwright) as browser:
        version = browser.version  # first, so that a missing browser is said before any work
    with tempfile.TemporaryDirectory() as name:
        try:
            cases = write_files(Path(name), options.quick)
        except InterpError as error:
            print(error, file=sys.stderr)
            return 1
        measure(cases, options.runs, options.screenshots)
    say("counting what the app sends")
    with sync_playwright() as playwright, chromium.launch(playwright) as browser:
        sent = app_traffic.measure(browser, LENGTHS, options.runs)
    headline = attention_table.show(cases, sent)
    raw = {
        "files": [{**asdict(case), "path": case.path.name} for case in cases],
        "app": {
            n_pos: {what: [asdict(one) for one in found] for what, found in of.items()} for n_pos, of in sent.items()
        },
    }
    described = report.machine(chromium=version, **{peer.package: peer.version for peer in peers.PEERS})
    peak = max((case.written_memory for case in cases), default=0) / GIB
    described["memory"] = f"most memory that a tool took to write its file: {peak:.1f} GiB"
    report.finish("attention", headline, 3, described, raw, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
