"""The command line that measures loss effects: `python -m interp_core effects --sae SAE --features 0-99`. Killed, it goes on."""

import argparse
from pathlib import Path

import torch

from interp_core.commands import add_model_arguments, add_sae_argument, chosen_model, followed
from interp_core.errors import SaeError
from interp_core.exchange.choice import choose_features
from interp_core.harvest.bundle import open_harvest
from interp_core.harvest.library import find_harvests
from interp_core.models import find_folder, load_model
from interp_core.sae.features import found_config, found_folder
from interp_core.sae.measured_effects import measure_effects
from interp_core.sae.spec import checksum_of
from interp_core.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    add_sae_argument(parser)
    parser.add_argument("--harvest", type=Path, help="folder of a harvest; the SAE's largest on this machine if absent")
    parser.add_argument("--features", required=True, help="such as 0-99,231 or all; those that are known cost nothing")
    add_model_arguments(parser)


def run_command(options: argparse.Namespace) -> int:
    """Measure and keep; writes one line a feature: number, nats, tokens, examples. Returns 0.

    Raises:
        InterpError: Something cannot be had or kept, or does not fit.
    """
    torch.set_num_threads(load_settings().threads)
    features = choose_features(options.features, found_config(options.sae).d_sae)
    checksum = checksum_of(found_folder(options.sae))
    spec = chosen_model(options)
    loaded = load_model(spec, find_folder(spec))
    harvests = [open_harvest(options.harvest)] if options.harvest else find_harvests(checksum, loaded.card)[0]
    if not harvests:
        raise SaeError(
            f"Loss effects are measured on examples, and {options.sae} has no harvest on this machine with that model. Make one first, or name its "
            "folder with --harvest."
        )
    made = followed(measure_effects(loaded, options.sae, harvests[0], features))
    print("feature,loss_effect,tokens,examples")
    for feature, known in made.found:
        print(f"{feature},{'' if known.mean is None else format(known.mean, '.6g')},{known.tokens},{known.examples}")
    return 0
