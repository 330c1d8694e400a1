"""Harvest, dashboards and pages of a random SAE's features, in a process of its own that says what each part cost.

`python -m benchmarks.feature_set FOLDER TEXT SAE THREADS COUNTS`: the last one is such as 64,256,2048. Prints JSON.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

import hookscope
from benchmarks.feature_model import DOCUMENTS, MODEL, SPEC, point_to
from interp_core.exchange.documents import dashboards
from interp_core.harvest.bundle import Harvest, open_harvest
from interp_core.harvest.documents import Files
from interp_core.harvest.executors import harvest_shards
from interp_core.harvest.harvesting import prepare
from interp_core.harvest.plan import HarvestPlan
from interp_core.harvest.publish import publish
from interp_core.jobs import finish
from interp_core.models import LoadedModel, load_model
from interp_core.sae.features import held_sae

MOST_PAGES = 2048
"""Of larger sets there are documents alone."""


def cpu_seconds() -> float:
    """User and system time of this process and of those it started and waited for."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def context_of(text: Path) -> int:
    """Tokens of a window, as the folder's name says."""
    return int(text.name.rpartition("x")[2])


def main(arguments: list[str]) -> None:
    """Make everything once and print what it cost."""
    folder, text, sae, threads, counts = arguments
    point_to(Path(folder))
    torch.set_num_threads(int(threads))
    name = f"folder:{sae}"
    loaded = load_model(SPEC, Path(folder) / "models" / MODEL)
    held_sae(loaded, name)
    said: dict[str, Any] = {"start": cpu_seconds()}
    with tempfile.TemporaryDirectory() as scratch:
        made = _harvest(loaded, name, Path(text), Path(scratch))
        said["harvest"] = cpu_seconds() - said["start"]
        said["bytes"] = {path.name: path.stat().st_size for path in made.folder.iterdir()}
        said["active"] = int((made.dense("fired") > 0).sum())
        said["sets"] = {n: _set(loaded, name, made, n, Path(scratch)) for n in map(int, counts.split(","))}
        said["largest"] = made.dense("largest")[:64].tolist()
    print(json.dumps(said))


def _harvest(loaded: LoadedModel, name: str, text: Path, folder: Path) -> Harvest:
    plan, work, out = HarvestPlan(context=context_of(text)), folder / "work", folder / "harvest"
    sae = held_sae(loaded, name)
    prepared = prepare(loaded, sae, Files(text / DOCUMENTS), plan, work)
    finish(harvest_shards(loaded, sae, work, prepared.todo, plan))
    finish(publish(loaded, prepared.corpus, prepared.facts, work, out))
    return open_harvest(out)


def _set(loaded: LoadedModel, name: str, made: Harvest, n: int, scratch: Path) -> dict[str, float | None]:
    begun = cpu_seconds()
    for _ in dashboards(loaded, name, made, range(n)):
        pass
    read = cpu_seconds()
    if n > MOST_PAGES:
        return {"documents": read - begun, "pages": None, "bytes": None}
    path = hookscope.write_features(loaded, name, range(n), scratch / f"{n}.zip", harvest=made)
    return {"documents": read - begun, "pages": cpu_seconds() - read, "bytes": path.stat().st_size}


if __name__ == "__main__":
    main(sys.argv[1:])
