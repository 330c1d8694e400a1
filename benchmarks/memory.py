"""How much memory the programs that this process started take together, and a limit to it."""

import contextlib
import threading
from typing import Self

import psutil

from interp_core.settings import GIB

LIMIT = 20 * GIB
_EVERY_S = 0.1


class MemoryWatch:
    """While it is entered: notes the peak, and ends the largest program when all of them are beyond the limit.

    Resident memory of every process is added up, so what several of a browser share counts several times: some 0.3 GiB.
    """

    def __init__(self, limit: int = LIMIT, pid: int | None = None) -> None:
        """Of one program alone where `pid` is given, which is never ended."""
        self.peak = 0
        self._one = psutil.Process(pid) if pid else None
        self.ended = False
        """Whether a program had to be ended."""
        self._limit = limit
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def words(self) -> str:
        """What to say of a program that was ended."""
        return f"ended at {self._limit / GIB:.0f} GiB of memory"

    def _look(self) -> None:
        while not self._over.wait(_EVERY_S):
            watched = [self._one] if self._one else psutil.Process().children(recursive=True)
            sizes = {process: resident(process) for process in watched}
            self.peak = max(self.peak, sum(sizes.values()))
            if not self._one and sum(sizes.values()) > self._limit:
                self.ended = True
                _end(max(sizes, key=lambda process: sizes[process]))


def resident(process: psutil.Process) -> int:
    """Resident bytes of a process, 0 of one that is gone."""
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has ended, or is about to
        return 0


def end_tree(pid: int) -> None:
    """End a process and all that it started."""
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        _end(one)


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
