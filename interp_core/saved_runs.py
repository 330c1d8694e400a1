"""Saved runs: the attention of a run on disk, to be looked at later without the model.

A run is a folder: `manifest.json` says what was run and how, and each layer is a safetensors file of its own, so that
writing and reading take the memory of one layer. Patterns are kept in steps of 1/65535, which is exact to four digits.
The manifest holds a checksum of every file and of itself; a file is checked when it is first read.
"""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt16
from safetensors import SafetensorError
from safetensors.numpy import load_file

from interp_core.attention import PatternShape, See
from interp_core.checksums import file_checksum, own_checksum
from interp_core.errors import SavedRunError
from interp_core.generation import Sampling
from interp_core.model_card import ModelCard
from interp_core.prompts import Prompt
from interp_core.tokens import Tokenised

MANIFEST = "manifest.json"
VALUE_NORMS = "value-norms.safetensors"
FORMAT = "hookscope attention run"
VERSION = 1
STEPS = 65535


@dataclass(frozen=True)
class RunFacts:
    """What was run, and how: all that a reader needs beside the patterns."""

    card: ModelCard
    prompt: Prompt
    tokenised: Tokenised
    """Prompt and continuation together."""
    n_prompt: int
    """Tokens of the prompt; what follows was generated."""
    sampling: Sampling | None = None
    """How the continuation was generated, where there is one."""
    interventions: tuple[str, ...] = ()
    """Those that were in force, in their text form."""
    created: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    """UTC, ISO 8601."""

    @property
    def key(self) -> str:
        """Names the run by what was asked for."""
        return run_key(self.card, self.prompt, self.sampling, self.interventions)


@dataclass(frozen=True)
class SavedRun:
    """A run on disk whose manifest has been checked. Shows its patterns as a live run does."""

    folder: Path
    facts: RunFacts
    n_bytes: int
    checksums: dict[str, str]
    """SHA-256 by file name."""

    @property
    def shape(self) -> PatternShape:
        return PatternShape(self.facts.card.n_layers, self.facts.card.n_heads, len(self.facts.tokenised.ids))

    @property
    def tokens(self) -> tuple[int, ...]:
        """Token ids."""
        return self.facts.tokenised.ids

    def walk(self, see: See) -> None:
        """Show every layer's pattern once.

        Raises:
            SavedRunError: A file is not what was written.
        """
        for layer in range(self.shape.n_layers):
            if layer_file(layer) in self.checksums:
                see(layer, torch.from_numpy(self.layer(layer)))

    def layer(self, layer: int, heads: Sequence[int] | None = None) -> Float[np.ndarray, "head query_pos key_pos"]:
        """The pattern of one layer, 0 to 1, in steps of 1/65535.

        Raises:
            SavedRunError: The layer was not saved, or its file is not what was written.
        """
        if layer_file(layer) not in self.checksums:
            raise SavedRunError(f"This saved run holds no pattern of layer {layer}. Pick another layer.")
        cells = self._read(layer_file(layer), "pattern", np.uint16, (self.shape.n_heads, n_cells(self.shape.n_pos)))
        return _unpack(cells if heads is None else cells[list(heads)], self.shape.n_pos)

    def value_norms(self) -> Float[np.ndarray, "layer head key_pos"]:
        """Norm of the value vector that each head reads at each position.

        Raises:
            SavedRunError: The file is not what was written.
        """
        shape = self.shape
        return self._read(VALUE_NORMS, "value_norms", np.float32, (shape.n_layers, shape.n_heads, shape.n_pos))

    def _read(self, name: str, tensor: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
        path = self.folder / name
        try:
            if file_checksum(path) != self.checksums[name]:
                raise SavedRunError(
                    f"{name} of the saved run {self.folder.name} is not what was written: its checksum differs. Copy the "
                    "run again, or make it anew."
                )
            found = load_file(path)[tensor]
        except (OSError, SafetensorError, KeyError) as error:
            raise SavedRunError(
                f"{name} of the saved run {self.folder.name} cannot be read ({error}). Copy the run again."
            ) from error
        if found.dtype != dtype or found.shape != shape:
            raise SavedRunError(f"{name} of the saved run {self.folder.name} holds {found.dtype} {found.shape}.")
        return found


def run_key(card: ModelCard, prompt: Prompt, sampling: Sampling | None, interventions: tuple[str, ...] = ()) -> str:
    """The same model, prompt and settings give the same key, before anything is computed."""
    asked = (dataclasses.astuple(card), prompt, sampling, *interventions)
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def layer_file(layer: int) -> str:
    """Name of a layer's file."""
    return f"layer-{layer:03d}.safetensors"


def open_run(folder: Path) -> SavedRun:
    """Check the manifest of a saved run.

    Raises:
        SavedRunError: There is no manifest, it was changed, or it is of a version that cannot be read.
    """
    if not folder.is_dir():
        raise SavedRunError(
            f"The saved run {folder.name} is not on this server: it was deleted, or saved elsewhere. Ask for its zip file."
        )
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise SavedRunError(f"{folder.name} is not a saved run of Hookscope.")
        if manifest.get("version") != VERSION:
            raise SavedRunError(
                f"{folder.name} was saved in version {manifest.get('version')!r} of the format and this Hookscope reads "
                f"version {VERSION}. Open it with the Hookscope that wrote it."
            )
        if manifest.pop("checksum", None) != own_checksum(manifest):
            raise SavedRunError(
                f"The manifest of the saved run {folder.name} is not what was written: its checksum differs. Copy the run "
                "again, or make it anew."
            )
        return _run(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SavedRunError(
            f"The saved run {folder.name} cannot be opened ({type(error).__name__}). Copy it again."
        ) from error


def _run(folder: Path, manifest: dict[str, Any]) -> SavedRun:
    """The manifest as typed values. It may come from anyone: a name or a type that we do not write is refused."""
    card = _typed(ModelCard, manifest["card"])
    tokens = manifest["tokenised"]
    tokenised = Tokenised(
        tuple(map(int, tokens["ids"])),
        tuple(map(str, tokens["str_tokens"])),
        tuple(map(bool, tokens["special"])),
        int(tokens["bos_count"]),
    )
    sampling = _typed(Sampling, manifest["sampling"]) if manifest["sampling"] else None
    facts = RunFacts(
        card,
        _typed(Prompt, manifest["prompt"]),
        tokenised,
        int(manifest["n_prompt"]),
        sampling,
        tuple(map(str, manifest.get("interventions", []))),
        str(manifest["created"]),
    )
    names = {VALUE_NORMS, *map(layer_file, range(card.n_layers))}
    checksums = {str(name): str(value) for name, value in manifest["files"].items()}
    counts = {len(tokenised.ids), len(tokenised.str_tokens), len(tokenised.special)}
    if not checksums.keys() <= names or len(counts) != 1 or not 1 <= facts.n_prompt <= len(tokenised.ids):
        raise ValueError("inconsistent")
    return SavedRun(folder, facts, sum((folder / name).stat().st_size for name in checksums), checksums)


def _typed(kind: type[Any], values: dict[str, Any]) -> Any:
    """A dataclass of plain values from JSON, each of its own type."""
    made = kind(
        **{name: tuple(map(int, value)) if isinstance(value, list) else value for name, value in values.items()}
    )
    allowed_types: dict[Any, Any] = {int: int, float: int | float, bool: bool, str: str, tuple[int, ...]: tuple}
    for one in dataclasses.fields(made):
        value, allowed = getattr(made, one.name), allowed_types.get(one.type, str | None)
        if not isinstance(value, allowed) or (isinstance(value, int) and value < 0):
            raise TypeError(one.name)
    return made


def saved_runs(folder: Path) -> tuple[list[SavedRun], list[str]]:
    """Every run in a folder, newest first, and a sentence for each that cannot be opened."""
    found, problems = [], []
    for path in sorted(folder.glob("*/")) if folder.is_dir() else []:
        if path.name.startswith("."):
            continue
        try:
            found.append(open_run(path))
        except SavedRunError as error:
            problems.append(str(error))
    return sorted(found, key=lambda run: run.facts.created, reverse=True), problems


def n_cells(n_pos: int) -> int:
    """Cells on and below the diagonal."""
    return n_pos * (n_pos + 1) // 2


def _unpack(cells: UInt16[np.ndarray, "head cell"], n_pos: int) -> Float[np.ndarray, "head query_pos key_pos"]:
    pattern = np.zeros((len(cells), n_pos, n_pos), np.float32)
    rows, columns = np.tril_indices(n_pos)
    pattern[:, rows, columns] = cells / np.float32(STEPS)
    return pattern
