"""The files of a hooks folder, and the hook functions that they define."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interp_core.errors import HookFunctionError, InterpError
from interp_core.user_hooks.calling import call
from interp_core.user_hooks.declaring import Declared, declared_of

NOTEBOOK = "notebook"
"""In place of a file's name, of functions that are declared in the running program."""
_MOST_FILES = 100
_MOST_BYTES = 1_000_000
_LOADING = 6
"""Times the limit of a call: the first file imports hookscope, and whatever else it needs."""


@dataclass(frozen=True)
class HookFunction:
    """One hook function of the user's."""

    name: str
    """File and function, such as `halves.halve`."""
    declared: Declared
    function: Callable[[Any, Any], Any]
    version: str
    """Of the file: another one after every change."""
    file: Path | None
    """None: declared in a notebook."""
    line: int = 0
    says: str = ""
    """First line of its docstring."""


@dataclass(frozen=True)
class HookFile:
    """What one file gave."""

    path: Path
    stamp: tuple[int, int]
    """Time of the last change and size: while they stay, the file is not read again."""
    functions: tuple[HookFunction, ...] = ()
    problem: str = ""
    """Why it could not be used, with the line; empty if it could."""
    module: str = ""
    """Name of the module that it was run as; empty if it was not."""


def read_folder(folder: Path, known: dict[Path, HookFile]) -> dict[Path, HookFile]:
    """The files of a folder, in order of names; those that did not change are taken from `known`.

    Raises:
        HookFunctionError: The folder is not there, or has too many files.
    """
    try:
        there = folder.is_dir()
        paths = sorted(path for path in folder.glob("*.py") if path.is_file() and path.name[0] not in "._")
    except OSError as error:
        raise HookFunctionError(
            f"The hooks folder {folder} cannot be read ({error.strerror or error}). Check its rights, or set HOOKSCOPE_HOOKS "
            "to another one."
        ) from None
    if not there:
        raise HookFunctionError(
            f"The hooks folder {folder} is not there. Make it, or set HOOKSCOPE_HOOKS to another one."
        )
    if len(paths) > _MOST_FILES:
        raise HookFunctionError(
            f"{folder} has {len(paths)} Python files; {_MOST_FILES} are read at most. Move some away."
        )
    found = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue  # went away in between
        stamp = (stat.st_mtime_ns, stat.st_size)
        old = known.get(path)
        found[path] = old if old is not None and old.stamp == stamp else _read(path, stamp)
    now = {one.module for one in found.values()}
    forget(one for one in known.values() if one.module not in now)
    return found


def forget(files: Iterable[HookFile]) -> None:
    """Let go of the modules that files were run as."""
    for file in files:
        sys.modules.pop(file.module, None)


def _read(path: Path, stamp: tuple[int, int]) -> HookFile:
    if not path.stem.isidentifier():
        return HookFile(
            path, stamp, problem=f"{path.name}: rename it to letters, digits and underscores, such as my_hooks.py."
        )
    if path.stem == NOTEBOOK:
        return HookFile(path, stamp, problem=f"{path.name}: rename it; links name functions of notebooks by that word.")
    if stamp[1] > _MOST_BYTES:
        return HookFile(path, stamp, problem=f"{path.name} has {stamp[1]:,} bytes; {_MOST_BYTES:,} are read at most.")
    module = ""
    try:
        source = path.read_bytes()
        version = hashlib.sha256(source).hexdigest()[:12]
        module = f"hookscope_hooks_{path.stem}_{version}"
        functions = call(lambda: _executed(path, source, version, module), path, f"Loading {path.name}", times=_LOADING)
    except (InterpError, OSError) as error:
        sys.modules.pop(module, None)
        return HookFile(path, stamp, problem=str(error))
    problem = "" if functions else f"{path.name} declares no hook function. Put @hook('z') from hookscope above one."
    return HookFile(path, stamp, functions, problem, module)


def _executed(path: Path, source: bytes, version: str, name: str) -> tuple[HookFunction, ...]:
    """The functions that the file defines, run as a module of its own: dataclasses and pickles look for it by name."""
    spec = importlib.util.spec_from_loader(name, None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module
    # The very bytes whose checksum is the version: the file may have changed since.
    exec(compile(source, str(path), "exec"), module.__dict__)
    return tuple(_functions(path, module.__dict__, version))


def _functions(path: Path, space: dict[str, Any], version: str) -> list[HookFunction]:
    seen: dict[int, HookFunction] = {}
    for name, value in space.items():
        declared = declared_of(value)
        if declared is None or name.startswith("_") or getattr(value, "__module__", "") != space["__name__"]:
            continue
        line = getattr(getattr(value, "__code__", None), "co_firstlineno", 0)
        seen.setdefault(id(value), made(f"{path.stem}.{name}", value, declared, version, path, line))
    return sorted(seen.values(), key=lambda one: (one.line, one.name))


def made(name: str, function: Any, declared: Declared, version: str, file: Path | None, line: int = 0) -> HookFunction:
    """A hook function, with what its docstring says first."""
    says = ((getattr(function, "__doc__", None) or "").strip().splitlines() or [""])[0]
    return HookFunction(name, declared, function, version, file, line, says[:200])
