"""Checksums of what is kept in folders with a manifest: saved runs and harvests."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any


def file_checksum(path: Path) -> str:
    """SHA-256 of a file as it is now; one that has not changed is read once.

    Raises:
        OSError: It cannot be read.
    """
    stat = path.stat()
    return _checksum(path, stat.st_mtime_ns, stat.st_size)


def own_checksum(manifest: dict[str, Any]) -> str:
    """What the manifest says of itself, apart from this."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


@functools.lru_cache(maxsize=4096)
def _checksum(path: Path, changed_ns: int, size: int) -> str:
    """Time and size of the last change are part of what is remembered."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
