"""The command line that trains SAEs: `python -m interp_core train-saes`. Killed at any time, it goes on when called again."""

import argparse
import ctypes
import datetime
import json
import sys
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from transformers import AutoTokenizer

from interp_core.commands import add_model_arguments, chosen_model
from interp_core.errors import SaeError
from interp_core.files import write_json
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.sae.quality import SaeQuality
from interp_core.sae_training.corpus import Corpus, build_corpus
from interp_core.sae_training.export import export_sae
from interp_core.sae_training.report import report_quality
from interp_core.sae_training.sources import SOURCES
from interp_core.sae_training.training import RoundReport, TrainingPlan, plan_as_json, train_saes
from interp_core.settings import cache_folder, load_settings
from interp_core.types import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the SAEs, one folder each")
    parser.add_argument("--work", type=Path, help="where text and checkpoints are kept; in the cache folder if absent")
    parser.add_argument("--layers", type=int, nargs="+", help="after a quarter, half and three quarters if absent")
    parser.add_argument("--d-sae", type=int, default=0, help="features; 8 times d_model if absent")
    parser.add_argument("--k", type=int, default=64, help="active features of a token")
    parser.add_argument("--lr", type=float, default=TrainingPlan.lr)
    parser.add_argument("--context", type=int, default=256, help="tokens of a window, BOS included")
    parser.add_argument("--held-out", type=int, default=400, help="windows that quality is measured on")
    parser.add_argument("--round-windows", type=int, default=TrainingPlan.round_windows)
    add_model_arguments(parser, dtype="bfloat16")
    parser.add_argument("--seed", type=int, default=0)


def run_command(options: argparse.Namespace) -> int:
    """Train, save and measure; returns 0.

    Raises:
        InterpError: The model or the text cannot be had, or the training does not fit what was begun in its folder.
    """
    torch.set_num_threads(load_settings().threads)
    _keep_memory()
    spec = chosen_model(options)
    folder = find_folder(spec)
    loaded = load_model(spec, folder)
    plan = _plan(options, loaded)
    work = options.work or cache_folder() / "sae-training" / loaded.card.revision
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / ".lock", timeout=0):
            corpus = _corpus(options, loaded, work)
            _same_as_before(work, plan, loaded, corpus)
            _say(f"{len(corpus.train):,} windows to train on, {len(corpus.held_out):,} held out")
            trainings = train_saes(loaded, corpus, plan, work, _report)
            made = [export_sae(loaded, corpus, plan, training, options.out) for training in trainings]
            # What is reported is measured in float32, on what was saved.
            exact = load_model(spec.held_as("float32", options.processing, options.device), folder)
            for path in made:
                _say(f"{path}: measuring on {corpus.held_out.numel():,} held-out tokens")
                _say_quality(report_quality(exact, path, corpus.held_out))
    except Timeout:
        raise SaeError(f"Another process trains in {work}. Wait for it, or name another folder.") from None
    return 0


def _plan(options: argparse.Namespace, loaded: LoadedModel) -> TrainingPlan:
    n_layers = loaded.card.n_layers
    layers = options.layers or [max(0, round(n_layers * share) - 1) for share in (0.26, 0.5, 0.74)]
    d_sae = options.d_sae or 8 * loaded.card.d_model
    return TrainingPlan(
        tuple(layers), d_sae, k=options.k, lr=options.lr, round_windows=options.round_windows, seed=options.seed
    )


def _corpus(options: argparse.Namespace, loaded: LoadedModel, work: Path) -> Corpus:
    tokenizer = AutoTokenizer.from_pretrained(loaded.folder, local_files_only=True, trust_remote_code=False)
    bos = loaded.tokenizer.bos_id
    if bos is None:
        raise SaeError("This model's tokenizer names no BOS token, with which every window begins.")

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    return build_corpus(
        encode, bos, work, context=options.context, n_held_out=options.held_out, seed=options.seed, sources=SOURCES,
        report=_say_progress,
    )  # fmt: skip


def _same_as_before(work: Path, plan: TrainingPlan, loaded: LoadedModel, corpus: Corpus) -> None:
    wanted = plan_as_json(plan) | {
        "model": loaded.card.revision, "dtype": loaded.spec.dtype, "processing": loaded.spec.processing,
        "corpus": corpus.checksum, "context": corpus.train.shape[1],
    }  # fmt: skip
    path = work / "plan.json"
    if path.is_file():
        begun = json.loads(path.read_text(encoding="utf-8"))
        if other := sorted(name for name in {*wanted, *begun} if wanted.get(name) != begun.get(name)):
            raise SaeError(
                f"The training in {work} was begun with another {', '.join(other)}. Give the same options, or another "
                "folder with --work."
            )
    else:
        write_json(path, wanted)


def _keep_memory() -> None:
    """Let glibc keep the memory of large arrays: giving it back and taking it again costs a third of a step."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # mmap never, trim never, grow by 256 MB
            libc.mallopt(option, value)


def _report(done: RoundReport) -> None:
    explained = ", ".join(f"L{layer} {value:.3f}" for layer, value in done.explained_variance.items())
    silent = ", ".join(f"L{layer} {count}" for layer, count in done.n_silent.items())
    left_out = ", ".join(f"L{layer} {share:.2%}" for layer, share in done.left_out.items())
    _say(
        f"round {done.n_rounds}/{done.of_rounds} in {done.seconds:.0f} s; explained variance {explained}; silent {silent}; "
        f"left out {left_out}"
    )


def _say_quality(found: SaeQuality) -> None:
    for title, figures in (("without the positions left out", found.kept), ("with them", found.everywhere)):
        _say(
            f"  {title} ({figures.n_pos:,} positions): explained variance {figures.explained_variance:.4f}, L0 {figures.l0:.1f}, "
            f"cross-entropy {figures.ce:.3f} -> {figures.ce_with_sae:.3f} (zeros: {figures.ce_zero:.3f}), "
            f"recovered {figures.ce_recovered:.4f}"
        )
    _say(f"  dead features: {found.dead_share:.2%}")


def _say_progress(progress: Progress) -> None:
    _say(f"{progress.fraction:4.0%} {progress.note}")


def _say(text: str) -> None:
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S} {text}", flush=True)
