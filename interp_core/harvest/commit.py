"""Files that are whole or not there: written under another name, flushed, then renamed; checked when they are read.

The states of shards are kept in a work folder until the harvest is published. `run.json` there says what decides the
numbers; whoever goes on must want the same.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from interp_core.errors import HarvestError
from interp_core.files import whole_file
from interp_core.harvest.state import HarvestState, from_bytes, to_bytes

Facts = dict[str, Any]
_RUN = "run.json"


def write_whole(path: Path, content: bytes) -> str:
    """Write a file and return its SHA-256.

    Raises:
        HarvestError: The disk is full or cannot be written; what was there before is untouched.
    """
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise HarvestError(
            f"{path} cannot be written ({error.strerror or error}). Free some space or check the rights, then give the same "
            "command again: it goes on where it stopped."
        ) from error
    return hashlib.sha256(content).hexdigest()


def as_json(content: object) -> bytes:
    """The same content gives the same bytes."""
    return json.dumps(content, indent=1, sort_keys=True).encode()


def fingerprint(facts: Facts) -> str:
    """Names what decides the numbers."""
    return hashlib.sha256(as_json(facts)).hexdigest()


def begin(work: Path, facts: Facts) -> None:
    """Begin a harvest in a work folder, or go on with the one that was begun there.

    Raises:
        HarvestError: That one is of something else, or was begun by another version.
    """
    path = work / _RUN
    if not path.is_file():
        write_whole(path, as_json(facts))
    begun = begun_with(work)
    if other := sorted(name for name in {*facts, *begun} if facts.get(name) != begun.get(name)):
        detail = "; ".join(f"{name}: {_short(begun.get(name))} then, {_short(facts.get(name))} now" for name in other)
        raise HarvestError(
            f"The harvest in {work} was begun with another {', '.join(other)} ({detail}). Give the same options, or "
            "another folder."
        )


def begun_with(work: Path) -> Facts:
    """What decides the numbers of the harvest that was begun in a work folder.

    Raises:
        HarvestError: It cannot be read.
    """
    try:
        found = json.loads((work / _RUN).read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no object")
    except (OSError, ValueError, RecursionError) as error:
        raise HarvestError(f"{work / _RUN} cannot be read ({error}). Delete that folder and begin anew.") from error
    return found


def remove_leftovers(work: Path) -> None:
    """Remove what a killed process left half-written. For the one process that has the folder to itself."""
    for path in (*work.glob(".*.tmp"), *(work / "shards").glob(".*.tmp")):
        path.unlink(missing_ok=True)


def shard_file(work: Path, index: int) -> Path:
    """Where a shard's state is."""
    return work / "shards" / f"{index:06d}.safetensors"


def commit_shard(work: Path, index: int, state: HarvestState, run: str) -> None:
    """Keep a shard's state, then say that it is there. Twice the same is as good as once.

    Raises:
        HarvestError: The disk is full or cannot be written.
    """
    path = shard_file(work, index)
    checksum = write_whole(path, to_bytes(state))
    write_whole(path.with_suffix(".json"), as_json({"sha256": checksum, "fingerprint": run, "shard": index}))


def shard_is_done(work: Path, index: int, run: str) -> bool:
    """Whether a shard was finished.

    Raises:
        HarvestError: A file of it is not what was written.
    """
    if not shard_file(work, index).with_suffix(".json").is_file():
        return False
    _checked(work, index, run)
    return True


def shard_state(work: Path, index: int, run: str) -> HarvestState:
    """The state of a finished shard.

    Raises:
        HarvestError: A file of it is not what was written.
    """
    try:
        return from_bytes(_checked(work, index, run))
    except (SafetensorError, KeyError) as error:
        raise HarvestError(_damaged(shard_file(work, index))) from error


def _checked(work: Path, index: int, run: str) -> bytes:
    path = shard_file(work, index)
    try:
        said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        sound = said == {"sha256": said["sha256"], "fingerprint": run, "shard": index}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarvestError(_damaged(path.with_suffix(".json"))) from error
    if not sound:
        raise HarvestError(_damaged(path.with_suffix(".json")))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HarvestError(_damaged(path)) from error
    if hashlib.sha256(content).hexdigest() != said["sha256"]:
        raise HarvestError(_damaged(path))
    return content


def _damaged(path: Path) -> str:
    return (
        f"{path} is not what was written: it was changed or damaged. Delete {path.stem}.safetensors and {path.stem}.json in "
        "that folder and give the same command again: that shard alone is computed anew."
    )


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
