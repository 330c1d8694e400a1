"""The files of a hooks folder, and the hook functions that they define."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interp_core.errors import HookFunctionError, InterpError
from interp_core.user_hooks.calling import call
from interp_core.user_hooks.declaring import Declared, declared_of

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


def read_folder(folder: Path, known: dict[Path, HookFile]) -> dict[Path, HookFile]:
    """The files of a folder, in order of names; those that did not change are taken from `known`.

    Raises:
        HookFunctionError: The folder is not there, or has too many files.
    """
    if not folder.is_dir():
        raise HookFunctionError(
            f"The hooks folder {folder} is not there. Make it, or set HOOKSCOPE_HOOKS to another one."
        )
    paths = sorted(path for path in folder.glob("*.py") if path.is_file() and path.name[0] not in "._")
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
    return found


def _read(path: Path, stamp: tuple[int, int]) -> HookFile:
    if not path.stem.isidentifier():
        return HookFile(
            path, stamp, problem=f"{path.name}: rename it to letters, digits and underscores, such as my_hooks.py."
        )
    if stamp[1] > _MOST_BYTES:
        return HookFile(path, stamp, problem=f"{path.name} has {stamp[1]:,} bytes; {_MOST_BYTES:,} are read at most.")
    try:
        source = path.read_bytes()
        version = hashlib.sha256(source).hexdigest()[:12]
        space = call(lambda: _executed(path, source, version), path, f"Loading {path.name}", times=_LOADING)
    except (InterpError, OSError) as error:
        return HookFile(path, stamp, problem=str(error))
    functions = tuple(_functions(path, space, version))
    problem = "" if functions else f"{path.name} declares no hook function. Put @hook('z') from hookscope above one."
    return HookFile(path, stamp, functions, problem)


def _executed(path: Path, source: bytes, version: str) -> dict[str, Any]:
    """The names that the file defines, as a module of its own: dataclasses and pickles look for it by name."""
    name = f"hookscope_hooks_{path.stem}_{version}"
    spec = importlib.util.spec_from_loader(name, None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module
    # The very bytes whose checksum is the version: the file may have changed since.
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module.__dict__


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
