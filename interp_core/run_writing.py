"""Writing saved runs: one forward pass, one file a layer, nothing half-written.

What is read is in `saved_runs`.
"""

import dataclasses
import hashlib
import math
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt16
from safetensors.numpy import save_file
from torch import Tensor

from interp_core.attention import LivePatterns, PatternShape
from interp_core.checksums import own_checksum
from interp_core.errors import SavedRunError
from interp_core.files import write_json
from interp_core.saved_runs import (
    FORMAT,
    MANIFEST,
    STEPS,
    VALUE_NORMS,
    VERSION,
    RunFacts,
    layer_file,
    n_cells,
)

_LIBRARIES = ("torch", "transformers", "transformer-lens", "safetensors")


def save_run(patterns: LivePatterns, facts: RunFacts, folder: Path) -> Path:
    """Write a run into a new folder under `folder`, and return it. Costs one forward pass.

    Nothing is left behind when it fails or is stopped. A run that is there already is written anew.

    Raises:
        SavedRunError: The disk cannot hold it, or cannot be written.
    """
    shape = patterns.shape
    needed = size_on_disk(shape)
    target = folder / facts.key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise SavedRunError(
                f"The patterns of {shape.n_pos:,} tokens take {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free in "
                f"{folder}. Free some space, or set HOOKSCOPE_RUNS to another folder."
            )
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-", ignore_cleanup_errors=True) as name:
            _write(patterns, facts, Path(name))
            publish_folder(Path(name), target)
    except OSError as error:
        raise SavedRunError(
            f"The run cannot be saved in {folder} ({error.strerror or error}). Free some space or check the rights."
        ) from error
    return target


def publish_folder(made: Path, target: Path) -> None:
    """Give a finished folder its name. Colleagues may read it: temporary folders are their owner's alone."""
    made.chmod(0o755)
    for path in made.iterdir():
        path.chmod(0o644)
    if target.exists():
        shutil.rmtree(target)
    made.replace(target)


def size_on_disk(shape: PatternShape) -> int:
    """Bytes that a run of this shape takes, tokens aside."""
    return shape.n_layers * shape.n_heads * (2 * n_cells(shape.n_pos) + 4 * shape.n_pos)


def _write(patterns: LivePatterns, facts: RunFacts, folder: Path) -> None:
    shape = patterns.shape
    norms = np.full((shape.n_layers, shape.n_heads, shape.n_pos), np.nan, np.float32)

    def see(layer: int, pattern: Tensor) -> None:
        save_file({"pattern": _pack(pattern)}, folder / layer_file(layer))

    def see_values(layer: int, values: Tensor) -> None:
        found = values.norm(dim=-1).T.cpu().numpy()
        norms[layer] = found.repeat(shape.n_heads // len(found), axis=0)

    patterns.walk(see, see_values)
    save_file({"value_norms": norms}, folder / VALUE_NORMS)
    files = {path.name: path for path in sorted(folder.iterdir())}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "precision": f"uint16 in steps of 1/{STEPS}, lower triangle row by row",
        **dataclasses.asdict(facts),
        "files": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
    }
    write_json(folder / MANIFEST, manifest | {"checksum": own_checksum(manifest)})


def _pack(pattern: Float[Tensor, "head query_pos key_pos"]) -> UInt16[np.ndarray, "head cell"]:
    rows, columns = torch.tril_indices(pattern.shape[1], pattern.shape[1])
    cells = pattern.cpu().numpy()[:, rows.numpy(), columns.numpy()]
    total, kept = float(pattern.sum()), float(cells.sum(dtype=np.float64))
    assert math.isclose(total, kept, rel_tol=1e-3), "a decoder's attention lies below the diagonal"
    # safetensors writes memory as it lies, and indexing gave it another order.
    return np.ascontiguousarray(np.rint(cells.clip(0, 1) * STEPS).astype(np.uint16))
