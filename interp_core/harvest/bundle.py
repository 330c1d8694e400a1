"""A published harvest: everything that the dashboards of all features need, each feature read without the others.

The manifest holds a checksum of every file and of itself; a file is checked when it is first read. No torch here.
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
from jaxtyping import Float, Int
from pyarrow import parquet
from safetensors import SafetensorError, safe_open

from interp_core.checksums import file_checksum, own_checksum
from interp_core.errors import HarvestError
from interp_core.harvest.histogram import FIRST_RANGE, bin_edges, quantiles
from interp_core.harvest.plan import READABLE
from interp_core.harvest.records import QUANTILES, Correlated, Example, FeatureRecord, Window

FORMAT = "hookscope harvest"
MANIFEST = "manifest.json"
DENSE, EXAMPLES, TOKENS = "dense.safetensors", "examples.parquet", "tokens.parquet"
FEATURES, NEURONS_FILE = "correlated-features.parquet", "correlated-neurons.parquet"
TABLE, WINDOWS = "features.parquet", "windows.parquet"
HISTOGRAMS = "histograms.parquet"
ROW_GROUP = 256
_FIXED_POINT = 65536


@dataclass(frozen=True)
class Harvest:
    """A bundle whose manifest has been checked."""

    folder: Path
    facts: dict[str, Any]
    counts: dict[str, int]
    """Windows, tokens that count, tokens left out, tokens sampled for the correlations."""
    documents: dict[str, int]
    bos: bool
    """Whether every window begins with BOS."""
    fingerprint: str
    """Of all that decided its numbers."""
    checksums: dict[str, str]
    octaves: tuple[int, int]
    """Powers of 2 between which its histograms have bins."""

    @property
    def edges(self) -> Float[np.ndarray, " edge"]:
        """Of the bins of its histograms."""
        return bin_edges(self.octaves)

    @property
    def d_sae(self) -> int:
        return int(self.facts["d_sae"])

    def feature(self, index: int) -> FeatureRecord:
        """Everything of one feature. Reads a row group of each table, some milliseconds.

        Raises:
            HarvestError: There is no such feature, or a file is not what was written.
        """
        if not 0 <= index < self.d_sae:
            raise HarvestError(f"There is no feature {index:,}: this SAE has features 0 to {self.d_sae - 1:,}.")
        dense = self._dense(("fired", "windows_fired", "total", "largest", "smallest"), index)
        histogram, fired = np.array(self._rows(HISTOGRAMS, index)[0]["counts"], np.int64), int(dense["fired"])
        smallest, largest = float(dense["smallest"]) if fired else 0.0, float(dense["largest"])
        return FeatureRecord(
            index, self.counts["tokens"], fired, int(dense["windows_fired"]), largest, smallest,
            int(dense["total"]) / _FIXED_POINT / max(1, fired), quantiles(histogram, self.edges, QUANTILES, smallest, largest),
            histogram, self.edges, self._examples(index), self._correlated(FEATURES, index), self._correlated(NEURONS_FILE, index),
        )  # fmt: skip

    def dense(self, name: str, index: int | None = None) -> np.ndarray:
        """`fired`, `windows_fired`, `total` (steps of 1/65536), `largest` or `smallest`, of one feature or of all.

        Raises:
            HarvestError: The file is not what was written.
        """
        return self._dense((name,), index)[name]

    def _dense(self, names: Iterable[str], index: int | None) -> dict[str, np.ndarray]:
        try:
            with safe_open(self._checked(DENSE), framework="numpy") as file:
                return {
                    name: file.get_tensor(name) if index is None else np.asarray(file.get_slice(name)[index])
                    for name in names
                }
        except (OSError, SafetensorError, KeyError) as error:
            raise HarvestError(_damaged(self.folder / DENSE)) from error

    def table(self) -> arrow.Table:
        """One row a feature: `feature`, `fired`, `density`, `largest`, `mean`, `windows`, `top_tokens`, `label`.

        Raises:
            HarvestError: The file is not what was written.
        """
        path = self._checked(TABLE)
        try:
            return parquet.read_table(path)
        except (OSError, arrow.ArrowException) as error:
            raise HarvestError(_damaged(path)) from error

    def histograms(self) -> Int[np.ndarray, "d_sae bin"]:
        """Of every feature, between `edges`.

        Raises:
            HarvestError: The file is not what was written.
        """
        return _histograms(self._checked(HISTOGRAMS), self.checksums[HISTOGRAMS])

    def labels(self) -> list[str]:
        """Automatic labels of all features; empty where one never fires.

        Raises:
            HarvestError: The file is not what was written.
        """
        return _labels(self._checked(TABLE), self.checksums[TABLE])

    def window(self, example: Example) -> Window:
        """All tokens with which an example was run, so that the model can be run on them again.

        Raises:
            HarvestError: The file is not what was written.
        """
        # A window's BOS has the place before the window's first token, which is another window's last.
        is_bos = self.bos and example.peak == 0
        place = example.place + is_bos
        path = self._checked(WINDOWS)
        try:
            found = parquet.read_table(path, filters=[("document", "=", example.document), ("start", "<=", place)])
        except (OSError, arrow.ArrowException) as error:
            raise HarvestError(_damaged(path)) from error
        # Windows follow one another, but begin anew with each piece of a large document: the last one that has begun is it.
        last = found.sort_by([("start", "descending")]).slice(0, 1).to_pylist()
        pos = example.place - last[0]["start"] + int(self.bos) if last else 0
        if not last or pos >= len(last[0]["tokens"]):
            raise HarvestError(
                f"{path} lacks the window of document {example.document}, token {example.place}. Make the harvest anew."
            )
        return Window(tuple(last[0]["tokens"]), pos)

    def windows(self, most: int) -> list[tuple[int, ...]]:
        """The first windows that examples stand in, at most so many.

        Raises:
            HarvestError: The file is not what was written.
        """
        path, found = self._checked(WINDOWS), []
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(min(most, 1024), columns=["tokens"]):
                    found += [tuple(tokens) for tokens in batch.column(0).to_pylist()]
                    if len(found) >= most:
                        break
        except (OSError, arrow.ArrowException) as error:
            raise HarvestError(_damaged(path)) from error
        return found[:most]

    def verify(self) -> None:
        """Check every file.

        Raises:
            HarvestError: One is not what was written.
        """
        for name in self.checksums:
            self._checked(name)

    def _examples(self, index: int) -> tuple[Example, ...]:
        rows = self._rows(EXAMPLES, index)
        spelled = _vocabulary(self._checked(TOKENS), self.checksums[TOKENS])
        return tuple(
            Example(
                row["kind"], row["activation"], row["document"], row["place"], row["peak"], tuple(row["tokens"]),
                tuple(map(spelled.__getitem__, row["tokens"])), np.array(row["activations"], np.float32),
            )
            for row in rows
        )  # fmt: skip

    def _correlated(self, name: str, index: int) -> tuple[Correlated, ...]:
        if name not in self.checksums:
            return ()
        rows = self._rows(name, index)
        return tuple(Correlated(row["other"], row["together"], row["pearson"], row["cosine"]) for row in rows)

    def _rows(self, name: str, index: int) -> list[dict[str, Any]]:
        path = self._checked(name)
        try:
            group = _row_group(path, self.checksums[name], index // ROW_GROUP)
        except (OSError, arrow.ArrowException) as error:
            raise HarvestError(_damaged(path)) from error
        feature = group["feature"].to_numpy()
        begin, end = np.searchsorted(feature, (index, index + 1))
        return group.slice(begin, end - begin).to_pylist()

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        try:
            same = file_checksum(path) == self.checksums[name]
        except OSError as error:
            raise HarvestError(_damaged(path)) from error
        if not same:
            raise HarvestError(_damaged(path))
        return path


def open_harvest(folder: Path) -> Harvest:
    """Check the manifest of a bundle.

    Raises:
        HarvestError: There is none, it was changed, or it is of a version that cannot be read.
    """
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise HarvestError(f"{folder} is not a harvest of Hookscope.")
        if manifest.get("version") not in READABLE:
            raise HarvestError(
                f"{folder} was written in version {manifest.get('version')!r} of the format and this Hookscope reads versions "
                f"{READABLE[0]} to {READABLE[-1]}. Open it with the Hookscope that wrote it, or update this one."
            )
        if manifest.pop("checksum", None) != own_checksum(manifest):
            raise HarvestError(_damaged(folder / MANIFEST))
        files = {str(name): str(value) for name, value in manifest["files"].items()}
        needed = {DENSE, EXAMPLES, TOKENS, FEATURES, TABLE, WINDOWS, HISTOGRAMS}
        if not needed <= files.keys() <= needed | {NEURONS_FILE}:
            raise HarvestError(_damaged(folder / MANIFEST))
        first, last = map(int, manifest.get("octaves", FIRST_RANGE))
        return Harvest(
            folder,
            dict(manifest["facts"]),
            dict(manifest["counts"]),
            dict(manifest["documents"]),
            bool(manifest["bos"]),
            str(manifest["fingerprint"]),
            files,
            (first, last),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HarvestError(f"The harvest {folder} cannot be opened ({type(error).__name__}: {error}).") from error


@functools.lru_cache(maxsize=8)
def _row_group(path: Path, checksum: str, group: int) -> arrow.Table:
    """Some MB, kept for the features beside the one that was asked for: whoever writes all of them asks in turn."""
    with parquet.ParquetFile(path) as file:
        return file.read_row_group(group)


@functools.lru_cache(maxsize=2)
def _histograms(path: Path, checksum: str) -> np.ndarray:
    counts = parquet.read_table(path, columns=["counts"])["counts"].combine_chunks()
    return counts.flatten().to_numpy().reshape(len(counts), -1)


@functools.lru_cache(maxsize=8)
def _labels(path: Path, checksum: str) -> list[str]:
    return parquet.read_table(path, columns=["label"])["label"].to_pylist()


@functools.lru_cache(maxsize=8)
def _vocabulary(path: Path, checksum: str) -> dict[int, str]:
    table = parquet.read_table(path)
    return dict(zip(table["id"].to_pylist(), table["token"].to_pylist(), strict=True))


def _damaged(path: Path) -> str:
    return f"{path} is not what was written: its checksum differs. Copy the harvest again, or make it anew."
