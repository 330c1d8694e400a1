"""The wire format between Python and a picture: a small JSON header, then arrays as bytes.

    4 bytes   length of the header, little-endian
    header    JSON in UTF-8, padded with spaces so that the blob starts at a multiple of 8
    blob      the arrays one after another, each at a multiple of 8, deflated where that is smaller

`header["arrays"][name]` says dtype, shape, offset and nbytes within the inflated blob, and whether
the bytes are shuffled: all first bytes, then all second bytes, and so on. Neighbouring floats share
their first bytes, so shuffled ones deflate better. `wire.js` is the other end.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

DTYPES = ("uint8", "uint16", "int32", "float32")
"""What the browser has a typed array for, and what `pack` takes. Byte order is little-endian."""
_ALIGNMENT = 8


def pack(header: Mapping[str, object], arrays: Mapping[str, Shaped[np.ndarray, "..."]], compress: bool = True) -> bytes:
    """Pack a header and named arrays into one message.

    Args:
        header: Plain JSON values. `arrays` and `encoding` are added here.
        arrays: Arrays of one of `DTYPES`. Float arrays may hold NaN and infinities.
        compress: Deflate the blob if that makes it smaller.

    Raises:
        ValueError: NaN or an infinity in the header (JSON has neither), a header key that `pack`
            writes itself, or an array of a dtype that the browser cannot read.
    """
    taken = {"arrays", "encoding", "to"} & header.keys()
    if taken:
        raise ValueError(f"The header key {taken.pop()!r} is written by pack: use another name.")
    described, blob = _blob(arrays)
    deflated = zlib.compress(blob, 6) if compress else blob
    encoding = "deflate" if len(deflated) < len(blob) else "raw"
    head = _header_bytes({**header, "arrays": described, "encoding": encoding})
    return len(head).to_bytes(4, "little") + head + (deflated if encoding == "deflate" else blob)


def header_of(message: bytes) -> dict[str, Any]:
    """Read the header of a message that `pack` made, without touching its arrays."""
    return json.loads(message[4 : _blob_start(message)])


def addressed(message: bytes, to: str) -> bytes:
    """Return the same message with the name of the mounted picture it is for, `to`, in its header.

    A picture finds the further messages that belong to it by this name: see `mailbox.js`.
    """
    return relabelled(message, to=to)


def relabelled(message: bytes, **changes: object) -> bytes:
    """Return the same message with other values in its header. The arrays are not packed again."""
    head = _header_bytes({**header_of(message), **changes})
    return len(head).to_bytes(4, "little") + head + message[_blob_start(message) :]


def lower_triangle(
    patterns: Shaped[np.ndarray, "head pos pos"],
) -> Shaped[np.ndarray, "head pairs"]:
    """Return the cells on and below the diagonal, row by row: query q, key k at q * (q + 1) / 2 + k.

    A causal model never attends above the diagonal, so those cells are not sent.
    """
    queries, keys = np.tril_indices(patterns.shape[1])
    return patterns[:, queries, keys]


def to_uint8(patterns: Float[np.ndarray, "*cells"]) -> Shaped[np.ndarray, "*cells"]:
    """Round values from 0 to 1 to 255 equal steps: at most 1/510 from the truth. Nothing is clipped."""
    return np.rint(patterns * 255.0).astype(np.uint8)


def _blob_start(message: bytes) -> int:
    return 4 + int.from_bytes(message[:4], "little")


def _blob(arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> tuple[dict[str, dict], bytes]:
    described: dict[str, dict] = {}
    blob = bytearray()
    for name, array in arrays.items():
        dtype = array.dtype.name
        if dtype not in DTYPES:
            raise ValueError(
                f"The array {name!r} has dtype {dtype}, which the browser cannot read: "
                f"convert it to one of {', '.join(DTYPES)}."
            )
        blob.extend(bytes(-len(blob) % _ALIGNMENT))
        little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        shuffled = dtype == "float32"
        raw = little_endian.reshape(-1).view(np.uint8)
        data = raw.reshape(-1, 4).T.tobytes() if shuffled else raw.tobytes()
        described[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "offset": len(blob),
            "nbytes": len(data),
            "shuffled": shuffled,
        }
        blob.extend(data)
    return described, bytes(blob)


def _header_bytes(header: Mapping[str, object]) -> bytes:
    try:
        text = json.dumps(header, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError as error:
        raise ValueError(
            "The header holds NaN or an infinity, which JSON cannot carry: send such numbers in a float32 array."
        ) from error
    head = text.encode()
    return head + b" " * (-(4 + len(head)) % _ALIGNMENT)
