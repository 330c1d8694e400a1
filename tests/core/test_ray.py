"""Harvests on Ray: a cluster of this machine alone, which the tests start."""

import os
import signal
import sys
import threading

import psutil
import pytest

from interp_core.errors import HarvestError
from interp_core.harvest.harvesting import work_folder
from interp_core.harvest.plan import HarvestPlan
from interp_core.harvest.ray_executor import run_on_ray
from interp_core.jobs import finish
from tests.core.harvest_killed import TEXTS
from tests.core.harvest_killed import content as content_of
from tests.core.test_harvest_runs import run, sae, saes  # noqa: F401  fixtures

PLAN = HarvestPlan(context=12, shard_windows=3, rows=3)


def on_ray(work, shards, address=""):
    return run_on_ray(work, shards, workers=2, threads=1, device="cpu", address=address)


def actors():
    """Processes of this machine that run an actor of the harvest."""
    for process in psutil.process_iter(["cmdline"]):
        if "".join(process.info["cmdline"] or ()).startswith("ray::_Actor"):
            yield process.pid


def test_ray_gives_the_same_bytes_also_when_an_actor_is_killed(run, tmp_path):  # noqa: F811
    pytest.importorskip("ray")
    killed, ended = [], threading.Event()

    def kill_one():
        while not killed and not ended.wait(0.02):
            if any(work_folder(tmp_path / "ray").glob("shards/*.json")):
                killed.extend(list(actors())[:1])
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)

    def execute(prepared, work):
        threading.Thread(target=kill_one).start()
        try:
            yield from on_ray(work, prepared.todo)
        finally:
            ended.set()

    texts = TEXTS * 4
    expected = content_of(run("serial", texts=texts, plan=PLAN).folder)
    assert content_of(run("ray", texts=texts, plan=PLAN, execute=execute).folder) == expected
    assert killed


def test_what_an_actor_refuses_is_said_at_once(run, saes):  # noqa: F811
    pytest.importorskip("ray")

    def execute(prepared, work):
        (saes / "one").rename(saes / "another")
        return on_ray(work, prepared.todo)

    with pytest.raises(HarvestError, match="There is no SAE 'folder:one' on this machine"):
        run("out", plan=PLAN, execute=execute)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "auto", "127.0.0.1:port"])
def test_a_cluster_that_is_not_there_is_said_so_at_once(address, tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(HarvestError, match=f"No Ray cluster answers at '{address}'"):
        finish(on_ray(tmp_path, [0], address))


def test_without_ray_a_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HarvestError, match="Ray is not installed"):
        finish(on_ray(tmp_path, [0]))
