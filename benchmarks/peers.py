"""The other tools, each in an environment of its own under the cache folder, with exact pins, made on first use."""

import json
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.patterns import Layer
from benchmarks.report import ROOT
from interp_core.settings import cache_folder

_INSTALL_TIMEOUT_S = 1800
_WRITE_TIMEOUT_S = 300


class PeerError(Exception):
    """A peer cannot be installed or cannot write its file; the text says why, in one line."""


@dataclass(frozen=True)
class Peer:
    """A tool that writes the same attention as an HTML file."""

    name: str
    version: str
    also: tuple[str, ...]
    """What it needs that the project's `constraints.txt` does not pin, and what must be this very build."""
    cells: str
    """Selector of what it draws with."""

    @property
    def folder(self) -> Path:
        """Its environment."""
        return cache_folder() / "benchmarks" / f"venv-{self.name}"

    def install(self) -> None:
        """Make the environment unless a whole one with these pins is there.

        Raises:
            PeerError: It cannot be installed.
        """
        pins = [f"{self.name}=={self.version}", *self.also]
        done = self.folder / "installed.txt"
        if done.is_file() and done.read_text(encoding="utf-8").split() == pins:
            return
        print(f"Installing {' '.join(pins)} in {self.folder}", file=sys.stderr, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            venv.create(self.folder, with_pip=True)
            constraints = ["-c", str(ROOT / "constraints.txt")]
            self._run(["-m", "pip", "install", "--quiet", *constraints, *pins], _INSTALL_TIMEOUT_S)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PeerError(f"no environment could be made: {error}") from error
        done.write_text("\n".join(pins), encoding="utf-8")

    def write(self, layer: Layer, folder: Path, out: Path) -> None:
        """Write its page of a layer; `folder` is for files in between.

        Raises:
            PeerError: It fails.
        """
        patterns, tokens = folder / "patterns.npy", folder / "tokens.json"
        np.save(patterns, layer.patterns)
        tokens.write_text(json.dumps(layer.str_tokens), encoding="utf-8")
        script = Path(__file__).parent / f"peer_{self.name}.py"
        self._run([str(script), str(patterns), str(tokens), str(out)], _WRITE_TIMEOUT_S)

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
            raise PeerError(f"no answer in {timeout_s} s") from error


PEERS = (
    Peer("circuitsvis", "1.43.3", ("torch==2.13.0", "importlib_metadata==10.2.0", "lazy-importer==0.1.0"), "canvas"),
    Peer("inspectus", "0.2.0", ("labml==0.5.3", "GitPython==3.2.1", "gitdb==4.0.12", "smmap==5.0.3"), "svg rect"),
)
