"""Files that are never seen half written, and last once they are there."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from interp_core.errors import DiskError

_RIGHTS = 0o644
"""A temporary file is its owner's alone; what is kept may be read by whoever may enter the folder."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the name `path` once all of it is on the disk. A writer that fails leaves what was there.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as file:
        temporary = Path(file.name)
        try:
            yield cast(BinaryIO, file.file)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(_RIGHTS)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write JSON as a whole file.

    Raises:
        DiskError: The file cannot be written.
    """
    text = json.dumps(content, indent=2)
    try:
        with whole_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> DiskError:
    """The sentence for a file that cannot be written."""
    return DiskError(f"{path} cannot be written ({error.strerror or error}). Free some space or check the rights.")


def sync_file(path: Path) -> None:
    """Bring a file that another library wrote to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
