"""The bundle of a finished harvest: safetensors and Parquet with a manifest of checksums, made whole and then named.

Examples are sorted by feature, in row groups of 256 features, so that one feature is read without the others.
"""

import hashlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import torch
from pyarrow import parquet
from safetensors.numpy import save
from torch import Tensor

from interp_core.errors import HarvestError
from interp_core.harvest.bundle import DENSE, EXAMPLES, FEATURES, FORMAT, MANIFEST, NEURONS_FILE, ROW_GROUP, TOKENS
from interp_core.harvest.commit import Facts, as_json, fingerprint, shard_state, sync_folder, write_whole
from interp_core.harvest.corpus import Corpus
from interp_core.harvest.correlations import Correlations, between_features, with_neurons
from interp_core.harvest.plan import LEFT, RIGHT, SCHEMA
from interp_core.harvest.selection import first_of_groups, priorities
from interp_core.harvest.state import COUNTS, Entries, HarvestState, merge
from interp_core.models import LoadedModel
from interp_core.run_writing import publish_folder
from interp_core.saved_runs import own_checksum
from interp_core.types import Progress

N_BANDS, PER_BAND = 10, 5
"""Bands of equal width from a feature's largest activation to 0, and samples of each."""
_DENSE = ("fired", "windows_fired", "total", "largest", "smallest", "histogram")


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
    _write_correlations(folder / FEATURES, between_features(state), len(state.fired))
    if len(state.neuron_position):
        _write_correlations(folder / NEURONS_FILE, with_neurons(state), len(state.fired))
    seen = _write_examples(folder / EXAMPLES, corpus, state)
    ids = sorted(seen)
    _write_groups(
        folder / TOKENS,
        [arrow.table({"id": arrow.array(ids, arrow.int32()), "token": loaded.tokenizer.str_tokens(ids)})],
    )
    manifest: dict[str, Any] = {
        "format": FORMAT, "version": SCHEMA, "facts": facts, "fingerprint": fingerprint(facts),
        "counts": {name: state.count(name) for name in COUNTS if name != "documents"},
        "documents": {"all": corpus.n_documents, "empty": corpus.n_empty, "unreadable": corpus.n_unreadable},
        "bos": corpus.bos, "fixed_point": 65536,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
    }  # fmt: skip
    write_whole(folder / MANIFEST, as_json(manifest | {"checksum": own_checksum(manifest)}))


def examples_of(state: HarvestState) -> tuple[Entries, Tensor, Tensor]:
    """What is shown of every feature, with kind (0: highest, 1 to 10: band, highest first) and rank; sorted by these."""
    samples = state.samples
    below = 1 - samples.value.double() / state.largest[samples.feature].double()
    bands = (below * N_BANDS).long().clamp(0, N_BANDS - 1)
    index, ranks = first_of_groups(
        PER_BAND, samples.feature * N_BANDS + bands, priorities(samples.position, samples.feature)
    )
    top_index, top_ranks = first_of_groups(len(state.top), state.top.feature, -state.top.value, state.top.position)
    entries = Entries.joined([state.top.take(top_index), samples.take(index)])
    kinds = torch.cat([torch.zeros_like(top_ranks), bands[index] + 1])
    order, _ = first_of_groups(len(entries), entries.feature, kinds, torch.cat([top_ranks, ranks]))
    return entries.take(order), kinds[order], torch.cat([top_ranks, ranks])[order]


def _write_examples(path: Path, corpus: Corpus, state: HarvestState) -> set[int]:
    """Write the table of examples and return every token in it."""
    entries, kinds, ranks = examples_of(state)
    tokens, inside, document, start = _surroundings(corpus, entries.position)
    in_window = entries.position % corpus.context
    lengths = inside.sum(1).numpy()
    edges = torch.searchsorted(
        entries.feature, torch.arange(0, len(state.fired) + ROW_GROUP, ROW_GROUP).clamp(max=len(state.fired))
    ).tolist()
    columns = {
        "feature": entries.feature.int(), "kind": kinds.to(torch.int8), "rank": ranks.to(torch.int8),
        "activation": entries.value, "document": document, "place": start + in_window - int(corpus.bos),
        "peak": in_window.clamp(max=LEFT).to(torch.int8),
    }  # fmt: skip

    def tables() -> Generator[arrow.Table, None, None]:
        for begin, end in itertools.pairwise(edges):
            rows, held = slice(begin, end), inside[begin:end].numpy()
            offsets = arrow.array(np.concatenate([[0], lengths[rows].cumsum()]), arrow.int32())
            lists = {
                "tokens": tokens[rows].numpy()[held].astype(np.int32),
                "activations": entries.around[rows].numpy()[held],
            }
            yield arrow.table(
                {name: arrow.array(values[rows].numpy()) for name, values in columns.items()}
                | {name: arrow.ListArray.from_arrays(offsets, arrow.array(values)) for name, values in lists.items()}
            )

    _write_groups(path, tables())
    return set(tokens[inside].unique().tolist())


def _surroundings(corpus: Corpus, positions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tokens around positions, which of them are in the window, the document, and where in it the window begins."""
    window = positions // corpus.context
    offsets = torch.arange(-LEFT, RIGHT + 1)
    tokens = torch.zeros(len(positions), len(offsets), dtype=torch.int64)
    inside = torch.zeros(len(positions), len(offsets), dtype=torch.bool)
    document, start = torch.zeros_like(positions), torch.zeros_like(positions)
    firsts = torch.tensor([*corpus.firsts, corpus.n_windows])
    for index in range(corpus.n_shards):
        mine = ((window >= firsts[index]) & (window < firsts[index + 1])).nonzero().flatten()
        shard = corpus.shard(index)
        row = window[mine] - shard.first
        at = (positions[mine] % corpus.context)[:, None] + offsets
        inside[mine] = (at >= 0) & (at < shard.lengths[row][:, None])
        tokens[mine] = shard.tokens[row[:, None], at.clamp(0, corpus.context - 1)].long()
        document[mine], start[mine] = shard.documents[row], shard.starts[row]
    return tokens, inside, document, start


def _write_correlations(path: Path, found: Correlations, d_sae: int) -> None:
    edges = np.searchsorted(found.feature, np.arange(0, d_sae + ROW_GROUP, ROW_GROUP).clip(max=d_sae))
    table = arrow.table({
        "feature": found.feature.astype(np.int32), "other": found.other.astype(np.int32), "together": found.together,
        "pearson": found.pearson, "cosine": found.cosine,
    })  # fmt: skip
    _write_groups(path, (table.slice(begin, end - begin) for begin, end in itertools.pairwise(edges)))


def _write_groups(path: Path, tables: Any) -> None:
    """One row group a table; then flush."""
    writer = None
    for table in tables:
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=max(1, len(table)))
    assert writer is not None
    writer.close()
    with path.open("rb+") as file:
        os.fsync(file.fileno())
