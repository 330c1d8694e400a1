"""Run as a program: kill a harvest at every step of its commits, go on, and print what differs from an undisturbed one.

Children are forked from a process that has loaded everything and runs one thread only, so that each costs a fraction of a second.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.plan import HarvestPlan
from interp_core.jobs import finish
from interp_core.models import find_folder, load_model
from interp_core.sae.loading import load_sae
from interp_core.sae.spec import SaeSpec
from interp_core.types import ModelSpec

PLAN = HarvestPlan(context=12, shard_windows=6, rows=3)
TEXTS = [f"The cat sat on mat {number} and looked at the cat." for number in range(6)]
STEPS = ((os, "fsync"), (Path, "replace"), (Path, "rename"), (Path, "unlink"))


def counted(kill_at):
    """Count the steps at which a commit can be cut; before one of them, and after it, nothing more happens."""
    calls = []

    def counting(original):
        def call(*args, **options):
            calls.append(original.__name__)
            if len(calls) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **options)

        return call

    for place, name in STEPS:
        setattr(place, name, counting(getattr(place, name)))
    return calls


def in_child(work):
    """Exit status of a fork that does some work; negative where it was killed."""
    child = os.fork()
    if not child:
        os._exit(work() or 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main(root):
    torch.set_num_threads(1)
    spec = ModelSpec("folder", "tiny-llama", device="cpu")
    loaded = load_model(spec, find_folder(spec))
    sae = load_sae(loaded, SaeSpec("folder", "one"))

    def run(out, kill_at=0):
        def work():
            calls = counted(kill_at)
            finish(harvest(loaded, sae, Texts(TEXTS), PLAN, out))
            return len(calls)

        return in_child(work)

    n_steps = run(root / "undisturbed")
    expected = content(root / "undisturbed")
    wrong = []
    for kill_at in range(1, n_steps + 1):
        out = root / f"killed-{kill_at}"
        if run(out, kill_at) != -signal.SIGKILL:
            wrong.append(f"{kill_at}: was not killed")
        if out.exists() and content(out) != expected:
            wrong.append(f"{kill_at}: half a harvest was published")
        run(out)
        if content(out) != expected:
            wrong.append(f"{kill_at}: differs after going on")
        if left := [path.name for path in root.iterdir() if path.name.startswith(f".{out.name}.")]:
            wrong.append(f"{kill_at}: left {left}")
    print(n_steps, "steps;", "; ".join(wrong) or "all the same")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
