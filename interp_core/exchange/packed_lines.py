"""Lines of files in a folder or a zip, plain or gzipped, from someone who may not be trusted. Nothing is ever unpacked to a path.

What is unpacked is counted as it comes, whatever a zip says of itself, so that a small file cannot become an endless one.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path, PurePosixPath

from interp_core.errors import ExchangeError

MOST_UNPACKED = 8_000_000_000
"""Bytes of all lines together: an SAE of 100,000 features with 45 examples of 128 tokens."""
MOST_LINE = 16_000_000
_MOST_FILES = 20_000
_RATIO, _SMALL = 200, 64_000_000
"""Exports shrink to a tenth. What shrinks to less than 1/200 was made to, unless it is small anyway."""
_MOST_BLANK = 1000
_ENCRYPTED = 0x1


class Packed:
    """A folder, or a zip of it, and how much of it may still be read."""

    def __init__(self, source: Path | BufferedIOBase, what: str, most_bytes: int = MOST_UNPACKED) -> None:
        """Look at the names.

        Raises:
            ExchangeError: It is no zip that can be read, names files outside itself, or has too many.
        """
        self._what, self._read = what, 0
        self._folder = source if isinstance(source, Path) and source.is_dir() else None
        self._archive = None
        if self._folder is None:
            try:
                self._archive = zipfile.ZipFile(source)
                self.sizes = {one.filename: one.compress_size for one in self._archive.infolist() if not one.is_dir()}
            # A RuntimeError: packed in a way that Python does not know.
            except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
                raise ExchangeError(f"{what} is no zip that can be read ({error}). Zip the folder again.") from error
        else:
            files = [path for path in self._folder.rglob("*.jsonl*") if path.is_file() and not path.is_symlink()]
            self.sizes = {path.relative_to(self._folder).as_posix(): path.stat().st_size for path in files}
        self._most = min(most_bytes, max(_SMALL, _RATIO * sum(self.sizes.values())))
        self._check_names()

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file; those of a file that is not there are none.

        Raises:
            ExchangeError: It is damaged or encrypted, or larger than may be read.
        """
        if name not in self.sizes:
            return
        try:
            blank = 0
            with self._opened(name) as file:
                while line := file.readline(MOST_LINE + 1):
                    self._count(name, len(line))
                    blank += not line.strip()
                    if blank > _MOST_BLANK:
                        raise ExchangeError(f"{name} in {self._what} is mostly empty lines. Get it again.")
                    if line.strip():
                        yield line
        except (zipfile.BadZipFile, EOFError, OSError, zlib.error, RuntimeError) as error:
            raise ExchangeError(f"{name} in {self._what} is damaged or encrypted ({error}). Get it again.") from error

    @contextmanager
    def _opened(self, name: str) -> Iterator[BufferedIOBase]:
        raw = (self._folder / name).open("rb") if self._folder else self._archive.open(name)  # type: ignore[union-attr]
        with raw:
            if name.endswith(".gz"):
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield raw  # type: ignore[misc]

    def _count(self, name: str, count: int) -> None:
        if count > MOST_LINE:
            raise ExchangeError(f"{name} in {self._what} has a line of more than {MOST_LINE:,} bytes, which is no row.")
        self._read += count
        if self._read > self._most:
            raise ExchangeError(
                f"{self._what} unpacks to more than {self._most:,} bytes, which is more than is read. Take fewer features."
            )

    def _check_names(self) -> None:
        if len(self.sizes) > _MOST_FILES:
            raise ExchangeError(f"{self._what} holds {len(self.sizes):,} files and may hold {_MOST_FILES:,}.")
        for name in self.sizes:
            path = PurePosixPath(name.replace("\\", "/"))
            # "." names the folder itself, and has no parts.
            if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]:
                raise ExchangeError(f"{self._what} names a file outside itself ({name[:80]!r}). Do not use it.")
        if self._archive and any(one.flag_bits & _ENCRYPTED for one in self._archive.infolist()):
            raise ExchangeError(f"{self._what} is encrypted. Ask for one that is not.")
