"""Devices and their memory: what there is, what is free, how to give it back."""

import ctypes
import gc
import sys

import torch

from interp_core.errors import ModelError
from interp_core.memory import available_bytes


def devices() -> list[str]:
    """Devices that a model can be put on: the CPU, and what torch finds."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def resolve_device(wanted: str) -> str:
    """`auto` is the first accelerator, or the CPU.

    Raises:
        ModelError: The device is not there.
    """
    found = devices()
    if wanted == "auto":
        return found[1] if len(found) > 1 else found[0]
    if wanted not in found:
        raise ModelError(f"There is no device {wanted!r} on this machine. Pick one of: {', '.join(found)}.")
    return wanted


def free_bytes(device: str) -> int:
    """Memory that may still be taken on a device."""
    return torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else available_bytes()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    text = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


def trim_memory() -> None:
    """Give freed memory back to the machine: glibc keeps 0.4 GB of the default model's load otherwise.

    What is left lives as long as the model. Frozen, it is passed over by later collections: Streamlit collects after
    every run of a page, and that took a quarter of a second of each click with torch and a model in memory.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
