"""The command line that makes an atlas: `python -m interp_core atlas --sae SAE --out FILE`."""

import argparse
import sys
from pathlib import Path

import torch

from interp_core.commands import add_model_arguments, add_sae_argument, chosen_model, followed
from interp_core.models import find_folder, load_model
from interp_core.sae.atlas import make_atlas
from interp_core.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_sae_argument(parser)
    parser.add_argument("--out", type=Path, help="Parquet file; the facts lie beside it. In the cache folder if absent")
    add_model_arguments(parser)


def run_command(options: argparse.Namespace) -> int:
    """Make the atlas; returns 0.

    Raises:
        InterpError: Something cannot be had or written, or does not fit.
    """
    torch.set_num_threads(load_settings().threads)
    spec = chosen_model(options)
    made = followed(make_atlas(load_model(spec, find_folder(spec)), options.sae, options.out))
    print(f"Atlas of {made.facts['sae']}: {len(made.table):,} features", file=sys.stderr)
    return 0
