"""The command line: `fetch` gets the default model, `attention` saves that of many prompts, `train-saes` trains SAEs,
`harvest` computes what the dashboards of their features need, `export` writes these as files, `atlas` makes the map of
their features, and `effects` measures what the model loses without them.
"""

import argparse
import importlib
import os
import sys

from interp_core.default_model import ensure_default_model
from interp_core.errors import InterpError
from interp_core.types import Progress

_COMMANDS = {
    "harvest": (
        "interp_core.harvest.command",
        "compute what the dashboards of all features of an SAE need; goes on where it was stopped",
    ),
    "export": ("hookscope.export_command", "write dashboards of features as pages, as JSON, or for Neuronpedia"),
    "atlas": ("interp_core.sae.atlas_command", "make the map of an SAE's features and read what each writes, once"),
    "effects": ("interp_core.sae.effects_command", "measure what removing features costs, and keep it for the browser"),
    "attention": ("interp_core.attention_command", "save the attention of every prompt of a file"),
    "train-saes": (
        "interp_core.sae_training.command",
        "train sparse autoencoders; goes on where it was stopped",
    ),
}
"""Modules with `add_arguments` and `run_command`. Only the one that is called for is imported: torch takes seconds.
`export` also draws, so it stands above `interp_core`, which knows no more of it than this name."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 a sentence says why not."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m interp_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fetch, verify and convert the default model, once")
    # Before torch is imported: threads that wait awake cost as much as those that work, wherever something else runs too.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    called = None
    for name, (module, about) in _COMMANDS.items():
        command = commands.add_parser(name, help=about)
        if given[:1] == [name]:
            called = importlib.import_module(module)
            called.add_arguments(command)
    options = parser.parse_args(given)
    try:
        if called:
            return called.run_command(options)
        print(f"Default model: {ensure_default_model(_print_progress)}")
    except InterpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _print_progress(progress: Progress) -> None:
    print(f"\r\033[K{progress.fraction:4.0%} {progress.note}", end="" if progress.fraction < 1 else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
