"""The command line that measures loss effects: `python -m interp_core effects --sae SAE --features 0-99`. Killed, it goes on."""

import argparse
import sys
from pathlib import Path

import torch

from interp_core.errors import SaeError
from interp_core.exchange.choice import choose_features
from interp_core.harvest.bundle import open_harvest
from interp_core.harvest.library import find_harvests
from interp_core.models import find_folder, load_model
from interp_core.sae.features import found_config, found_folder
from interp_core.sae.measured_effects import measure_effects
from interp_core.sae.spec import checksum_of
from interp_core.settings import load_settings
from interp_core.types import DTYPES, PROCESSINGS, ModelSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("--sae", required=True, help="as in the dashboard: NAME, folder:NAME or release:RELEASE:ID")
    parser.add_argument("--harvest", type=Path, help="folder of a harvest; the SAE's largest on this machine if absent")
    parser.add_argument("--features", required=True, help="such as 0-99,231 or all; those that are known cost nothing")
    parser.add_argument("--model", default="", help="hub name or folder:NAME; default model if absent")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--processing", choices=PROCESSINGS, default="compatibility")
    parser.add_argument("--device", default="auto")


def run_command(options: argparse.Namespace) -> int:
    """Measure and keep; writes one line a feature: number, nats, tokens, examples. Returns 0.

    Raises:
        InterpError: Something cannot be had or kept, or does not fit.
    """
    torch.set_num_threads(load_settings().threads)
    features = choose_features(options.features, found_config(options.sae).d_sae)
    checksum = checksum_of(found_folder(options.sae))
    harvests = [open_harvest(options.harvest)] if options.harvest else find_harvests(checksum)[0]
    if not harvests:
        raise SaeError(
            f"Loss effects are measured on examples, and {options.sae} has no harvest on this machine. Make one first, or name its "
            "folder with --harvest."
        )
    spec = ModelSpec.parse(options.model).held_as(options.dtype, options.processing, options.device)
    steps = measure_effects(load_model(spec, find_folder(spec)), options.sae, harvests[0], features)
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            made = stop.value
            break
        print(f"\r\033[K{step.fraction:.0%} {step.note}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print("feature,loss_effect,tokens,examples")
    for feature, known in made.found:
        print(f"{feature},{'' if known.mean is None else format(known.mean, '.6g')},{known.tokens},{known.examples}")
    return 0
