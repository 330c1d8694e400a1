"""The command line: `fetch` gets the default model, `attention` saves that of many prompts, `train-saes` trains SAEs."""

import argparse
import sys

from interp_core import attention_command, sae_command
from interp_core.default_model import ensure_default_model
from interp_core.errors import InterpError
from interp_core.types import Progress


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 a sentence says why not."""
    parser = argparse.ArgumentParser(prog="python -m interp_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fetch, verify and convert the default model, once")
    saving = commands.add_parser("attention", help="save the attention of every prompt of a file")
    attention_command.add_arguments(saving)
    training = commands.add_parser("train-saes", help="train sparse autoencoders; goes on where it was stopped")
    sae_command.add_arguments(training)
    options = parser.parse_args(arguments)
    try:
        if options.command == "attention":
            return attention_command.run_command(options)
        if options.command == "train-saes":
            return sae_command.run_command(options)
        print(f"Default model: {ensure_default_model(_print_progress)}")
    except InterpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _print_progress(progress: Progress) -> None:
    print(f"\r\033[K{progress.fraction:4.0%} {progress.note}", end="" if progress.fraction < 1 else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
