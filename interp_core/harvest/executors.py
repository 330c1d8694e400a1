"""Who runs the shards: this process, several, or a Ray cluster. Each worker loads the model and the SAE itself.

Only places of shards go to workers, and nothing comes back: what they make is committed to the work folder, so that a worker
or the whole run may be killed at any time. `harvest_shards` is the only thing that an executor of another kind has to call.
"""

import multiprocessing
import time
from collections.abc import Generator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

import torch

from interp_core.errors import HarvestError, InterpError
from interp_core.harvest.commit import begun_with, commit_shard, fingerprint
from interp_core.harvest.corpus import open_corpus
from interp_core.harvest.plan import HarvestPlan, plan_from_json
from interp_core.harvest.shard import facts_of, run_shard
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.sae.loading import LoadedSae, load_sae
from interp_core.sae.spec import SaeSpec
from interp_core.types import ModelSpec, Progress

Executor = Literal["serial", "processes", "ray"]
CORPUS = "corpus"
"""Folder of the windows, in the work folder."""
MOST_DEATHS = 3
"""Times that one shard may kill its worker before it is given up."""

Steps = Generator[Progress, None, None]


def harvest_shards(loaded: LoadedModel, sae: LoadedSae, work: Path, shards: Sequence[int], plan: HarvestPlan) -> Steps:
    """Run some shards here, one after the other, and commit each.

    Raises:
        HarvestError: A shard cannot be run or kept.
    """
    corpus = open_corpus(work / CORPUS)
    run = fingerprint(begun_with(work))
    for done, index in enumerate(shards):
        steps = run_shard(loaded, sae, corpus, index, plan)
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                commit_shard(work, index, stop.value, run)
                break
            yield Progress((done + step.fraction) / len(shards), step.note)


class Worker:
    """Model and SAE as `run.json` of a work folder names them, loaded where it stands."""

    def __init__(self, work: Path, threads: int, device: str) -> None:
        torch.set_num_threads(threads)
        facts = begun_with(work)
        spec = ModelSpec.parse(facts["model_text"]).held_as(facts["dtype"], facts["processing"], device)
        self._loaded = load_model(spec, find_folder(spec))
        self._sae = load_sae(self._loaded, SaeSpec.parse(facts["sae"]))
        self._plan, self._work = plan_from_json(facts["plan"]), work
        here = facts_of(self._loaded, self._sae, open_corpus(work / CORPUS), self._plan)
        if other := sorted(name for name in facts if facts[name] != here[name]):
            raise HarvestError(f"A worker has another {', '.join(other)} than the harvest. Give all workers the same.")

    def run(self, index: int) -> int:
        """Run and commit one shard, and return its place."""
        for _ in harvest_shards(self._loaded, self._sae, self._work, [index], self._plan):
            pass
        return index


def _serve(pipe: Connection, work: Path, threads: int, device: str) -> None:
    """A process that runs the shards it is told, and ends when whoever tells is gone."""
    try:
        worker = Worker(work, threads, device)
        pipe.send(None)
        while True:
            pipe.send(worker.run(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except InterpError as error:
        pipe.send(str(error))


def run_in_processes(work: Path, shards: Sequence[int], *, workers: int, threads: int, device: str) -> Steps:
    """Run shards in several processes. One that dies is replaced and its shard given to another.

    Raises:
        HarvestError: A worker refused, or a shard killed every worker that took it.
    """
    context = multiprocessing.get_context("spawn")
    queue, deaths, done = list(shards), dict.fromkeys([*shards, -1], 0), 0
    pool: dict[Connection, tuple[Any, int]] = {}

    def start() -> None:
        mine, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, work, threads, device), daemon=True)
        process.start()
        theirs.close()
        pool[mine] = (process, -1)

    try:
        for _ in range(min(workers, len(queue))):
            start()
        while done < len(shards):
            for pipe in wait(list(pool), timeout=1.0):
                assert isinstance(pipe, Connection)
                process, busy = pool.pop(pipe)
                answer = _answer(pipe)
                if isinstance(answer, str):
                    raise HarvestError(answer)
                if answer is _DIED:
                    process.join()
                    deaths[busy] += 1
                    if deaths[busy] > MOST_DEATHS:
                        raise HarvestError(gave_up(busy, process.exitcode))
                    queue = [busy, *queue] if busy >= 0 else queue
                    start()
                    continue
                done += answer is not None
                pool[pipe] = (process, queue.pop(0) if queue else -1)
                if pool[pipe][1] >= 0:
                    pipe.send(pool[pipe][1])
            yield Progress(done / len(shards), f"{done} of {len(shards)} shards, {len(pool)} workers")
    finally:
        for pipe, (process, _) in pool.items():
            pipe.close()
            process.terminate()
            process.join()


_DIED = object()


def _answer(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return _DIED


def gave_up(shard: int, exit_code: int | None) -> str:
    """What to say of a shard that killed every worker that took it; -1 is the loading before the first one."""
    what = "Loading the model" if shard < 0 else f"Shard {shard}"
    return (
        f"{what} ended {MOST_DEATHS + 1} workers (exit code {exit_code}; -9 is often too little memory). Give fewer workers, or "
        "smaller batches with --rows in a new folder. What was finished is kept."
    )


def with_speed(steps: Steps, n_tokens: int) -> Steps:
    """Progress with throughput and time left. `n_tokens` are those of all the shards that are run."""
    begun = time.monotonic()
    for step in steps:
        seconds = time.monotonic() - begun
        note = step.note
        if step.fraction > 0 and seconds > 0:
            left = seconds * (1 - step.fraction) / step.fraction
            note += f", {step.fraction * n_tokens / seconds:,.0f} tokens/s, {in_words(left)} left"
        yield Progress(step.fraction, note)


def in_words(seconds: float) -> str:
    """A time, as a person would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
