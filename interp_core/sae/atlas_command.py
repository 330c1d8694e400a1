"""The command line that makes an atlas: `python -m interp_core atlas --sae SAE --out FILE`."""

import argparse
import sys
from pathlib import Path

import torch

from interp_core.models import find_folder, load_model
from interp_core.sae.atlas import make_atlas
from interp_core.settings import load_settings
from interp_core.types import DTYPES, PROCESSINGS, ModelSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("--sae", required=True, help="as in the dashboard: NAME, folder:NAME or release:RELEASE:ID")
    parser.add_argument("--out", type=Path, help="Parquet file; the facts lie beside it. In the cache folder if absent")
    parser.add_argument("--model", default="", help="hub name or folder:NAME; default model if absent")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--processing", choices=PROCESSINGS, default="compatibility")
    parser.add_argument("--device", default="auto")


def run_command(options: argparse.Namespace) -> int:
    """Make the atlas; returns 0.

    Raises:
        InterpError: Something cannot be had or written, or does not fit.
    """
    torch.set_num_threads(load_settings().threads)
    spec = ModelSpec.parse(options.model).held_as(options.dtype, options.processing, options.device)
    steps, said = make_atlas(load_model(spec, find_folder(spec)), options.sae, options.out), ""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            made = stop.value
            break
        if f"{step.fraction:.0%}" != said:
            said = f"{step.fraction:.0%}"
            print(f"\r\033[K{said} {step.note}", end="", file=sys.stderr, flush=True)
    print(f"\r\033[KAtlas of {made.facts['sae']}: {len(made.table):,} features", file=sys.stderr)
    return 0
