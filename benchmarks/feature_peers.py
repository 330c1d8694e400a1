"""Sets of dashboards by us and by the tools that make them too: each in a process of its own, on the same files."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import Environment, PeerError
from benchmarks.feature_model import Case
from benchmarks.memory import MemoryWatch
from benchmarks.report import ROOT

_TIMEOUT_S = 900
BATCH = 256
"""Features that both other tools take at once by default; for every batch they run the model over all tokens again."""


@dataclass(frozen=True)
class FeaturePeer:
    """A tool that makes dashboards of features."""

    package: str
    version: str

    @property
    def environment(self) -> Environment:
        """Its own, pinned whole: what its metadata asks for today does not work together."""
        path = Path(__file__).parent / "pins" / f"{self.package}.txt"
        pins = tuple(path.read_text(encoding="utf-8").split())
        torch = next(pin for pin in pins if pin.startswith("torch=="))
        # torch's own needs differ by build and are left to pip.
        return Environment(self.package, pins, ((torch, "-c", str(path)), ("--no-deps", "-r", str(path))))

    @property
    def module(self) -> str:
        """What runs it."""
        return f"benchmarks.peer_{self.package.replace('-', '_')}"


FEATURE_PEERS = (FeaturePeer("sae-vis", "0.3.7"), FeaturePeer("sae-dashboard", "0.8.0"))


@dataclass
class PeerCosts:
    """What a tool's sets cost, or why there are none."""

    peer: FeaturePeer
    sets: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    """By d_sae and number of features."""
    problem: str = ""

    def work(self, d_sae: int, n: int) -> float | None:
        """CPU seconds without its start, None where it was not measured."""
        found = self.sets.get((d_sae, n))
        return found["gather"] + found["write"] if found else None

    def extrapolated(self, d_sae: int, n: int) -> float | None:
        """The work on so many features as that on so many batches, None where one batch was not measured."""
        batch = self.work(d_sae, BATCH)
        return None if batch is None else batch * n / BATCH

    def install(self) -> None:
        """Make its environment, or note why there is none."""
        try:
            self.peer.environment.install()
        except PeerError as error:
            self.problem = f"not to be had: {error}"

    def measure(self, folder: Path, text: Path, case: Case, n: int, threads: int) -> None:
        """Make one set, unless the tool has failed before."""
        if self.problem:
            return
        out = folder / "peer.html"
        arguments = [str(folder), str(text), case.sae, str(threads), str(n), str(out)]
        with MemoryWatch() as memory:
            try:
                printed = self.peer.environment.run(["-W", "ignore", "-m", self.peer.module, *arguments], _TIMEOUT_S)
            except PeerError as error:
                self.problem = memory.words if memory.ended else str(error)
                return
            finally:
                out.unlink(missing_ok=True)
        self.sets[case.d_sae, n] = json.loads(printed.splitlines()[-1]) | {"peak": memory.peak}


def our_set(folder: Path, text: Path, case: Case, counts: list[int], threads: int) -> dict[str, Any]:
    """What our harvest, documents and pages cost; `benchmarks.feature_set` makes them."""
    arguments = [str(folder), str(text), case.sae, str(threads), ",".join(map(str, counts))]
    command = [sys.executable, "-m", "benchmarks.feature_set", *arguments]
    with MemoryWatch() as memory:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1]) | {"peak": memory.peak}


def largest_difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Largest relative difference of features' highest activations: whether it is the same model, SAE and text."""
    pairs = list(zip(ours["largest"], theirs["largest"], strict=False))
    assert pairs
    return max(abs(one - other) / max(abs(one), 1e-6) for one, other in pairs)
