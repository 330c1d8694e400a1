"""The other tools that draw attention, each in an environment of its own."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.environments import Environment, PeerError
from benchmarks.memory import MemoryWatch
from benchmarks.patterns import Heads
from benchmarks.report import ROOT

_WRITE_TIMEOUT_S = 180


@dataclass(frozen=True)
class Peer:
    """A tool that writes the same attention as an HTML file."""

    package: str
    version: str
    also: tuple[str, ...]
    """What it needs that the project's `constraints.txt` does not pin, and what must be this very build."""
    cells: str
    """Selector of what it draws with."""
    view: str = ""
    """Which of the package's views."""
    scripts: tuple[str, ...] = ()
    """npm packages that its page would fetch from the web."""
    is_lean: bool = False
    """Whether `also` is all that it gets: the rest of what its metadata asks for is for other views."""
    slow: bool = False
    """Whether minutes pass until its pages show something."""

    @property
    def name(self) -> str:
        """As the table calls it."""
        return f"{self.package} {self.view}".strip()

    @property
    def environment(self) -> Environment:
        """Its own."""
        pins = (f"{self.package}=={self.version}", *self.also)
        constraints = ("-c", str(ROOT / "constraints.txt"))
        steps = ((*constraints, *self.also), (*constraints, *(["--no-deps"] if self.is_lean else []), pins[0]))
        return Environment(self.package, (*pins, *self.scripts), steps, self.scripts)

    def install(self) -> None:
        """Make its environment unless a whole one with these pins is there.

        Raises:
            PeerError: It cannot be installed.
        """
        self.environment.install()

    def write(self, heads: Heads, folder: Path, out: Path) -> tuple[float, int]:
        """Write its page of some heads; returns seconds and peak bytes of memory. `folder` is for files in between.

        Raises:
            PeerError: It fails.
        """
        patterns, tokens = folder / "patterns.npy", folder / "tokens.json"
        np.save(patterns, heads.patterns)
        tokens.write_text(json.dumps(heads.str_tokens), encoding="utf-8")
        script = Path(__file__).parent / f"peer_{self.package}.py"
        began = time.monotonic()
        with MemoryWatch() as memory:
            try:
                arguments = [str(script), str(patterns), str(tokens), str(out.absolute()), self.view]
                self.environment.run(arguments, _WRITE_TIMEOUT_S)
            except PeerError as error:
                out.unlink(missing_ok=True)
                raise PeerError(memory.words if memory.ended else str(error)) from error
        return time.monotonic() - began, memory.peak


_INSPECTUS = ("labml==0.5.3", "GitPython==3.2.1", "gitdb==4.0.12", "smmap==5.0.3")
_CIRCUITSVIS = ("torch==2.13.0", "importlib_metadata==10.2.0", "lazy-importer==0.1.0")
_BERTVIZ = ("torch==2.13.0", "numpy==2.4.6")
# jQuery 2.0.0, which bertviz asks for, is not on npm; the others are the very versions.
_BERTVIZ_SCRIPTS = ("requirejs@2.3.6", "jquery@2.1.0", "d3@5.7.0")
PEERS = (
    Peer("inspectus", "0.2.0", _INSPECTUS, "svg rect"),
    Peer("circuitsvis", "1.43.3", _CIRCUITSVIS, "canvas", slow=True),
    Peer("bertviz", "1.4.1", _BERTVIZ, "svg line", "head_view", _BERTVIZ_SCRIPTS, is_lean=True, slow=True),
    Peer("bertviz", "1.4.1", _BERTVIZ, "svg line", "model_view", _BERTVIZ_SCRIPTS, is_lean=True, slow=True),
)
ABSENT = {"att_viz": "not measured: on TestPyPI and GitHub only, not on PyPI"}
"""Tools that were to be compared but cannot be had."""
