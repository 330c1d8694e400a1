"""Documents as windows of tokens on disk, shard by shard. Every token of every document is in exactly one window.

A window is BOS and then a stretch of one document; the last one of a document may be shorter.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors.torch import load, save
from torch import Tensor

from interp_core.errors import HarvestError
from interp_core.files import sync_folder
from interp_core.harvest.commit import as_json, write_whole
from interp_core.harvest.documents import Documents, in_pieces
from interp_core.harvest.encoder import Encoder
from interp_core.harvest.plan import HarvestPlan

_INDEX = "corpus.json"


@dataclass(frozen=True)
class Windows:
    """Windows of one shard."""

    first: int
    """Place of the first of them in the corpus."""
    tokens: Int[Tensor, "window context"]
    """Token ids, int32; 0 after a window's end."""
    lengths: Int[Tensor, " window"]
    documents: Int[Tensor, " window"]
    """Place of each window's document in the corpus, those left out included."""
    starts: Int[Tensor, " window"]
    """Token of the document with which a window begins, BOS aside."""


@dataclass(frozen=True)
class Corpus:
    """Windows in a folder, checked when they are read."""

    folder: Path
    context: int
    n_windows: int
    n_tokens: int
    """BOS included."""
    n_documents: int
    n_empty: int
    """Documents without one token."""
    n_unreadable: int
    """Documents that are no UTF-8, or no text at all."""
    bos_id: int | None
    """With which every window begins; None: with the text."""
    shard_windows: int
    """Windows of every shard but the last."""
    tokenizer: str
    """SHA-256 over the tokenizer's files."""
    source: str
    """SHA-256 of what was read."""
    files: tuple[str, ...]
    firsts: tuple[int, ...]
    """Place of the first window of each shard."""

    @property
    def bos(self) -> bool:
        """Whether every window begins with BOS."""
        return self.bos_id is not None

    @property
    def n_shards(self) -> int:
        return len(self.files)

    @property
    def checksum(self) -> str:
        """Names all of it."""
        return hashlib.sha256("".join(self.files).encode()).hexdigest()

    def shard(self, index: int) -> Windows:
        """Windows of one shard.

        Raises:
            HarvestError: The file is not what was written.
        """
        path = self.folder / _file(index)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise HarvestError(
                f"{path} cannot be read ({error.strerror}). Delete its folder and begin anew."
            ) from error
        if hashlib.sha256(content).hexdigest() != self.files[index]:
            raise HarvestError(
                f"{path} is not what was written: its checksum differs. Delete its folder; the text is cut anew."
            )
        return Windows(self.firsts[index], **load(content))


def cut_corpus(encoder: Encoder, documents: Documents, plan: HarvestPlan, folder: Path) -> Corpus:
    """Cut documents into windows and keep these in `folder`; read them from there the next time.

    Raises:
        HarvestError: No document holds a token, the folder holds another corpus, or the disk is full.
    """
    source = documents.checksum()
    if not (folder / _INDEX).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(".cutting-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".cutting-", dir=folder.parent, ignore_cleanup_errors=True) as name:
            _Cutter(encoder, plan, Path(name)).cut(documents, source)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copystat(folder.parent, name)
            Path(name).rename(folder)
            sync_folder(folder.parent)
    corpus = open_corpus(folder)
    compared = {
        "text": (corpus.source, source), "context": (corpus.context, plan.context), "BOS": (corpus.bos_id, _head(encoder, plan)),
        "shard size": (corpus.shard_windows, plan.shard_windows), "tokenizer": (corpus.tokenizer, encoder.checksum),
    }  # fmt: skip
    if other := ", ".join(name for name, (there, wanted) in compared.items() if there != wanted):
        raise HarvestError(
            f"{folder} holds windows of another {other} than asked for with {documents.name}. Give the same text, model and "
            "options, or another folder."
        )
    return corpus


def open_corpus(folder: Path) -> Corpus:
    """A corpus that was cut.

    Raises:
        HarvestError: It cannot be read.
    """
    try:
        said = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        said["files"], said["firsts"] = tuple(said["files"]), tuple(said["firsts"])
        return Corpus(folder, **said)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarvestError(
            f"{folder / _INDEX} cannot be read ({error}). Delete that folder; the text is cut anew."
        ) from error


def _head(encoder: Encoder, plan: HarvestPlan) -> int | None:
    """With which windows begin."""
    return encoder.bos_id if plan.prepend_bos else None


class _Cutter:
    """Holds one shard at a time."""

    def __init__(self, encoder: Encoder, plan: HarvestPlan, folder: Path) -> None:
        self._encoder, self._plan, self._folder = encoder, plan, folder
        self._bos_id = _head(encoder, plan)
        self._head = [] if self._bos_id is None else [self._bos_id]
        self._rows: list[tuple[list[int], int, int]] = []
        self._counts = {"n_windows": 0, "n_tokens": 0, "n_documents": 0, "n_empty": 0, "n_unreadable": 0}
        self._files: list[str] = []
        self._firsts: list[int] = []

    def cut(self, documents: Documents, source: str) -> None:
        for place, text in enumerate(documents):
            self._counts["n_documents"] += 1
            rows = list(self._windows(text)) if text is not None else []
            self._counts["n_unreadable"] += text is None
            self._counts["n_empty"] += text is not None and not rows
            for ids, start in rows:
                self._rows.append((ids, place, start))
                if len(self._rows) == self._plan.shard_windows:
                    self._flush()
        if self._rows:
            self._flush()
        if not self._files:
            raise HarvestError(
                f"{documents.name} holds no text: of {self._counts['n_documents']:,} documents {self._counts['n_empty']:,} are "
                f"empty and {self._counts['n_unreadable']:,} are no UTF-8 text. Check the file and the column."
            )
        index = {
            **self._counts, "context": self._plan.context, "bos_id": self._bos_id, "source": source,
            "shard_windows": self._plan.shard_windows, "tokenizer": self._encoder.checksum, "files": self._files,
            "firsts": self._firsts,
        }  # fmt: skip
        write_whole(self._folder / _INDEX, as_json(index))

    def _windows(self, text: str) -> Iterator[tuple[list[int], int]]:
        step, begun = self._plan.context - len(self._head), 0
        clean = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no character
        for piece in in_pieces(clean):
            ids = self._encoder.encode(piece)
            for start in range(0, len(ids), step):
                yield [*self._head, *ids[start : start + step]], begun + start
            begun += len(ids)

    def _flush(self) -> None:
        rows = self._rows
        tokens = torch.zeros(len(rows), self._plan.context, dtype=torch.int32)
        for place, (ids, _, _) in enumerate(rows):
            tokens[place, : len(ids)] = torch.tensor(ids, dtype=torch.int32)
        made = {
            "tokens": tokens,
            "lengths": torch.tensor([len(ids) for ids, _, _ in rows]),
            "documents": torch.tensor([place for _, place, _ in rows]),
            "starts": torch.tensor([start for _, _, start in rows]),
        }
        self._firsts.append(self._counts["n_windows"])
        self._files.append(write_whole(self._folder / _file(len(self._files)), save(made)))
        self._counts["n_windows"] += len(rows)
        self._counts["n_tokens"] += int(made["lengths"].sum())
        self._rows = []


def _file(index: int) -> str:
    return f"{index:06d}.safetensors"
