"""One shard: the unit of work that every executor hands out, and what decides its numbers."""

import shutil
import time
from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor

from interp_core.errors import HarvestError, SaeError
from interp_core.harvest.accumulate import Accumulator
from interp_core.harvest.commit import Facts
from interp_core.harvest.corpus import Corpus, Windows
from interp_core.harvest.plan import HarvestPlan
from interp_core.harvest.state import HarvestState
from interp_core.hooks import watch
from interp_core.models import LoadedModel
from interp_core.sae.loading import LoadedSae
from interp_core.sae.reading import check_plain_point
from interp_core.types import Progress

NEURONS = ("mlp_pre", "mlp_post")
"""The hook points whose coordinates are neurons."""
_ACTIVE, _ENTRIES = 64, 220
"""Active features of a token, and examples that a state keeps of a feature: what an estimate supposes."""
_DENSE_BYTES, _ENTRY_BYTES, _PAIR_BYTES, _BUNDLE_BYTES = 2_120, 52, 20, 5_000


def facts_of(loaded: LoadedModel, sae: LoadedSae, corpus: Corpus | None, plan: HarvestPlan) -> Facts:
    """What decides a harvest's numbers; without a corpus, all but that. Bits are promised for one type of device and one torch."""
    card = loaded.card
    of_corpus = (
        {} if corpus is None else {"corpus": corpus.checksum, "source": corpus.source, "n_shards": corpus.n_shards}
    )
    return {
        "model": card.name, "model_text": loaded.spec.text, "revision": card.revision, "dtype": card.dtype,
        "processing": card.processing, "device": loaded.device.type, "sae": sae.spec.text, "sae_sha256": sae.checksum,
        "hook": sae.hook, "d_sae": sae.d_sae, "norm_limit": sae.config.norm_limit, "plan": plan.as_json(), "torch": torch.__version__, **of_corpus,
    }  # fmt: skip


@torch.no_grad()
def check_point(loaded: LoadedModel, sae: LoadedSae) -> None:
    """Refuse an SAE whose hook point does not hold one vector for each token of a text. Costs a forward pass over four tokens.

    Raises:
        SaeError: An ordinary pass does not compute it, or it is the same for all texts, as rotations are.
    """
    check_plain_point(sae, sae.spec.text)
    shapes: list[tuple[int, ...]] = []
    tokens = torch.zeros(2, 2, dtype=torch.long, device=loaded.device)
    watch(loaded.model, tokens, (), {sae.hook: lambda activation: shapes.append(tuple(sae.flat(activation).shape))})
    if shapes[0] != (2, 2, sae.config.d_in):
        raise SaeError(
            f"{sae.spec.text} reads {sae.config.place}, which holds numbers of shape {shapes[0]} for two texts of two tokens: not "
            f"one vector of {sae.config.d_in:,} for each token. Choose an SAE of the residual stream, or of what attention or MLP "
            "write."
        )


@torch.no_grad()
def run_shard(
    loaded: LoadedModel, sae: LoadedSae, corpus: Corpus, index: int, plan: HarvestPlan
) -> Generator[Progress, None, HarvestState]:
    """Everything that is kept of one shard. Costs a forward pass over it, up to the SAE's hook point.

    Windows are taken by length, so that little is computed for the filling up of short ones.

    Raises:
        HarvestError: The shard's file is damaged, or an activation is not finite.
    """
    windows = corpus.shard(index)
    made = Accumulator(
        sae.d_sae, loaded.device, context=corpus.context, pair_share=plan.pair_tokens / corpus.n_tokens,
        neurons=sae.point.name in NEURONS,
    )  # fmt: skip
    order = windows.lengths.sort(stable=True).indices
    for start in range(0, len(order), plan.rows):
        add_batch(loaded, sae, windows, order[start : start + plan.rows], plan.rows, made)
        yield Progress(min(1.0, (start + plan.rows) / len(order)), f"Shard {index + 1} of {corpus.n_shards}")
    return made.state()


@torch.no_grad()
def add_batch(
    loaded: LoadedModel, sae: LoadedSae, windows: Windows, chosen: Tensor, rows: int, made: Accumulator
) -> None:
    """Add some windows of a shard. Costs one forward pass over them.

    Raises:
        HarvestError: An activation is not finite.
    """
    lengths, n = windows.lengths[chosen], len(chosen)
    n_pos = int(lengths.max())
    # Always as many rows, so that the same text gives the same bits in a shard's last batch as in any other.
    tokens = torch.zeros(rows, n_pos, dtype=torch.long)
    tokens[:n] = windows.tokens[chosen, :n_pos].long()
    inside = (torch.arange(n_pos) < lengths[:, None]).to(loaded.device)

    def see(activation: Tensor) -> None:
        read, acts = sae.flat(activation)[:n], sae.encode(activation)[:n]
        norms = read.float().norm(dim=-1)
        if not bool(norms[inside].isfinite().all()):
            raise HarvestError(
                f"The model's activations at {sae.hook} are not finite. Hold the model in float32, or choose another one."
            )
        limit = sae.config.norm_limit
        keep = inside if limit is None else inside & (norms <= limit)
        begin = (windows.starts[chosen] == 0).sum()
        places = (chosen + windows.first).to(loaded.device)
        made.add(acts, read, keep, inside, places, int(begin))

    watch(loaded.model, tokens.to(loaded.device), (), {sae.hook: see})


def estimate_seconds(loaded: LoadedModel, sae: LoadedSae, corpus: Corpus, plan: HarvestPlan) -> float:
    """Seconds that the pass will take here on one worker, from one batch. Costs two forward passes over a batch."""
    windows = corpus.shard(0)
    chosen = windows.lengths.sort(stable=True).indices[-plan.rows :]
    seconds = []
    for _ in range(2):  # the first one warms up
        made = Accumulator(sae.d_sae, loaded.device, context=corpus.context, pair_share=0.0, neurons=False)
        begun = time.perf_counter()
        add_batch(loaded, sae, windows, chosen, plan.rows, made)
        seconds.append(time.perf_counter() - begun)
    return min(seconds) * corpus.n_tokens / int(windows.lengths[chosen].sum())


def estimate_bytes(sae: LoadedSae, corpus: Corpus, plan: HarvestPlan) -> int:
    """Bytes on disk while it is under way, about: windows, the states of all shards, and the bundle."""
    active = corpus.n_tokens * _ACTIVE
    entries = min(active // corpus.n_shards, sae.d_sae * _ENTRIES)
    state = sae.d_sae * _DENSE_BYTES + entries * _ENTRY_BYTES
    pairs = min(corpus.n_tokens, plan.pair_tokens) * _ACTIVE * _PAIR_BYTES
    return 4 * corpus.n_windows * corpus.context + corpus.n_shards * state + pairs + sae.d_sae * _BUNDLE_BYTES


def check_disk(folder: Path, needed: int) -> None:
    """Refuse what the disk cannot hold, before anything is computed.

    Raises:
        HarvestError: It cannot.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise HarvestError(
            f"The harvest takes about {needed / 1e9:.2f} GB in {folder} and {free / 1e9:.2f} GB are free. Free some space, "
            "name another folder, or make larger shards with --shard-windows."
        )
