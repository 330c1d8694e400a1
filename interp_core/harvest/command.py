"""The command line that harvests: `python -m interp_core harvest CORPUS --sae SAE --out FOLDER`. Killed, it goes on when called again."""

import argparse
import os
import sys
from pathlib import Path
from typing import get_args

import torch

from interp_core.commands import add_model_arguments, add_sae_argument, chosen_model, followed
from interp_core.errors import HarvestError
from interp_core.harvest.bundle import Harvest
from interp_core.harvest.documents import documents_of
from interp_core.harvest.executors import (
    Executor,
    Steps,
    harvest_shards,
    in_words,
    run_in_processes,
    with_speed,
)
from interp_core.harvest.harvesting import Prepared, estimate, harvest, prepare, work_folder
from interp_core.harvest.plan import HarvestPlan
from interp_core.harvest.ray_executor import run_on_ray
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.sae.loading import LoadedSae, load_sae
from interp_core.sae.spec import SaeSpec
from interp_core.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "corpus", help=".txt, .jsonl or .parquet, a folder of them, a saved dataset, or hub:NAME[:SPLIT]"
    )
    add_sae_argument(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the harvest, made when all is done")
    parser.add_argument("--work", type=Path, help="where shards are kept until then; beside --out if absent")
    parser.add_argument("--column", default="text", help="column or key that holds the text")
    add_model_arguments(parser)
    parser.add_argument("--context", type=int, help="tokens of a window; as the SAE was trained if absent, or 256")
    parser.add_argument("--no-bos", action="store_true", help="windows do not begin with BOS")
    parser.add_argument("--rows", type=int, default=HarvestPlan.rows, help="windows of one forward pass")
    parser.add_argument("--shard-windows", type=int, default=HarvestPlan.shard_windows)
    parser.add_argument("--pair-tokens", type=int, default=HarvestPlan.pair_tokens, help="sampled for correlations")
    parser.add_argument("--executor", choices=get_args(Executor), default="serial")
    parser.add_argument("--workers", type=int, default=2, help="of the executors processes and ray")
    parser.add_argument("--threads", type=int, help="of each worker; all cores are shared out if absent")
    parser.add_argument("--ray-address", default="", help="of an existing cluster; a Ray of this machine if absent")
    parser.add_argument(
        "--shard-index", type=int, help="run only shards i, i + n, ... (SLURM_ARRAY_TASK_ID if --num-shards)"
    )
    parser.add_argument("--num-shards", type=int, help="number n of such parts; the plain command publishes in the end")
    parser.add_argument("--estimate", action="store_true", help="say what it would cost, and stop")


def run_command(options: argparse.Namespace) -> int:
    """Harvest, or say what it would cost, or run one part of the shards; returns 0.

    Raises:
        InterpError: Something cannot be had, does not fit, or is damaged.
    """
    part = _part(options)
    total = load_settings().threads
    alone = options.executor == "serial"
    threads = total if alone else max(1, total // max(1, options.workers))
    if options.threads is not None:
        threads = options.threads
    if threads < 1:
        raise HarvestError(f"--threads must be 1 or more, not {threads}. Leave it out for all cores.")
    torch.set_num_threads(threads)
    documents = documents_of(options.corpus, options.column)
    spec = chosen_model(options)
    loaded = load_model(spec, find_folder(spec))
    sae = load_sae(loaded, SaeSpec.parse(options.sae))
    plan = _plan(options, loaded, sae)
    work = options.work or work_folder(options.out)
    if part or options.estimate:
        prepared = prepare(loaded, sae, documents, plan, work)
        _say_cost(loaded, sae, prepared, plan)
        if part:
            mine = [index for index in prepared.todo if index % part[1] == part[0]]
            n_tokens = prepared.corpus.n_tokens * len(mine) // prepared.corpus.n_shards
            followed(with_speed(harvest_shards(loaded, sae, work, mine, plan), n_tokens))
        return 0

    def execute(prepared: Prepared, folder: Path) -> Steps:
        _say_cost(loaded, sae, prepared, plan)
        chosen = {"workers": max(1, options.workers), "threads": threads, "device": options.device}
        if options.executor == "processes":
            return run_in_processes(folder, prepared.todo, **chosen)
        if options.executor == "ray":
            return run_on_ray(folder, prepared.todo, **chosen, address=options.ray_address)
        return harvest_shards(loaded, sae, folder, prepared.todo, plan)

    made = followed(harvest(loaded, sae, documents, plan, options.out, work=options.work, execute=execute))
    _say_result(options.out, made)
    return 0


def _part(options: argparse.Namespace) -> tuple[int, int] | None:
    """Which part of how many, or None for the whole."""
    index, n = options.shard_index, options.num_shards
    if n is not None and index is None:
        index = int(os.environ.get("SLURM_ARRAY_TASK_ID", "-1"))
    if n is None and index is None:
        return None
    if n is None or not 0 <= index < n:
        raise HarvestError(
            f"--shard-index must be from 0 to --num-shards less one, not {index} of {n}. Give both, or start it as an array job."
        )
    return index, n


def _plan(options: argparse.Namespace, loaded: LoadedModel, sae: LoadedSae) -> HarvestPlan:
    said = sae.config.content.get("metadata")
    said = said.get("context_size") if isinstance(said, dict) else None
    trained = said if isinstance(said, int) and said > 1 else HarvestPlan.context
    return HarvestPlan(
        context=options.context or min(trained, loaded.tokenizer.n_ctx),
        prepend_bos=not options.no_bos,
        shard_windows=options.shard_windows,
        rows=options.rows,
        pair_tokens=options.pair_tokens,
    ).validated(loaded.tokenizer.n_ctx)


def _say_cost(loaded: LoadedModel, sae: LoadedSae, prepared: Prepared, plan: HarvestPlan) -> None:
    corpus, cost = prepared.corpus, estimate(loaded, sae, prepared, plan)
    _say(
        f"{corpus.n_documents:,} documents ({corpus.n_empty:,} empty and {corpus.n_unreadable:,} no UTF-8 text are left out), "
        f"{corpus.n_tokens:,} tokens in {corpus.n_windows:,} windows, {corpus.n_shards:,} shards of which "
        f"{len(prepared.todo):,} are to be run: about {in_words(cost.seconds)} with one worker, {cost.n_bytes / 1e9:.2f} GB of disk"
    )


def _say_result(out: Path, made: Harvest) -> None:
    n = made.counts
    _say(
        f"{out}: {made.d_sae:,} features over {n['tokens']:,} tokens ({n['left_out']:,} more left out for their norm); "
        f"{int((made.dense('fired') == 0).sum()):,} features never active"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
