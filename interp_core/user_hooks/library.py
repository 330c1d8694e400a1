"""The hook functions that may be used in this process: none until the program that runs allows it."""

import itertools
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interp_core.errors import HookChangedError, HookFunctionError, InterventionError
from interp_core.user_hooks.declaring import Declared, declared_of
from interp_core.user_hooks.folder import NOTEBOOK, HookFile, HookFunction, forget, made, read_folder


@dataclass
class _Library:
    folder: Path | None = None
    refused: str = "Hook functions of the user's are off: this program did not allow them."
    """Why nothing is read; empty where it is allowed."""
    files: dict[Path, HookFile] = field(default_factory=dict)
    declared: dict[str, list[HookFunction]] = field(default_factory=dict)
    """Of the running program, by name: a cell that is run again, and a loop, give one name to several functions."""
    stopped: dict[tuple[str, str], str] = field(default_factory=dict)
    """Functions that did not end, by name and version, and what was said of them."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    reading: threading.Lock = field(default_factory=threading.Lock)
    """Held while the user's files run, which may take long; `lock` is not."""
    count: Any = field(default_factory=itertools.count)


_library = _Library()


def configured_folder() -> Path | None:
    """The hooks folder that `HOOKSCOPE_HOOKS` names; None if it names none."""
    named = os.environ.get("HOOKSCOPE_HOOKS")
    return Path(named).expanduser() if named else None


def allow(folder: Path) -> None:
    """Allow the Python files of a folder to be run in this process."""
    if _library.folder == folder and not _library.refused:
        return
    with _library.lock:
        if _library.folder != folder:
            _forget()
        _library.folder, _library.refused = folder, ""


def refuse(reason: str) -> None:
    """Allow none of a folder's functions from now on; what was read is forgotten."""
    with _library.lock:
        _library.folder, _library.refused = None, reason
        _forget()


def refused() -> str:
    """Why the functions of a folder are off; empty where they are allowed."""
    return _library.refused


def hook_files() -> tuple[HookFile, ...]:
    """The files of the folder, read again where they changed. Runs what changed, under the time limit.

    Raises:
        HookFunctionError: They are off, or the folder is not there.
    """
    with _library.reading:
        with _library.lock:
            folder, known = _library.folder, _library.files
        if folder is None:
            raise HookFunctionError(_library.refused)
        found = read_folder(folder, known)
        with _library.lock:
            if _library.folder == folder:  # not refused meanwhile
                _library.files = found
    return tuple(found.values())


def forget_files() -> None:
    """Read every file again when it is next asked for, as one does whose problem lay elsewhere."""
    with _library.lock:
        _forget()


def _forget() -> None:
    forget(_library.files.values())
    _library.files = {}


def declare(function: Any) -> HookFunction:
    """Make a declared function of the running program known, as a notebook does.

    Raises:
        HookFunctionError: It is not declared with `hook`.
    """
    declared = declared_of(function)
    if not isinstance(declared, Declared):
        raise HookFunctionError(f"{function!r} is no hook function. Put @hookscope.hook('z') above its definition.")
    name = f"{NOTEBOOK}.{getattr(function, '__name__', 'hook')}"
    with _library.lock:
        same = _library.declared.setdefault(name, [])
        for known in same:
            if known.function is function:
                return known
        same.append(made(name, function, declared, f"{next(_library.count)}", None))
        return same[-1]


def function_named(name: str, version: str = "") -> HookFunction:
    """A hook function by its name, as its file is now; of several of the running program the one of that version, or the last.

    Raises:
        HookFunctionError: Functions are off, it is not there, or it did not end when it was last called.
        HookChangedError: Its file is another one than `version` says.
    """
    if name.startswith(f"{NOTEBOOK}."):
        same = [one for one in _library.declared.get(name, ()) if version in ("", one.version)]
        found = same[-1] if same else None
    else:
        files = {file.path.stem: file for file in hook_files()}
        file = files.get(name.partition(".")[0])
        found = next((one for one in file.functions if one.name == name), None) if file else None
        if file is not None and found is None and file.problem:
            raise HookFunctionError(file.problem)
    if found is None:
        raise InterventionError(
            f"There is no hook function {name[:80]!r} here. Whoever made this link has it in a file of the hooks folder."
        )
    if version and version != found.version:
        raise HookChangedError(f"The file of {name} has changed while it was in use. Run again.")
    check_not_stopped(found)
    return found


def check_not_stopped(function: HookFunction) -> None:
    """Raise again what was said when this version of a function did not end.

    Raises:
        HookFunctionError: It did not end when it was last called.
    """
    if said := _library.stopped.get((function.name, function.version)):
        raise HookFunctionError(said)


def stop(function: HookFunction, reason: str) -> None:
    """Do not call this version of a function again."""
    _library.stopped[(function.name, function.version)] = reason
