"""The bundle of a finished harvest: safetensors and Parquet with a manifest of checksums, made whole and then named.

Examples are sorted by feature, in row groups of 256 features, so that one feature is read without the others.
"""

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import torch
from safetensors.numpy import save

from interp_core.checksums import own_checksum
from interp_core.errors import HarvestError
from interp_core.files import sync_folder
from interp_core.harvest.bundle import (
    DENSE,
    EXAMPLES,
    FEATURES,
    FORMAT,
    HISTOGRAMS,
    MANIFEST,
    NEURONS_FILE,
    ROW_GROUP,
    TABLE,
    TOKENS,
    WINDOWS,
)
from interp_core.harvest.commit import Facts, as_json, fingerprint, shard_state, write_whole
from interp_core.harvest.corpus import Corpus
from interp_core.harvest.correlations import Correlations, between_features, with_neurons
from interp_core.harvest.examples import with_text, write_examples, write_windows
from interp_core.harvest.feature_table import feature_table
from interp_core.harvest.histogram import N_BINS, RANGE
from interp_core.harvest.parquet_files import write_groups
from interp_core.harvest.plan import SCHEMA
from interp_core.harvest.state import COUNTS, HarvestState, merge
from interp_core.models import LoadedModel
from interp_core.run_writing import publish_folder
from interp_core.types import Progress

_DENSE = ("fired", "windows_fired", "total", "largest", "smallest")


def publish(
    loaded: LoadedModel, corpus: Corpus, facts: Facts, work: Path, out: Path
) -> Generator[Progress, None, Path]:
    """Merge all shards and write the bundle to `out`, which must not be there or is replaced.

    Raises:
        HarvestError: A shard is missing or damaged, or the disk is full; `out` is then as it was.
    """
    state, run = HarvestState.empty(int(facts["d_sae"])), fingerprint(facts)
    for index in range(corpus.n_shards):
        state = merge(state, shard_state(work, index, run))
        yield Progress(0.5 * (index + 1) / corpus.n_shards, f"Merging shard {index + 1} of {corpus.n_shards}")
    try:
        for left in out.parent.glob(f".{out.name}.writing-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{out.name}.writing-", dir=out.parent, ignore_cleanup_errors=True
        ) as name:
            yield Progress(0.6, "Correlations")
            _write(loaded, corpus, facts, state, Path(name))
            publish_folder(Path(name), out)
            sync_folder(out.parent)
    except OSError as error:
        raise HarvestError(
            f"The harvest cannot be published in {out} ({error.strerror or error}). Free some space or check the rights, then "
            "give the same command again: all shards are kept."
        ) from error
    yield Progress(1.0, f"Published in {out}")
    return out


def _write(loaded: LoadedModel, corpus: Corpus, facts: Facts, state: HarvestState, folder: Path) -> None:
    dense = {name: np.ascontiguousarray(getattr(state, name).numpy()) for name in _DENSE}
    write_whole(folder / DENSE, save(dense))
    write_groups(folder / HISTOGRAMS, _histograms(state))
    _write_correlations(folder / FEATURES, between_features(state), len(state.fired))
    if len(state.neuron_position):
        _write_correlations(folder / NEURONS_FILE, with_neurons(state), len(state.fired))
    found = with_text(corpus, state)
    write_examples(folder / EXAMPLES, corpus, found, len(state.fired))
    write_windows(folder / WINDOWS, corpus, found)
    ids = found.distinct_tokens()
    words = loaded.tokenizer.str_tokens(ids)
    write_groups(folder / TOKENS, [arrow.table({"id": arrow.array(ids, arrow.int32()), "token": words})])
    top = found.kinds == 0
    tokens = torch.where(found.inside, found.tokens, -1)[top]
    spelled = dict(zip(ids, words, strict=True))
    write_groups(folder / TABLE, [feature_table(state, found.entries.feature[top], tokens, spelled)])
    manifest: dict[str, Any] = {
        "format": FORMAT, "version": SCHEMA, "facts": facts, "fingerprint": fingerprint(facts),
        "counts": {name: state.count(name) for name in COUNTS if name != "documents"},
        "documents": {"all": corpus.n_documents, "empty": corpus.n_empty, "unreadable": corpus.n_unreadable},
        "bos": corpus.bos, "fixed_point": 65536, "octaves": RANGE,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
    }  # fmt: skip
    write_whole(folder / MANIFEST, as_json(manifest | {"checksum": own_checksum(manifest)}))


def _histograms(state: HarvestState) -> Iterator[arrow.Table]:
    for first, part in enumerate(state.histogram.split(ROW_GROUP)):
        feature = np.arange(len(part), dtype=np.int32) + first * ROW_GROUP
        counts = arrow.FixedSizeListArray.from_arrays(arrow.array(part.flatten().numpy()), N_BINS)
        yield arrow.table({"feature": arrow.array(feature), "counts": counts})


def _write_correlations(path: Path, found: Correlations, d_sae: int) -> None:
    edges = np.searchsorted(found.feature, np.arange(0, d_sae + ROW_GROUP, ROW_GROUP).clip(max=d_sae))
    table = arrow.table({
        "feature": found.feature.astype(np.int32), "other": found.other.astype(np.int32), "together": found.together,
        "pearson": found.pearson, "cosine": found.cosine,
    })  # fmt: skip
    write_groups(path, (table.slice(begin, end - begin) for begin, end in itertools.pairwise(edges)))
