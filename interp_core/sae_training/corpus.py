"""Text as windows of tokens: BOS and then a stretch of one document, so that no window crosses from one to another.

Held-out windows come from documents of which nothing is trained on, in the same mix of sources. Everything is decided
by one seed, and the windows are written once, so that a training that is stopped goes on with the very same ones.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from interp_core.errors import SaeError
from interp_core.files import sync_file, write_json
from interp_core.sae_training.sources import Source, documents
from interp_core.types import Progress

_HELD_OUT_OF_ONE = 8
"""Windows that one held-out document gives at most, so that many documents are held out."""

Encode = Callable[[str], list[int]]
"""Text to token ids, without special tokens."""


@dataclass(frozen=True)
class Corpus:
    """Windows of tokens, in the order in which they are trained on."""

    train: Int[Tensor, "window context"]
    """Token ids, BOS first, in random order over all sources."""
    held_out: Int[Tensor, "held_out_window context"]
    checksum: str
    """SHA-256 of all of them."""
    provenance: list[dict[str, object]]
    """For each source: package, licence, checksum, windows trained on and held out."""


def build_corpus(
    encode: Encode,
    bos_id: int,
    folder: Path,
    *,
    context: int,
    n_held_out: int,
    seed: int,
    sources: Iterable[Source],
    report: Callable[[Progress], None] = lambda _: None,
) -> Corpus:
    """Fetch the sources, cut them into windows and keep these in `folder`; read them from there the next time.

    Raises:
        DownloadError: A source cannot be had.
        SaeError: A source is too short for its share of the held-out windows.
    """
    path = folder / "corpus.safetensors"
    if path.is_file():
        return _read(path)
    chosen = list(sources)
    share = n_held_out / sum(source.n_windows for source in chosen)
    generator = torch.Generator().manual_seed(seed)
    train: list[Tensor] = []
    held_out: list[Tensor] = []
    provenance: list[dict[str, object]] = []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".text-", dir=folder) as scratch:
        for place, source in enumerate(chosen):
            report(Progress(place / len(chosen), f"Text: {source.name} ({source.package})"))
            cut = [_windows(encode(text), bos_id, context) for text in documents(source, Path(scratch))]
            kept, apart = _split(
                [part for part in cut if len(part)], source, round(share * source.n_windows), generator
            )
            train.append(kept)
            held_out.append(apart)
            provenance.append(_described(source, kept, apart, context))
    together = torch.cat(train)
    together = together[torch.randperm(len(together), generator=generator)]
    _write(path, {"train": together, "held_out": torch.cat(held_out)}, provenance)
    return _read(path)


def _windows(ids: list[int], bos_id: int, context: int) -> Int[Tensor, "window context"]:
    """Whole windows only; what is left at a document's end is dropped."""
    whole = len(ids) // (context - 1)
    cut = torch.tensor(ids[: whole * (context - 1)], dtype=torch.int32).reshape(whole, context - 1)
    return torch.cat([torch.full((whole, 1), bos_id, dtype=torch.int32), cut], dim=1)


def _split(cut: list[Tensor], source: Source, n_apart: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(cut), generator=generator).tolist()
    apart: list[Tensor] = []
    while sum(map(len, apart)) < n_apart and order:
        apart.append(cut[order.pop()][:_HELD_OUT_OF_ONE])
    if not order:
        raise SaeError(
            f"The source {source.name} holds only {len(cut)} documents of at least one window, too few to hold "
            f"{n_apart} windows out. Ask for fewer held-out windows, or give more text."
        )
    kept = torch.cat([cut[place] for place in order])
    chosen = torch.randperm(len(kept), generator=generator)[: source.n_windows]
    return kept[chosen], torch.cat(apart)[:n_apart] if apart else kept[:0]


def _described(source: Source, kept: Tensor, apart: Tensor, context: int) -> dict[str, object]:
    return {
        "source": source.name, "package": source.package, "registry": source.client, "sha256": source.sha256,
        "licence": source.licence, "tokens_trained_on": len(kept) * (context - 1),
        "tokens_held_out": len(apart) * (context - 1),
    }  # fmt: skip


def _write(path: Path, tensors: dict[str, Tensor], provenance: list[dict[str, object]]) -> None:
    write_json(path.with_suffix(".json"), provenance)
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary)
    sync_file(temporary)
    temporary.replace(path)


def _read(path: Path) -> Corpus:
    tensors = load_file(path)
    digest = hashlib.sha256()
    for name in ("train", "held_out"):
        digest.update(tensors[name].numpy().tobytes())
    provenance = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Corpus(tensors["train"].long(), tensors["held_out"].long(), digest.hexdigest(), provenance)
