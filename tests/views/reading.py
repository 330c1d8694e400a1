"""The other end of `interp_views.wire`, written a second time, so that the format has a witness."""

import json
import zlib

import numpy as np


def unpack(message: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    start = 4 + int.from_bytes(message[:4], "little")
    header = json.loads(message[4:start])
    blob = zlib.decompress(message[start:]) if header["encoding"] == "deflate" else message[start:]
    return header, {name: _array(blob, spec) for name, spec in header["arrays"].items()}


def _array(blob: bytes, spec: dict) -> np.ndarray:
    raw = np.frombuffer(blob, np.uint8, spec["nbytes"], spec["offset"])
    dtype = np.dtype(spec["dtype"]).newbyteorder("<")
    if spec["shuffled"]:
        raw = raw.reshape(dtype.itemsize, -1).T.copy().reshape(-1)
    return raw.view(dtype).reshape(spec["shape"])
