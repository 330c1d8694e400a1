"""A whole harvest: cut the text, run what is missing of the shards, merge, publish. Killed at any time, it goes on when called
again, and gives the same bytes.
"""

import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from interp_core.errors import HarvestError
from interp_core.harvest.bundle import MANIFEST, Harvest, open_harvest
from interp_core.harvest.commit import Facts, begin, fingerprint, remove_leftovers, shard_is_done
from interp_core.harvest.corpus import Corpus, cut_corpus
from interp_core.harvest.documents import Documents
from interp_core.harvest.encoder import encoder_of
from interp_core.harvest.executors import CORPUS, Steps, harvest_shards, with_speed
from interp_core.harvest.plan import HarvestPlan
from interp_core.harvest.publish import publish
from interp_core.harvest.shard import check_disk, check_point, estimate_bytes, estimate_seconds, facts_of
from interp_core.models import LoadedModel
from interp_core.sae.loading import LoadedSae
from interp_core.types import Progress


@dataclass(frozen=True)
class Prepared:
    """A harvest that can be run."""

    corpus: Corpus
    facts: Facts
    todo: tuple[int, ...]
    """Shards that are not there yet."""

    @property
    def tokens_left(self) -> int:
        """Tokens of those, about."""
        return self.corpus.n_tokens * len(self.todo) // self.corpus.n_shards


@dataclass(frozen=True)
class Estimate:
    """What a harvest will cost, before it is begun."""

    n_tokens: int
    seconds: float
    """On one worker of this machine's kind; what is there already is not counted."""
    n_bytes: int
    """On disk while it is under way, about."""


def prepare(loaded: LoadedModel, sae: LoadedSae, documents: Documents, plan: HarvestPlan, work: Path) -> Prepared:
    """Cut the text, or find it cut, and see what is left to do. Several processes may do so at a time.

    Raises:
        SaeError: Its hook point does not hold one vector for each token.
        HarvestError: The text, the plan or what was begun in `work` does not fit, or a file there is damaged.
    """
    plan.validated(loaded.tokenizer.n_ctx)
    check_point(loaded, sae)
    try:
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / ".preparing.lock"):
            corpus = cut_corpus(encoder_of(loaded), documents, plan, work / CORPUS)
            facts = facts_of(loaded, sae, corpus, plan)
            begin(work, facts)
    except OSError as error:
        raise HarvestError(f"{work} cannot be written ({error.strerror or error}). Check rights and space.") from error
    run = fingerprint(facts)
    todo = tuple(index for index in range(corpus.n_shards) if not shard_is_done(work, index, run))
    return Prepared(corpus, facts, todo)


def estimate(loaded: LoadedModel, sae: LoadedSae, prepared: Prepared, plan: HarvestPlan) -> Estimate:
    """Costs two forward passes over one batch."""
    share = len(prepared.todo) / prepared.corpus.n_shards
    seconds = share * estimate_seconds(loaded, sae, prepared.corpus, plan) if prepared.todo else 0.0
    return Estimate(prepared.tokens_left, seconds, estimate_bytes(sae, prepared.corpus, plan))


def finished(out: Path, loaded: LoadedModel, sae: LoadedSae, documents: Documents, plan: HarvestPlan) -> Harvest | None:
    """The harvest that `out` holds, or None where nothing is there.

    Raises:
        HarvestError: Something else is there.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST).is_file():
        raise HarvestError(f"{out} is there and is no harvest. Name a folder that is not there yet.")
    found = open_harvest(out)
    wanted = facts_of(loaded, sae, None, plan) | {"source": documents.checksum()}
    if other := sorted(name for name in wanted if found.facts.get(name) != wanted[name]):
        raise HarvestError(
            f"{out} holds a harvest of another {', '.join(other)}. Name another folder, or delete that one first."
        )
    return found


def harvest(
    loaded: LoadedModel,
    sae: LoadedSae,
    documents: Documents,
    plan: HarvestPlan,
    out: Path,
    *,
    work: Path | None = None,
    execute: Callable[[Prepared, Path], Steps] | None = None,
) -> Generator[Progress, None, Harvest]:
    """Harvest a corpus into the folder `out`. Costs one forward pass over it, up to the SAE's hook point.

    Args:
        loaded: The model.
        sae: Bound to it.
        documents: The corpus.
        plan: Sizes.
        out: Folder of the bundle.
        work: Where shards are kept until it is whole; beside `out`, and removed in the end, if absent.
        execute: Who runs the missing shards; this process if absent.

    Raises:
        SaeError: Its hook point does not hold one vector for each token.
        HarvestError: Something does not fit, is damaged, or another process works in the same folder.
    """
    kept, work = work is not None, work or work_folder(out)
    check_point(loaded, sae)
    if found := finished(out, loaded, sae, documents, plan):
        if not kept:
            shutil.rmtree(work, ignore_errors=True)  # left by one that was killed at its very end
        return found
    try:
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / ".lock", timeout=0):
            remove_leftovers(work)
            yield Progress(0.0, "Cutting the text into windows")
            prepared = prepare(loaded, sae, documents, plan, work)
            check_disk(work, estimate_bytes(sae, prepared.corpus, plan))
            if prepared.todo:
                steps = execute(prepared, work) if execute else harvest_shards(loaded, sae, work, prepared.todo, plan)
                for step in with_speed(steps, prepared.tokens_left):
                    yield Progress(0.95 * step.fraction, step.note)
            for step in publish(loaded, prepared.corpus, prepared.facts, work, out):
                yield Progress(0.95 + 0.05 * step.fraction, step.note)
    except Timeout:
        raise HarvestError(f"Another process harvests in {work}. Wait for it, or name another folder.") from None
    except OSError as error:
        raise HarvestError(f"{error.filename or work} cannot be used ({error.strerror or error}).") from error
    if not kept:
        shutil.rmtree(work, ignore_errors=True)
    return open_harvest(out)


def work_folder(out: Path) -> Path:
    """Where shards are kept if nothing else is said."""
    return out.parent / f".{out.name}.harvest"
