"""What every benchmark prints: a table of medians and spreads, the machine, and the headline figure as the last line."""

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from interp_core.files import write_json
from interp_core.settings import GIB, load_settings

ROOT = Path(__file__).parent.parent
_PACKAGES = ("streamlit", "torch", "transformer-lens", "numpy", "playwright")


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value, NaN where nothing was measured."""
        return statistics.median(self.values) if self.values else float("nan")

    def text(self, digits: int = 2) -> str:
        """Median, least and greatest, and how many."""
        if len(self.values) < 2:
            return f"{self.median:.{digits}f} (n={len(self.values)})"
        least, most = min(self.values), max(self.values)
        return f"{self.median:.{digits}f} ({least:.{digits}f} to {most:.{digits}f}, n={len(self.values)})"


def parser(description: str | None, runs: int) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--runs", type=_count, default=runs, help=f"measurements of each thing (default: {runs})")
    made.add_argument("--json", type=Path, metavar="PATH", help="write everything that was measured")
    return made


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a whole number from 1")
    return int(text)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print a table with its columns aligned, then what is to be known to read it."""
    widths = [max(len(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
    print(f"\n{title}")
    for row in (columns, ["-" * width for width in widths], *rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for note in notes:
        print(f"  {note}")


def machine(**versions: str) -> dict[str, str]:
    """What the figures depend on. `versions` adds those that only the benchmark knows."""
    settings = load_settings()
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / GIB:.0f} GiB, "
        f"{platform.system()} {platform.machine()}",
        "threads": f"{settings.threads} a forward pass, OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}",
        "load": "load average at the end " + ", ".join(f"{load:.1f}" for load in psutil.getloadavg()),
        "versions": ", ".join(
            [f"hookscope {_commit()}", f"python {platform.python_version()}"]
            + [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
            + [f"{name} {version}" for name, version in versions.items()]
        ),
    }


def finish(name: str, value: float, digits: int, described: dict[str, str], results: object, path: Path | None) -> None:
    """Print the machine, write everything if asked to, and print the headline as the last line."""
    print()
    for line in described.values():
        print(f"  {line}")
    if path:
        shown = None if value != value else value  # JSON has no NaN
        write_json(path.absolute(), {"name": name, "value": shown, "machine": described, "results": results})
    print(f"{name}: {value:.{digits}f}", flush=True)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _commit() -> str:
    try:
        asked = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return "without git"
    return asked.stdout.strip() or "without git"
