"""A flat map of directions: UMAP by cosine distance, computed in a process of its own.

UMAP's compiled loops keep Python's lock, so that in this process every page would stand still meanwhile. One thread and a fixed
seed: the same directions give the same map on the same machine. Neighbourhoods mean something, distances across the map do not.

Source: McInnes, Healy and Melville 2018, arXiv:1802.03426; for decoder directions Bricken et al. 2023, Towards Monosemanticity.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from interp_core.errors import SaeError
from interp_core.types import Progress

N_NEIGHBORS, MIN_DIST, SEED = 15, 0.1, 0
_FEWEST = 2 * N_NEIGHBORS
"""Fewer directions than this have no neighbourhoods to speak of."""
_ROOT = Path(__file__).parent.parent.parent
_POLL_S = 0.1
_START_S, _EACH_S = 20.0, 0.005
"""Seconds that it takes on one core, about: to start and compile, and for each direction."""


def layout_seconds(n: int) -> float:
    """Seconds that a map of `n` directions takes on one core, about; a busy machine takes longer."""
    return _START_S + _EACH_S * n


def layout_steps(
    rows: Float[np.ndarray, "row d_model"],
) -> Generator[Progress, None, Float[np.ndarray, "row 2"]]:
    """Lay directions out; rows of norm 0 get NaN. Yields while it goes on; closing it ends the process.

    Raises:
        SaeError: The process failed.
    """
    found = np.full((len(rows), 2), np.nan, np.float32)
    norms = np.linalg.norm(rows, axis=1)
    some = np.isfinite(norms) & (norms > 0)
    with tempfile.TemporaryDirectory(prefix="hookscope-map-") as name:
        given, made, said = (Path(name) / part for part in ("rows.npy", "places.npy", "said.txt"))
        np.save(given, rows[some].astype(np.float32))
        path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
        with said.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "interp_core.sae.layout", str(given), str(made)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        try:
            begun, whole = time.monotonic(), layout_seconds(int(some.sum()))
            while process.poll() is None:
                seconds = time.monotonic() - begun
                yield Progress(
                    min(0.97, seconds / whole), f"Laying {some.sum():,} directions out, {seconds:.0f} seconds so far"
                )
                time.sleep(_POLL_S)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        if process.returncode:
            lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
            raise SaeError(
                f"The map of {some.sum():,} directions could not be laid out: its process ended with {process.returncode} "
                f"({lines[-1][:200]}). Free some memory and try again."
            )
        found[some] = np.load(made, allow_pickle=False)
    return found


def lay_out(rows: Float[np.ndarray, "row d_model"]) -> Float[np.ndarray, "row 2"]:
    """Lay directions out in this process. Fewer than 30 are put where their two first principal components put them."""
    if len(rows) < _FEWEST:
        flat = np.zeros((len(rows), 2), np.float32)
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        if len(rows) > 1:
            left, scale, _ = np.linalg.svd(units - units.mean(0), full_matrices=False)
            found = (left * scale)[:, :2]
            flat[:, : found.shape[1]] = found
        return flat
    import umap  # noqa: PLC0415  takes seconds, and only this process needs it

    made = umap.UMAP(
        n_components=2, n_neighbors=N_NEIGHBORS, min_dist=MIN_DIST, metric="cosine", init="pca", random_state=SEED, n_jobs=1
    )  # fmt: skip
    return np.asarray(made.fit_transform(rows), np.float32)


if __name__ == "__main__":
    np.save(sys.argv[2], lay_out(np.load(sys.argv[1], allow_pickle=False)))
