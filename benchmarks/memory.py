"""How much memory the programs that this process started take together, and a limit to it."""

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

    def __init__(self, limit: int = LIMIT) -> None:
        self.peak = 0
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
            sizes = {process: _resident(process) for process in psutil.Process().children(recursive=True)}
            self.peak = max(self.peak, sum(sizes.values()))
            if sum(sizes.values()) > self._limit:
                self.ended = True
                _end(max(sizes, key=lambda process: sizes[process]))


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has ended, or is about to
        return 0


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        pass
