"""Calling the user's code: in a thread of its own, under a time limit, with its errors as sentences with file and line.

A call that takes too long is ended from outside: Python code by an exception in its thread, and where it hangs in a call of
the system, by going on without it.
"""

import ctypes
import math
import os
import queue
import threading
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interp_core.errors import HookFunctionError, HookTimeoutError

_SECONDS, _LEAST_SECONDS, _MOST_SECONDS = 10.0, 0.1, 86_400.0


def time_limit() -> float:
    """Seconds that one call may take; `HOOKSCOPE_HOOK_SECONDS` sets it."""
    try:
        named = float(os.environ.get("HOOKSCOPE_HOOK_SECONDS", ""))
    except ValueError:
        return _SECONDS
    return min(max(_LEAST_SECONDS, named), _MOST_SECONDS) if not math.isnan(named) else _SECONDS


class _EndedError(BaseException):
    """Raised in the middle of the user's code. No `Exception`, so that a broad `except` does not swallow it."""


_Question = tuple[Callable[[], Any], "queue.SimpleQueue[_Answer]"]
_Answer = tuple[Any, BaseException | None]


def _live(asked: "queue.SimpleQueue[_Question | None]") -> None:
    """Answer questions until None comes, or the thread is ended from outside."""
    while (question := asked.get()) is not None:
        function, answer = question
        try:
            answer.put((function(), None))
        except _EndedError:
            return
        except BaseException as error:
            answer.put((None, error))
        del question, function, answer


class _Caller:
    """A thread that calls functions, one at a time; it ends with the object."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_live, args=(self._asked,), name="hook functions", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._asked.put, None)

    def ask(self, function: Callable[[], Any], seconds: float) -> _Answer:
        """What the function returns, or what it raises.

        Raises:
            queue.Empty: It did not end in time.
        """
        answer: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._asked.put((function, answer))
        return answer.get(timeout=seconds)

    def end(self) -> None:
        """Raise an exception in the thread, wherever it is in Python."""
        thread = self._thread.ident
        if thread is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_EndedError))


_callers = threading.local()
"""One caller for each thread that calls, so that two models do not wait for each other's functions."""


def call(function: Callable[[], Any], file: Path | None, what: str, *, times: int = 1) -> Any:
    """Call the user's code and return what it returns.

    Args:
        function: What is called.
        file: Where the code stands, to name the line of an error.
        what: What is done, for the sentence.
        times: How many calls of the user's it makes, each of which may take the limit.

    Raises:
        HookFunctionError: It raised.
        HookTimeoutError: It did not end in time.
    """
    caller = getattr(_callers, "here", None)
    if caller is None:
        caller = _callers.here = _Caller()
    seconds = times * time_limit()
    try:
        value, error = caller.ask(function, seconds)
    except queue.Empty:
        del _callers.here
        caller.end()
        raise HookTimeoutError(
            f"{what} took longer than {seconds:g} seconds and was stopped. It stays off until its file changes. Mend it, or "
            "set HOOKSCOPE_HOOK_SECONDS higher before the start."
        ) from None
    if error is not None:
        raise HookFunctionError(f"{place(error, file)}{what} raised {said(error)}. Mend the file.")
    return value


def place(error: BaseException, file: Path | None) -> str:
    """`halves.py, line 7: ` of the deepest frame in the user's file; a syntax error knows its own line."""
    if file is None:
        return ""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(file) else None
    if line is None:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        line = lines[-1] if lines else None
    return f"{file.name}: " if line is None else f"{file.name}, line {line}: "


def said(error: BaseException) -> str:
    """Kind and text of an error, in one line of bounded length."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
