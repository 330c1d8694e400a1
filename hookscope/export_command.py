"""The command line that writes dashboards of features: `python -m interp_core export --format html --sae SAE --out FILE`."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from hookscope.feature_files import FILE_KINDS, write_features
from interp_core.commands import add_model_arguments, add_sae_argument, chosen_model
from interp_core.models import find_folder, load_model
from interp_core.sae.dashboard import Document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "--format", choices=FILE_KINDS, required=True, help="zip of pages, JSON, or Neuronpedia's layout"
    )
    add_sae_argument(parser)
    parser.add_argument("--harvest", type=Path, help="folder of a harvest; the SAE's largest on this machine if absent")
    parser.add_argument("--features", default="all", help="such as 1,5-9 or all")
    parser.add_argument("--out", type=Path, required=True, help="file, or for neuronpedia a new folder or a .zip")
    add_model_arguments(parser)


def run_command(options: argparse.Namespace) -> int:
    """Write what was asked for; returns 0.

    Raises:
        InterpError: Something cannot be had, does not fit, is damaged, or cannot be written.
    """
    spec = chosen_model(options)
    loaded = load_model(spec, find_folder(spec))
    made = write_features(
        loaded, options.sae, options.features, options.out, kind=options.format, harvest=options.harvest, watch=_watched
    )
    print(made)
    return 0


def _watched(documents: Iterable[Document], total: int) -> Iterator[Document]:
    yield from tqdm(documents, total=total, unit="feature", file=sys.stderr, mininterval=1)
