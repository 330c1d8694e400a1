"""Steering vectors on disk: directions that a user uploads once and then names in an intervention. No torch here."""

import io
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load, save

from interp_core.errors import InterventionError
from interp_core.settings import cache_folder

MOST_VECTOR_BYTES = 4 * 1024 * 1024


def vectors_folder() -> Path:
    """Where they are kept."""
    return cache_folder() / "vectors"


def list_vectors() -> list[str]:
    """Names of the stored vectors."""
    return sorted(path.stem for path in vectors_folder().glob("*.safetensors"))


def store_vector(name: str, content: bytes) -> str:
    """Keep an uploaded vector, and return the name that interventions give it.

    Args:
        name: File name; `.npy` (one array) or `.safetensors` (one tensor).
        content: The file.

    Raises:
        InterventionError: It is not one finite vector of floats.
    """
    stem = "".join(char for char in Path(name).stem if char.isascii() and (char.isalnum() or char in "-_"))[:60]
    if not stem:
        raise InterventionError(f"{name[:60]!r} is no name for a vector. Use letters, digits, - and _.")
    if len(content) > MOST_VECTOR_BYTES:
        raise InterventionError(
            f"{name[:60]!r} has {len(content):,} bytes and a vector may have {MOST_VECTOR_BYTES:,}. Store one direction."
        )
    vector = _parse(name, content)
    if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
        raise InterventionError(
            f"{name[:60]!r} holds an array of shape {vector.shape}. Store one vector of finite numbers, as long as the hook "
            "point is wide."
        )
    folder = vectors_folder()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{stem}.{os.getpid()}.tmp"
    temporary.write_bytes(save({"vector": np.ascontiguousarray(vector, np.float32)}))
    temporary.replace(folder / f"{stem}.safetensors")
    return stem


def read_vector(name: str) -> Float[np.ndarray, " width"]:
    """A stored vector.

    Raises:
        InterventionError: There is none by that name.
    """
    path = vectors_folder() / f"{name}.safetensors"
    if path.stem != name or path.parent != vectors_folder() or not path.is_file():
        raise InterventionError(
            f"There is no stored vector {name[:60]!r} on this machine. Upload it on the Ablate page, or make it from prompts."
        )
    return load(path.read_bytes())["vector"]


def _parse(name: str, content: bytes) -> np.ndarray:
    try:
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(content), allow_pickle=False)
        else:
            tensors = load(content)
            if len(tensors) != 1:
                raise InterventionError(f"{name[:60]!r} holds {len(tensors)} tensors. Store one vector in a file.")
            array = next(iter(tensors.values()))
    except (ValueError, EOFError, OSError, SafetensorError, KeyError) as error:
        raise InterventionError(
            f"{name[:60]!r} is no .npy or .safetensors file that can be read. Save it again."
        ) from error
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise InterventionError(f"{name[:60]!r} holds {array.dtype} values. Store floats.")
    return array.astype(np.float32)
