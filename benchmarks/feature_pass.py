"""What a harvest adds to the forward passes that it needs: the same windows in the same batches, once as a harvest, once bare."""

import itertools
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.report import Sample
from interp_core.harvest.corpus import Corpus
from interp_core.harvest.documents import Documents
from interp_core.harvest.executors import Steps, harvest_shards
from interp_core.harvest.harvesting import prepare
from interp_core.harvest.plan import HarvestPlan
from interp_core.harvest.publish import publish
from interp_core.hooks import watch
from interp_core.models import LoadedModel
from interp_core.sae.loading import LoadedSae


@dataclass
class Costs:
    """Seconds of repeated runs."""

    what: str
    d_sae: int
    n_tokens: int = 0
    cut: float = 0.0
    """Seconds to cut the text into windows, once."""
    bare: list[float] = field(default_factory=list)
    """Forward passes to the hook point, and one encoding of each."""
    harvest: list[float] = field(default_factory=list)
    """The same with everything that is kept, each shard committed to disk."""
    publish: list[float] = field(default_factory=list)
    """Merging the shards, correlations, the bundle."""

    @property
    def pass_ratio(self) -> float:
        """The pass over the bare ones: 1 if it were free."""
        return Sample(tuple(self.harvest)).median / Sample(tuple(self.bare)).median

    @property
    def ratio(self) -> float:
        """The pass with merging and publishing over the bare ones."""
        whole = tuple(one + other for one, other in zip(self.harvest, self.publish, strict=True))
        return Sample(whole).median / Sample(tuple(self.bare)).median

    @property
    def tokens_per_second(self) -> float:
        """Of the pass."""
        return self.n_tokens / Sample(tuple(self.harvest)).median


def measure(
    loaded: LoadedModel, sae: LoadedSae, documents: Documents, plan: HarvestPlan, folder: Path, runs: int
) -> Costs:
    """Cut the text once; then each batch bare and as a part of the harvest, taking turns.

    Args:
        loaded: The model.
        sae: Bound to it.
        documents: The text.
        plan: Sizes.
        folder: An empty one to work in; it is emptied again.
        runs: How often each.
    """
    work, out = folder / "work", folder / "harvest"
    began = time.perf_counter()
    prepared = prepare(loaded, sae, documents, plan, work)
    corpus = prepared.corpus
    costs = Costs(f"{loaded.card.name}, {sae.config.place}", sae.d_sae, corpus.n_tokens, time.perf_counter() - began)
    batches = [tokens for index in range(corpus.n_shards) for tokens in _batches(corpus, index, plan)]
    _seconds(loaded, _encode(loaded, sae, batches[-1]))  # the first pass of all warms up
    for _ in range(runs):
        bare, harvested = _turns(loaded, sae, batches, harvest_shards(loaded, sae, work, prepared.todo, plan))
        costs.bare.append(bare)
        costs.harvest.append(harvested)
        costs.publish.append(_seconds(loaded, publish(loaded, corpus, prepared.facts, work, out)))
        shutil.rmtree(work / "shards")
    shutil.rmtree(folder)
    return costs


def _turns(loaded: LoadedModel, sae: LoadedSae, batches: Sequence[torch.Tensor], steps: Steps) -> tuple[float, float]:
    """Batch by batch and each first in turn, so that what else the machine does hurts both; seconds of both."""
    bare = harvested = 0.0
    for place, tokens in enumerate(batches):
        if place % 2:
            bare += _seconds(loaded, _encode(loaded, sae, tokens))
        harvested += _seconds(loaded, itertools.islice(steps, 1))
        if not place % 2:
            bare += _seconds(loaded, _encode(loaded, sae, tokens))
    return bare, harvested + _seconds(loaded, steps)


def _batches(corpus: Corpus, index: int, plan: HarvestPlan) -> Iterator[torch.Tensor]:
    """Tokens of one shard as `interp_core.harvest.shard.run_shard` takes them."""
    windows = corpus.shard(index)
    order = windows.lengths.sort(stable=True).indices
    for start in range(0, len(order), plan.rows):
        chosen = order[start : start + plan.rows]
        n_pos = int(windows.lengths[chosen].max())
        tokens = torch.zeros(plan.rows, n_pos, dtype=torch.long)
        tokens[: len(chosen)] = windows.tokens[chosen, :n_pos].long()
        yield tokens


def _encode(loaded: LoadedModel, sae: LoadedSae, tokens: torch.Tensor) -> Iterator[None]:
    with torch.no_grad():
        watch(loaded.model, tokens.to(loaded.device), (), {sae.hook: sae.encode})
    yield


def _seconds(loaded: LoadedModel, steps: Iterable[object]) -> float:
    """Of running something to its end."""
    began = time.perf_counter()
    for _ in steps:
        pass
    if loaded.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began
