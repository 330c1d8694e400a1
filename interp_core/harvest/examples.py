"""Examples of a finished harvest with the text around them, and the windows that they stand in."""

import itertools
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as arrow
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interp_core.harvest.bundle import ROW_GROUP
from interp_core.harvest.corpus import Corpus
from interp_core.harvest.parquet_files import write_groups
from interp_core.harvest.plan import LEFT, N_BANDS, PER_BAND, RIGHT
from interp_core.harvest.selection import first_of_groups, priorities
from interp_core.harvest.state import Entries, HarvestState

_WINDOW_GROUP = 256


@dataclass(frozen=True)
class Examples:
    """What is shown of every feature, sorted by feature, kind and rank."""

    entries: Entries
    kinds: Int[Tensor, " entry"]
    """0: one of the highest; 1 to 10: a sample of that band, highest first."""
    ranks: Int[Tensor, " entry"]
    tokens: Int[Tensor, "entry around"]
    inside: Bool[Tensor, "entry around"]
    """Which of these are in the window."""
    documents: Int[Tensor, " entry"]
    starts: Int[Tensor, " entry"]
    """Token of the document with which the window begins."""

    def distinct_tokens(self) -> list[int]:
        """Every token id that is shown, ascending."""
        return self.tokens[self.inside].unique().tolist()


def examples_of(state: HarvestState) -> tuple[Entries, Tensor, Tensor]:
    """What is shown of every feature, with kind and rank; sorted by these."""
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


def with_text(corpus: Corpus, state: HarvestState) -> Examples:
    """The examples, with what stands around them."""
    entries, kinds, ranks = examples_of(state)
    window = entries.position // corpus.context
    offsets = torch.arange(-LEFT, RIGHT + 1)
    tokens = torch.zeros(len(entries), len(offsets), dtype=torch.int64)
    inside = torch.zeros(len(entries), len(offsets), dtype=torch.bool)
    documents, starts = torch.zeros_like(entries.position), torch.zeros_like(entries.position)
    firsts = torch.tensor([*corpus.firsts, corpus.n_windows])
    for index in range(corpus.n_shards):
        mine = ((window >= firsts[index]) & (window < firsts[index + 1])).nonzero().flatten()
        shard = corpus.shard(index)
        row = window[mine] - shard.first
        at = (entries.position[mine] % corpus.context)[:, None] + offsets
        inside[mine] = (at >= 0) & (at < shard.lengths[row][:, None])
        tokens[mine] = shard.tokens[row[:, None], at.clamp(0, corpus.context - 1)].long()
        documents[mine], starts[mine] = shard.documents[row], shard.starts[row]
    return Examples(entries, kinds, ranks, tokens, inside, documents, starts)


def write_examples(path: Path, corpus: Corpus, found: Examples, d_sae: int) -> None:
    """Write the table of examples, a row group for 256 features."""
    entries, lengths = found.entries, found.inside.sum(1).numpy()
    in_window = entries.position % corpus.context
    edges = torch.searchsorted(entries.feature, torch.arange(0, d_sae + ROW_GROUP, ROW_GROUP).clamp(max=d_sae)).tolist()
    columns = {
        "feature": entries.feature.int(), "kind": found.kinds.to(torch.int8), "rank": found.ranks.to(torch.int8),
        "activation": entries.value, "document": found.documents,
        "place": found.starts + in_window - int(corpus.bos), "peak": in_window.clamp(max=LEFT).to(torch.int8),
    }  # fmt: skip

    def tables() -> Generator[arrow.Table, None, None]:
        for begin, end in itertools.pairwise(edges):
            rows, held = slice(begin, end), found.inside[begin:end].numpy()
            offsets = arrow.array(np.concatenate([[0], lengths[rows].cumsum()]), arrow.int32())
            lists = {
                "tokens": found.tokens[rows].numpy()[held].astype(np.int32),
                "activations": entries.around[rows].numpy()[held],
            }
            yield arrow.table(
                {name: arrow.array(values[rows].numpy()) for name, values in columns.items()}
                | {name: arrow.ListArray.from_arrays(offsets, arrow.array(values)) for name, values in lists.items()}
            )

    write_groups(path, tables())


def write_windows(path: Path, corpus: Corpus, found: Examples) -> None:
    """Write the windows that examples stand in, so that the model can be run on them again, each once."""
    wanted = (found.entries.position // corpus.context).unique()
    write_groups(path, _window_tables(corpus, wanted))


def _window_tables(corpus: Corpus, wanted: Tensor) -> Iterable[arrow.Table]:
    firsts = [*corpus.firsts, corpus.n_windows]
    for index in range(corpus.n_shards):
        mine = wanted[(wanted >= firsts[index]) & (wanted < firsts[index + 1])]
        shard = corpus.shard(index)
        for part in (mine - shard.first).split(_WINDOW_GROUP):
            lengths = shard.lengths[part]
            inside = torch.arange(corpus.context) < lengths[:, None]
            offsets = np.concatenate([[0], lengths.numpy().cumsum()])
            tokens = shard.tokens[part][inside].numpy().astype(np.int32)
            yield arrow.table({
                "document": arrow.array(shard.documents[part].numpy().astype(np.int64)),
                "start": arrow.array(shard.starts[part].numpy().astype(np.int64)),
                "tokens": arrow.ListArray.from_arrays(arrow.array(offsets, arrow.int32()), arrow.array(tokens)),
            })  # fmt: skip
