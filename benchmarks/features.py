"""What dashboards of an SAE's features cost: a harvest over bare forward passes, and sets of them against sae_vis and sae-dashboard.

A random model (4 layers of 256) with a random top-k SAE on 512 windows of 128 tokens, the same files for every tool, each
tool in a process of its own with two threads; then the default model with an SAE that ships, on text that it wrote and on
LICENSE. Seconds of CPU are user and system time of a whole process. The last line is the harvest of the default model, its
pass with merging and publishing, over the bare forward passes to the hook point with one encoding each.
"""

import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks import feature_figures, report
from benchmarks.feature_model import DOCUMENTS, Case, point_to, write_case, write_model
from benchmarks.feature_pass import Costs, measure
from benchmarks.feature_peers import FEATURE_PEERS, PeerCosts, our_set
from benchmarks.patterns import licence
from interp_core.errors import InterpError
from interp_core.harvest.bundle import Harvest
from interp_core.harvest.documents import Files, Texts
from interp_core.harvest.library import find_harvests
from interp_core.harvest.plan import HarvestPlan
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.sae.dashboard import feature_document
from interp_core.sae.features import held_sae
from interp_core.types import ModelSpec
from interp_views.feature_dashboard import feature_dashboard_payload
from interp_views.feature_document import feature_view

THREADS = min(2, os.cpu_count() or 1)
SAE = "smollm2-135m-instruct-resid-post-14"
_OPENED = 41
_STRIDE = 1153
"""From one opened feature to the next: never in the same part of the file."""


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def plan_of(quick: bool) -> list[tuple[Case, list[int], list[int]]]:
    """Sizes: how many features ours are made for, and how many the others'."""
    if quick:
        return [(Case(n_windows=64), [64], [64])]
    return [(Case(), [64, 256, 2048], [64, 256]), (Case(d_sae=8192), [64, 256, 8192], [64, 256])]


def measure_sets(
    folder: Path, loaded: LoadedModel, quick: bool, everything: bool, with_peers: bool
) -> tuple[dict[int, dict[str, Any]], list[PeerCosts]]:
    """Ours by d_sae, and the others'."""
    ours: dict[int, dict[str, Any]] = {}
    peers = [PeerCosts(peer) for peer in FEATURE_PEERS] if with_peers else []
    for peer in peers:
        peer.install()
    for case, counts, their_counts in plan_of(quick):
        text = write_case(loaded, folder, case)
        say(f"our dashboards of {case.d_sae:,} features")
        ours[case.d_sae] = our_set(folder, text, case, counts, THREADS)
        for n in [*their_counts, *([case.d_sae] if everything and case.d_sae == 2048 else [])]:
            for peer in peers:
                if peer.problem:
                    continue
                say(f"{peer.peer.package}: {n:,} of {case.d_sae:,} features")
                peer.measure(folder, text, case, n, THREADS)
    return ours, peers


def measure_passes(
    folder: Path, loaded: LoadedModel, real: LoadedModel, *, quick: bool, runs: int
) -> tuple[Costs, Costs]:
    """Of the random model, and of the default one."""
    case = plan_of(quick)[0][0]
    text = write_case(loaded, folder, case)
    say("harvest and bare passes of the random model")
    sae = held_sae(loaded, f"folder:{case.sae}")
    plan = HarvestPlan(context=case.context)
    made = measure(loaded, sae, Files(text / DOCUMENTS), plan, folder / "pass", runs)
    say("harvest and bare passes of the default model")
    path = report.ROOT / "data" / "samples.jsonl"
    samples = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [one["asked"] + one["text"] for one in samples]
    chosen = texts[:16] if quick else [*texts, licence()]
    return made, measure(real, held_sae(real, SAE), Texts(chosen), HarvestPlan(), folder / "pass", 1)


def open_features(loaded: LoadedModel, harvest: Harvest) -> list[float]:
    """Milliseconds from a feature's number to the bytes that the browser gets, the first with nothing in memory yet."""
    found = []
    for place in range(_OPENED):
        began = time.perf_counter()
        feature_dashboard_payload(feature_view(feature_document(loaded, SAE, place * _STRIDE % harvest.d_sae, harvest)))
        found.append(1000 * (time.perf_counter() - began))
    return found


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = report.parser(__doc__, runs=3)
    parser.add_argument("--quick", action="store_true", help="64 windows, 64 features, little text: two minutes")
    parser.add_argument("--no-peers", action="store_true", help="leave out the other tools")
    parser.add_argument("--all", action="store_true", help="have the others make all 2,048 too: minutes more")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    try:
        spec = ModelSpec.parse("")
        real = load_model(spec, find_folder(spec))
        held_sae(real, SAE)
        shipped = find_harvests(held_sae(real, SAE).checksum, real.card)[0][0]
        say("opening features")
        opened = open_features(real, shipped)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            point_to(folder)
            loaded = write_model(folder)
            passes = measure_passes(folder, loaded, real, quick=options.quick, runs=options.runs)
            ours, peers = measure_sets(folder, loaded, options.quick, options.all, not options.no_peers)
    except InterpError as error:
        print(error, file=sys.stderr)
        return 1
    feature_figures.show(passes, ours, peers, opened, shipped)
    raw = {
        "passes": [asdict(one) for one in passes], "ours": ours, "opened_ms": opened,
        "peers": {peer.peer.package: {"problem": peer.problem, "sets": {f"{n} of {d_sae}": found for (d_sae, n), found in peer.sets.items()}}
                  for peer in peers},
    }  # fmt: skip
    described = report.machine(**{peer.peer.package: peer.peer.version for peer in peers})
    described["device"] = f"default model on {real.device}, the random one on the CPU, {THREADS} threads each"
    report.finish("features", passes[1].ratio, 2, described, raw, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
