"""The command line that saves the attention of many prompts: `python -m interp_core attention PROMPTS --out FOLDER`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from interp_core.attention import LivePatterns
from interp_core.commands import add_model_arguments, chosen_model
from interp_core.errors import InterpError, SavedRunError
from interp_core.generation import Sampling, generate
from interp_core.jobs import finish
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.prompts import Prompt, read_batch
from interp_core.run_writing import save_run
from interp_core.saved_runs import RunFacts, open_run, run_key
from interp_core.tokens import extended
from interp_core.types import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("prompts", type=Path, help="a prompt a line (.txt), or a .csv or .jsonl with a column 'prompt'")
    parser.add_argument("--out", type=Path, required=True, help="folder for the saved runs, one folder a prompt")
    add_model_arguments(parser)
    parser.add_argument("--no-bos", action="store_true", help="do not prepend the BOS token")
    parser.add_argument("--chat", action="store_true", help="apply the tokenizer's chat template")
    parser.add_argument("--generate", type=int, default=0, metavar="N", help="continue each prompt by up to N tokens")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--top-k", type=int, default=0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)


def run_command(options: argparse.Namespace) -> int:
    """Save every prompt's attention; what is there already is left alone, so that a stopped command can go on.

    Returns 0 if every prompt was saved, 1 otherwise; problems of single prompts go to the error stream.

    Raises:
        InterpError: The prompts or the model cannot be read.
    """
    prompts = _read_prompts(options.prompts)
    sampling = None
    if options.generate:
        sampling = Sampling(
            options.generate, options.temperature, options.top_k, options.top_p, options.seed
        ).validated()
    spec = chosen_model(options)
    loaded = load_model(spec, find_folder(spec))
    problems, done = 0, 0
    with tqdm(prompts, unit="prompt", file=sys.stderr) as bar:
        for place, text in enumerate(bar, 1):
            try:
                prompt = Prompt(text, prepend_bos=not options.no_bos, chat=options.chat)
                done += _save(loaded, prompt, sampling, options.out)
            except InterpError as error:
                problems += 1
                bar.write(f"Prompt {place}: {error}", file=sys.stderr)
    print(
        f"{len(prompts)} prompts: {done} saved in {options.out}, {len(prompts) - done - problems} were there already, "
        f"{problems} could not be saved."
    )
    return 1 if problems else 0


def _read_prompts(path: Path) -> tuple[str, ...]:
    kind: Any = path.suffix.lstrip(".").lower() or "txt"
    if kind not in ("txt", "csv", "jsonl"):
        raise SavedRunError(f"{path.name} ends in .{kind}. Give prompts as .txt, .csv or .jsonl.")
    try:
        batch = read_batch(path.read_bytes(), kind)
    except OSError as error:
        raise SavedRunError(f"{path} cannot be read ({error.strerror}).") from error
    for sentence in batch.skipped:
        print(sentence, file=sys.stderr)
    return batch.prompts


def _save(loaded: LoadedModel, prompt: Prompt, sampling: Sampling | None, folder: Path) -> bool:
    """Save one prompt, and say whether that was needed."""
    try:
        open_run(folder / run_key(loaded.card, prompt, sampling))
        return False
    except SavedRunError:  # not there, or not whole
        pass
    tokens = loaded.tokenizer.tokenise(prompt)
    n_prompt = len(tokens.ids)
    if sampling:
        made = finish(generate(loaded, Run(loaded.spec, tokens.ids), sampling))
        tokens = extended(tokens, made.ids, made.str_tokens)
    facts = RunFacts(loaded.card, prompt, tokens, n_prompt, sampling)
    save_run(LivePatterns(loaded, Run(loaded.spec, tokens.ids)), facts, folder)
    return True
