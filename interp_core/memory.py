"""What a load will take, before it starts, and what there is. No torch here.

The factors were measured on Linux with transformer-lens 3.9 and torch 2.13 (`tests/test_memory.py` measures them
again). Weights whose stored type is the wanted one are mapped from the file and come in as they are first used;
others are cast. Compatibility mode copies the weights while it folds norms into them and centres them, and gives a
tied unembedding weights of its own.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from interp_core.checkpoints import Checkpoint
from interp_core.errors import MemoryLimitError
from interp_core.settings import GIB
from interp_core.types import DTYPE_BYTES, ModelSpec

_STORED_AS = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
_STORED_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
_OVERHEAD = 45 * 1024**2
"""Modules, hook points and tokenizer: the default model has 2,002 modules."""
_COPIES = {"float32": 2.3, "half": 3.72}
"""Copies of the untied weights that compatibility mode holds at its worst moment: in float32 beside the weights as
read; in the half types all in all, as float32, in which it always works."""


_HALF_KEPT = 1.15
"""What half precision keeps of its weights' size after compatibility mode: working in float32 leaves gaps in the heap."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a load takes on its device."""

    peak: int
    """At the worst moment of the load."""
    resident: int
    """Afterwards, with every weight used once."""

    def __str__(self) -> str:
        return f"{self.peak / GIB:.2f} GiB while loading, {self.resident / GIB:.2f} GiB afterwards"


def estimate_load(checkpoint: Checkpoint, spec: ModelSpec) -> MemoryEstimate:
    """What loading a checkpoint as `spec` says will take."""
    width = DTYPE_BYTES[spec.dtype]
    weights = checkpoint.n_params * width
    untied = weights + checkpoint.n_tied_params * width
    cast = checkpoint.stored_dtypes != (_STORED_AS[spec.dtype],)
    stored = checkpoint.n_params * max((_STORED_BYTES.get(name, 4) for name in checkpoint.stored_dtypes), default=4)
    read = weights + (stored if cast else 0)
    if spec.processing == "raw":
        return MemoryEstimate(read + _OVERHEAD, weights + _OVERHEAD)
    in_float32 = untied * DTYPE_BYTES["float32"] / width
    worst = weights + _COPIES["float32"] * untied if spec.dtype == "float32" else _COPIES["half"] * in_float32
    kept = untied if spec.dtype == "float32" else _HALF_KEPT * untied
    return MemoryEstimate(round(max(read, worst)) + _OVERHEAD, round(kept) + _OVERHEAD)


def estimate_run(n_pos: int, n_heads: int, d_vocab: int, width: int) -> int:
    """Bytes of one forward pass beside the weights: scores, mask and pattern of one layer, and the logits.

    Args:
        n_pos: Tokens of the prompt.
        n_heads: Query heads of a layer.
        d_vocab: Size of the vocabulary.
        width: Bytes of one number of the model's dtype.
    """
    scores = n_heads * n_pos * n_pos * (3 * width + 4)
    logits = n_pos * d_vocab * width
    return scores + 2 * logits


def available_bytes() -> int:
    """Memory that this process may still take: of the machine, or of its container where that is less."""
    free = psutil.virtual_memory().available
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):
        return free
    return free if limit == "max" else min(free, int(limit) - used)


def check_fits(what: str, needed: int, available: int) -> None:
    """Refuse what does not fit.

    Raises:
        MemoryLimitError: `needed` bytes are more than are available.
    """
    if needed > available:
        raise MemoryLimitError(
            f"{what} needs {needed / GIB:.2f} GiB and {max(0, available) / GIB:.2f} GiB are free for it. Pick a smaller "
            "model or dtype, free a resident model on the Settings page, or raise the limit there."
        )
