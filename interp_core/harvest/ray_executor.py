"""Shards on Ray (arXiv:1712.05889), an optional extra. Ray retries what may have been done: commits make that harmless.

Only places of shards cross the cluster; its nodes must see the work folder, the model and the SAE under the same names.
"""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from interp_core.errors import HarvestError
from interp_core.harvest.executors import MOST_DEATHS, Steps, Worker, gave_up
from interp_core.types import Progress

_PATIENCE_S = 10.0


class _Actor:
    """A worker that is loaded by its first task: what it refuses is then that task's error, not a death."""

    def __init__(self, *given: Any) -> None:
        self._given, self._worker = given, None

    def run(self, index: int) -> int:
        self._worker = self._worker or Worker(*self._given)
        return self._worker.run(index)


def run_on_ray(work: Path, shards: Sequence[int], *, workers: int, threads: int, device: str, address: str) -> Steps:
    """Run shards as Ray actors: on a cluster whose nodes all see the work folder, or in a Ray of this machine alone.

    Raises:
        HarvestError: Ray is not installed, no cluster answers, a worker refused, or a shard killed every worker that took it.
    """
    try:
        import ray  # noqa: PLC0415  an optional extra
        from ray.exceptions import RayActorError, RayTaskError  # noqa: PLC0415
    except ImportError as error:
        raise HarvestError("Ray is not installed. Install hookscope[ray], or use another executor.") from error
    local = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "num_cpus": workers * threads}
    options: dict[str, Any] = {"address": address} if address else local
    _check_answers(address)
    try:
        ray.init(**options, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError) as error:
        raise _no_cluster(address, error) from error
    actor: Any = ray.remote(_Actor).options(num_cpus=threads, num_gpus=1 if device.startswith("cuda") else 0)
    start: Callable[[], Any] = lambda: actor.remote(work, threads, device)  # noqa: E731
    queue, deaths, done = list(shards), dict.fromkeys(shards, 0), 0
    try:
        tasks = {}
        for _ in range(min(workers, len(queue))):
            made, shard = start(), queue.pop(0)
            tasks[made.run.remote(shard)] = (made, shard)
        while tasks:
            ready, _ = ray.wait(list(tasks), timeout=1.0)
            for task in ready:
                made, shard = tasks.pop(task)
                try:
                    ray.get(task)
                    done += 1
                except RayTaskError as error:
                    raise HarvestError(str(error.cause)) from error
                except RayActorError as error:
                    deaths[shard] += 1
                    if deaths[shard] > MOST_DEATHS:
                        raise HarvestError(f"{gave_up(shard, None)} Ray says: {str(error)[:300]}") from error
                    made, queue = start(), [shard, *queue]
                if queue:
                    shard = queue.pop(0)
                    tasks[made.run.remote(shard)] = (made, shard)
                else:
                    ray.kill(made)  # a cluster with too few CPUs for all workers lets the next one start only now
            yield Progress(done / len(shards), f"{done} of {len(shards)} shards, {len(tasks)} workers")
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself tries for minutes to reach a cluster that is not there."""
    where = urlsplit(address if "//" in address else f"//{address}")
    try:
        if where.hostname and where.port:
            socket.create_connection((where.hostname, where.port), _PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> HarvestError:
    where = f"No Ray cluster answers at {address!r}" if address else "Ray does not start on this machine"
    return HarvestError(f"{where} ({str(error)[:200]}). Check --ray-address, or use another executor. Nothing is lost.")
