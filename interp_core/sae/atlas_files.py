"""Where atlases are kept: a Parquet file and, beside it, a JSON file with its checksum and with what it was made of. No torch here.

One that ships is used first, then the one in the cache folder. One that is damaged, older, or of another model is as good as
none: it is made anew.
"""

import functools
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as arrow
from pyarrow import parquet

from interp_core.errors import SaeError
from interp_core.files import disk_error, whole_file, write_json
from interp_core.sae.layout import MIN_DIST, N_NEIGHBORS, SEED
from interp_core.settings import cache_folder

FORMAT, VERSION = "hookscope atlas", 1
SHIPPED = Path(__file__).parent.parent.parent / "data" / "atlases"
N_TOKENS = 5
SETTINGS: dict[str, Any] = {
    "layout": "umap",
    "metric": "cosine",
    "init": "pca",
    "n_neighbors": N_NEIGHBORS,
    "min_dist": MIN_DIST,
    "seed": SEED,
}
"""How maps are laid out; an atlas of other settings is of an older version."""
SCHEMA = arrow.schema({
    "feature": arrow.int32(), "x": arrow.float32(), "y": arrow.float32(),
    "promoted": arrow.list_(arrow.string()), "suppressed": arrow.list_(arrow.string()),
})  # fmt: skip


@dataclass(frozen=True)
class Atlas:
    """What is known of all features of an SAE without any text."""

    facts: dict[str, Any]
    """SAE, model, how it was laid out."""
    table: arrow.Table
    """One row a feature: `feature`, `x`, `y` (NaN where its decoder row is 0), `promoted` and `suppressed` (5 tokens each, the
    strongest first; null where they cannot be known)."""

    @property
    def without_tokens(self) -> str:
        """Why no tokens are known; empty where they are."""
        return str(self.facts.get("without_tokens", ""))


def find_atlas(sae_sha256: str, model: str, revision: str) -> Atlas | None:
    """The atlas of an SAE on a model: one that ships, or one that was made here; None where there is none that can be used."""
    shipped = [path.with_suffix(".parquet") for path in sorted(SHIPPED.glob("*.json"))]
    for path in (*shipped, kept_file(sae_sha256)):
        facts = _facts(path)
        wanted = {"sae_sha256": sae_sha256, "model": model, "revision": revision, **SETTINGS}
        if facts is not None and all(facts.get(name) == value for name, value in wanted.items()):
            try:
                return read_atlas(path)
            except SaeError:
                continue
    return None


def kept_file(sae_sha256: str) -> Path:
    """Where an atlas is kept that was made here."""
    return cache_folder() / "atlases" / f"{sae_sha256}.parquet"


def write_atlas(path: Path, table: arrow.Table, facts: dict[str, Any]) -> None:
    """Write an atlas, each file under another name first.

    Raises:
        DiskError: A file cannot be written.
    """
    buffer = io.BytesIO()
    parquet.write_table(table.cast(SCHEMA), buffer, compression="zstd")
    content = buffer.getvalue()
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise disk_error(path, error) from error
    checksum = hashlib.sha256(content).hexdigest()
    write_json(path.with_suffix(".json"), {"format": FORMAT, "version": VERSION, **facts, "parquet_sha256": checksum})


def read_atlas(path: Path) -> Atlas:
    """Read an atlas and check that it is what was written. Remembered until the file changes.

    Raises:
        SaeError: It is not there, of another version, or not what was written.
    """
    facts = _facts(path)
    if facts is None:
        raise SaeError(f"{path} is no atlas of this version. Make it anew.")
    try:
        stat = path.stat()
        return Atlas(facts, _table(path, str(facts.get("parquet_sha256")), stat.st_mtime_ns, stat.st_size))
    except (OSError, arrow.ArrowException) as error:
        raise SaeError(f"{path} cannot be read ({error}). Make it anew.") from error


def _facts(path: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    usable = isinstance(facts, dict) and (facts.get("format"), facts.get("version")) == (FORMAT, VERSION)
    return facts if usable else None


@functools.lru_cache(maxsize=4)
def _table(path: Path, checksum: str, changed_ns: int, size: int) -> arrow.Table:
    """The table of a file; time and size of its last change are part of what is remembered."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != checksum:
        raise SaeError(f"{path} is not what was written: its checksum differs. Make it anew.")
    table = parquet.read_table(io.BytesIO(content))
    if not table.schema.equals(SCHEMA) or table["feature"].to_pylist() != list(range(len(table))):
        raise SaeError(f"{path} does not hold one row a feature. Make it anew.")
    return table
