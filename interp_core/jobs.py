"""Jobs and finished results: what the engine's threads and the pages' threads share. No torch here."""

import dataclasses
import math
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from inspect import isgenerator
from typing import Any, Literal

import numpy as np

from interp_core.errors import InterpError, JobCancelledError
from interp_core.types import Progress

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Work = Callable[[Any], Any]
"""Takes the loaded model; returns a result, or is a generator that yields `Progress` and returns a result."""

Steps = Generator[Progress, None, Any]

LINGER_S = 3.0
"""How long a job that nobody waits for goes on: a page that is drawn again asks again."""
RETURNS_S = 60.0
"""How long for a page that took a partial result and asks again when it is drawn, which on a busy machine takes a while."""


def finish(outcome: Any) -> Any:
    """The result of a piece of work without an engine: a generator is run to its end."""
    while isgenerator(outcome):
        try:
            next(outcome)
        except StopIteration as stop:
            return stop.value
    return outcome


class Job:
    """One computation that any number of sessions wait for."""

    def __init__(self, key: Hashable, work: Work, *, keep: bool = True) -> None:
        self.key = key
        self.work = work
        self.keep = keep
        """Whether the result goes into the cache."""
        self.state: JobState = "queued"
        self.progress = Progress(0.0)
        self.done = threading.Event()
        self.result: Any = None
        self.error: InterpError | None = None
        self.steps: Steps | None = None
        self._lock = threading.Lock()
        self._waiters = 0
        self._wanted_until = math.inf
        self._cancelled = False

    def join(self) -> None:
        """One more session waits."""
        with self._lock:
            self._waiters += 1
            self._wanted_until = math.inf

    def leave(self, linger_s: float = LINGER_S) -> None:
        """One session less waits; when the last has left, the job is cancelled so much later, unless one joins it."""
        with self._lock:
            self._waiters -= 1
            if self._waiters <= 0:
                self._wanted_until = time.monotonic() + linger_s

    def abandon(self) -> None:
        """The session that left will not come back: stop at once if no other waits."""
        with self._lock:
            if self._waiters <= 0:
                self._wanted_until = -math.inf

    def cancel(self) -> None:
        """Stop at the next step, whoever waits."""
        self._cancelled = True

    @property
    def unwanted(self) -> bool:
        """Whether it should stop."""
        return self._cancelled or time.monotonic() > self._wanted_until

    def settle(self, state: JobState, *, result: Any = None, error: InterpError | None = None) -> None:
        """Say how it ended; setting `done` is left to the thread that ran it."""
        self.state, self.result, self.error, self.steps = state, result, error, None

    def value(self) -> Any:
        """The result of a job that is done.

        Raises:
            JobCancelledError: It was stopped.
            InterpError: It failed.
        """
        assert self.done.is_set()
        if self.error is not None:
            raise self.error
        if self.state == "cancelled":
            raise JobCancelledError
        return self.result


class ResultCache:
    """Finished results by job key, bounded in bytes; the least recently used go first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Any | None:
        """The result, or None."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, result: Any) -> None:
        """Keep a result and make its arrays read-only: every session sees the same object."""
        freeze(result)
        size = size_of(result)
        with self._lock:
            self._drop(key)
            if size <= self._most_bytes:
                self._entries[key] = (result, size)
                self._bytes += size
            self._shrink()

    def resize(self, most_bytes: int) -> None:
        """Allow more or fewer bytes from now on."""
        with self._lock:
            self._most_bytes = most_bytes
            self._shrink()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def usage(self) -> tuple[int, int, int]:
        """Number of results, bytes that they take, bytes allowed."""
        with self._lock:
            return len(self._entries), self._bytes, self._most_bytes

    def _drop(self, key: Hashable) -> None:
        if key in self._entries:
            self._bytes -= self._entries.pop(key)[1]

    def _shrink(self) -> None:
        while self._bytes > self._most_bytes:
            self._bytes -= self._entries.popitem(last=False)[1][1]


def size_of(value: Any) -> int:
    """Bytes of a result: its arrays, and the strings and numbers around them."""
    if (nbytes := getattr(value, "nbytes", None)) is not None:  # arrays, and results that count themselves
        return int(nbytes) + 128
    if dataclasses.is_dataclass(value):
        return 64 + sum(size_of(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(size_of(key) + size_of(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return sys.getsizeof(value) + sum(map(size_of, value))
    return sys.getsizeof(value)


def freeze(value: Any) -> None:
    """Make every array in a result read-only."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            freeze(getattr(value, field.name))
    elif isinstance(value, dict):
        freeze(tuple(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            freeze(item)
