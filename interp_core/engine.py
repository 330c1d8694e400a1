"""The engine: every forward pass on a shared model goes through here, so that N sessions get what one would.

One lane (thread and queue) for each resident model, one job for each question however many sessions ask it, results
in a cache bounded in bytes, models bounded in memory with the least recently used let go first. No requests are
batched across users: batch shapes are a function of the request alone, so that it gives the same bits whoever else
is there. No torch is imported until a model is loaded.
"""

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from interp_core.checkpoints import inspect_checkpoint
from interp_core.jobs import Job, ResultCache, Work
from interp_core.lane import Lane, LaneClosedError
from interp_core.memory import check_fits, estimate_load
from interp_core.settings import GIB, MIB, Settings
from interp_core.types import ModelSpec, Progress

if TYPE_CHECKING:
    from interp_core.models import LoadedModel
else:
    LoadedModel = Any  # torch is imported in the lane's thread, never before


class Engine:
    """Owner of every resident model in this process."""

    def __init__(self, settings: Settings) -> None:
        # Read by OpenMP when torch is loaded: threads that wait must not spin (docs/decisions/0004-threads.md).
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        self.settings = settings
        self.results = ResultCache(settings.result_cache_mib * MIB)
        self._lock = threading.Lock()
        self._one_load = threading.Lock()
        """Two loads at once would add their peaks up."""
        self._lanes: OrderedDict[ModelSpec, Lane] = OrderedDict()
        self._in_flight: dict[Hashable, Job] = {}

    def open(self, spec: ModelSpec, *, retry: bool = False) -> Lane:
        """The lane of a model, which begins to load if it is not there; a failed one is tried anew on `retry`."""
        with self._lock:
            lane = self._lanes.get(spec)
            if lane is None or lane.state == "closed" or (retry and lane.state == "failed"):
                lane = self._lanes[spec] = Lane(spec, self._load, self._finished)
                lane.start()
            self._lanes.move_to_end(spec)
            return lane

    def lanes(self) -> list[Lane]:
        """Every lane, least recently used first."""
        with self._lock:
            return list(self._lanes.values())

    def submit(self, spec: ModelSpec, key: Hashable, work: Work, *, keep: bool = True) -> Job:
        """Ask for a result: from the cache, from a job under way, or by a new job.

        The caller has joined the job and must `leave` it.

        Args:
            spec: The model.
            key: What is asked, hashable: with the model it decides the result.
            work: Takes the loaded model; a long one is a generator of `Progress` that returns its result.
            keep: Whether the result is cached.

        Raises:
            QueueFullError: As many jobs wait as may.
            InterpError: The model could not be loaded.
        """
        key = (spec, key)
        while True:
            lane = self.open(spec)
            with self._lock, contextlib.suppress(LaneClosedError):
                job = self._in_flight.get(key)
                if job is None or job.unwanted:
                    job = Job(key, work, keep=keep)
                    if (known := self.results.get(key)) is not None:
                        job.settle("done", result=known)
                        job.done.set()
                    else:
                        lane.put(job)
                        self._in_flight[key] = job
                job.join()
                return job

    def run(self, spec: ModelSpec, key: Hashable, work: Work) -> Any:
        """`submit`, wait, and return the result or raise."""
        job = self.submit(spec, key, work)
        try:
            job.done.wait()
            return job.value()
        finally:
            job.leave()

    def evict(self, spec: ModelSpec) -> bool:
        """Let go of a model unless jobs wait for it, and say whether that was done."""
        with self._lock:
            lane = self._lanes.get(spec)
        if lane is None or not (lane.state == "failed" or lane.close()):
            return False
        with self._lock:
            if self._lanes.get(spec) is lane:
                del self._lanes[spec]
        _trim()
        return True

    def apply(self, settings: Settings) -> None:
        """Use other settings from now on. Another number of threads can change the last bits, so results go."""
        self.results.resize(settings.result_cache_mib * MIB)
        threads_changed = settings.threads != self.settings.threads
        self.settings = settings
        self._keep_within_limit()
        if threads_changed:
            for lane in self.lanes():
                if lane.state == "ready":
                    self.run(lane.spec, ("threads", settings.threads), lambda _: _set_threads(settings.threads))
            self.results.clear()

    def _keep_within_limit(self) -> None:
        """Let go of idle models, least recently used first, until the limit holds."""
        ready = [lane for lane in self.lanes() if lane.state == "ready" and lane.estimate]
        held = sum(lane.estimate.resident for lane in ready if lane.estimate)
        for lane in ready:
            if held > self.settings.model_memory_gib * GIB and self.evict(lane.spec) and lane.estimate:
                held -= lane.estimate.resident

    def _finished(self, job: Job) -> None:
        if job.state == "done" and job.keep:
            self.results.put(job.key, job.result)
        with self._lock:
            if self._in_flight.get(job.key) is job:
                del self._in_flight[job.key]

    def _load(self, lane: Lane) -> LoadedModel:
        from interp_core import devices, models  # noqa: PLC0415  torch: after the first paint, in the lane's thread

        def report(progress: Progress) -> None:
            lane.progress = progress

        _set_threads(self.settings.threads)
        folder = models.find_folder(lane.spec, report)
        lane.estimate = estimate_load(inspect_checkpoint(folder), lane.spec)
        report(Progress(0.05, f"It takes {lane.estimate}"))
        with self._one_load:
            device = devices.resolve_device(lane.spec.device)
            self._make_room(lane, lambda: devices.free_bytes(device))
            return models.load_model(lane.spec, folder, report)

    def _make_room(self, lane: Lane, free_bytes: Callable[[], int]) -> None:
        """Let go of idle models, least recently used first, until the load fits; refuse it where that is not enough.

        Raises:
            MemoryLimitError: It cannot fit; nothing was let go.
        """
        assert lane.estimate is not None
        others = [other for other in self.lanes() if other is not lane and other.estimate and other.state == "ready"]
        idle = [other for other in others if other.idle]
        reclaimable = sum(other.estimate.resident for other in idle if other.estimate)
        check_fits(f"Loading {lane.spec.name} as {lane.spec.dtype}", lane.estimate.peak, free_bytes() + reclaimable)
        limit = int(self.settings.model_memory_gib * GIB)
        held = sum(other.estimate.resident for other in others if other.estimate)
        check_fits(f"Keeping {lane.spec.name} as {lane.spec.dtype}", lane.estimate.resident, limit - held + reclaimable)
        for other in idle:
            if lane.estimate.peak <= free_bytes() and lane.estimate.resident <= limit - held:
                break
            if self.evict(other.spec) and other.estimate:
                held -= other.estimate.resident


def _set_threads(threads: int) -> int:
    import torch  # noqa: PLC0415  after the first paint, in the lane's thread

    torch.set_num_threads(threads)
    return threads


def _trim() -> None:
    from interp_core.devices import trim_memory  # noqa: PLC0415  after the first paint

    trim_memory()
