"""One resident model and the one thread that may touch it. torch is imported in that thread, never before.

Jobs wait in a bounded first-in-first-out queue. A job whose work is a generator gives way after each step when
others wait, so that a long generation does not hold up a quick look; its hooks never live across a step.
"""

import logging
import queue
import threading
import traceback
import uuid
from collections.abc import Callable
from inspect import isgenerator
from typing import TYPE_CHECKING, Any, Literal, cast

from interp_core.errors import InterpError, JobCancelledError, MemoryLimitError, QueueFullError, UnexpectedError
from interp_core.jobs import Job, JobState, Steps
from interp_core.memory import MemoryEstimate
from interp_core.types import ModelSpec, Progress

if TYPE_CHECKING:
    from interp_core.models import LoadedModel
else:
    LoadedModel = Any  # torch is imported in the lane's thread, never before

log = logging.getLogger(__name__)

LaneState = Literal["loading", "ready", "failed", "closed"]
MOST_WAITING = 64


class LaneClosedError(Exception):
    """The model was let go of between asking for its lane and using it; ask for a new one."""


class Lane:
    """A model's thread, queue and state."""

    def __init__(self, spec: ModelSpec, load: Callable[["Lane"], LoadedModel], finished: Callable[[Job], None]) -> None:
        self.spec = spec
        self.state: LaneState = "loading"
        self.progress = Progress(0.0, "Starting")
        self.error: InterpError | None = None
        self.loaded: LoadedModel | None = None
        self.estimate: MemoryEstimate | None = None
        """What the load takes, once the folder is known."""
        self.settled = threading.Event()
        """Set when the load has ended, one way or the other."""
        self._load = load
        self._finished = finished
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._admission = threading.Lock()
        self._active: set[Job] = set()
        self._resting_hooks = 0
        self._thread = threading.Thread(target=self._live, name=f"model {spec.name}", daemon=True)

    def start(self) -> None:
        """Begin to load, in the lane's own thread."""
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return self.state == "ready" and not self._active

    @property
    def waiting(self) -> int:
        """Jobs that wait or run."""
        return len(self._active)

    def put(self, job: Job) -> None:
        """Queue a job.

        Raises:
            QueueFullError: As many jobs wait as may.
            LaneClosedError: The model was let go of meanwhile.
            InterpError: The model could not be loaded.
        """
        with self._admission:
            if self.state == "failed" and self.error:
                raise self.error
            if self.state == "closed":
                raise LaneClosedError
            if len(self._active) >= MOST_WAITING:
                raise QueueFullError(len(self._active))
            self._active.add(job)
        self._queue.put(job)

    def close(self) -> bool:
        """Let go of the model if nothing waits or runs, and say whether that was so."""
        with self._admission:
            if self._active or self.state == "loading":
                return False
            self.state = "closed"
        self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        return True

    def _live(self) -> None:
        try:
            self.loaded = self._load(self)
            self._resting_hooks = self.loaded.hook_count()
            self.state = "ready"
        except BaseException as error:  # carried to the sessions that wait, who raise it
            self.error = self._explained(error, f"Loading {self.spec.name}")
            with self._admission:
                self.state = "failed"
            for job in list(self._active):
                self._end(job, "failed", error=self.error)
        self.settled.set()
        if self.state == "ready":
            self._work()
        self.loaded = None

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                if job.unwanted:
                    self._stop(job)
                else:
                    self._step(job)
            except JobCancelledError:  # noticed inside a forward pass
                self._end(job, "cancelled")
            except BaseException as error:  # carried to the sessions that wait, who raise it
                self._end(job, "failed", error=self._explained(error, "This computation"))
            finally:
                self._remove_leaked_hooks()

    def _step(self, job: Job) -> None:
        """Run a job to its end, or to the first step at which another waits."""
        assert self.loaded is not None
        steps = job.steps
        self.loaded.on_layer = _layer_watch(job, self.loaded)
        if steps is None:
            job.state = "running"
            outcome = job.work(self.loaded)
            if not isgenerator(outcome):
                self._end(job, "done", result=outcome)
                return
            job.steps = steps = cast(Steps, outcome)
        try:
            job.progress = next(steps)
            while self._queue.empty() and not job.unwanted:
                job.progress = next(steps)
        except StopIteration as stop:
            self._end(job, "done", result=stop.value)
            return
        self._queue.put(job)

    def _stop(self, job: Job) -> None:
        if job.steps is not None:
            job.steps.close()
        self._end(job, "cancelled")

    def _end(self, job: Job, state: JobState, *, result: Any = None, error: InterpError | None = None) -> None:
        job.settle(state, result=result, error=error)
        self._finished(job)  # before anyone wakes: whoever asks again finds the result in the cache
        with self._admission:
            self._active.discard(job)
        job.done.set()

    def _remove_leaked_hooks(self) -> None:
        assert self.loaded is not None
        self.loaded.on_layer = None
        self.loaded.partial = None
        if self.loaded.hook_count() != self._resting_hooks:
            log.error("a job left hooks behind on %s; removed", self.spec.name)
            self.loaded.remove_hooks()

    def _explained(self, error: BaseException, what: str) -> InterpError:
        """The sentence that a page shows for an error; unexpected ones go to the log under a reference."""
        if isinstance(error, InterpError):
            return error
        from interp_core.devices import is_out_of_memory, trim_memory  # noqa: PLC0415  torch: after the first paint

        reference = uuid.uuid4().hex[:8]
        log.error("%s failed (reference %s)", what, reference, exc_info=error)
        # Frames in the traceback hold tensors; with them the memory of a failed job would stay taken.
        traceback.clear_frames(error.__traceback__)
        if is_out_of_memory(error):
            trim_memory()
            return MemoryLimitError(
                f"{what} ran out of memory and was stopped. The model is still usable: shorten the prompt, pick a "
                "smaller dtype, or free a resident model on the Settings page."
            )
        return UnexpectedError(type(error).__name__, reference)


def _layer_watch(job: Job, loaded: LoadedModel) -> Callable[[int], None]:
    """What every layer of a forward pass calls: it stops an unwanted job, and says how far a plain one has come."""

    n_layers = loaded.card.n_layers

    def watch(layer: int) -> None:
        if job.unwanted:
            raise JobCancelledError
        if job.steps is None:
            job.progress = Progress(layer / n_layers, f"layer {layer} of {n_layers}", loaded.partial)

    return watch
