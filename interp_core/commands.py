"""What the commands of `python -m interp_core` share: how a model and an SAE are named, and how far they are."""

import argparse
import math
import sys
import time
from collections.abc import Generator
from typing import TypeVar

from interp_core.types import DTYPES, PROCESSINGS, Dtype, ModelSpec, Progress

_EVERY_S = 5.0
_EVERY_ON_TERMINAL_S = 0.2
Result = TypeVar("Result")


def add_model_arguments(parser: argparse.ArgumentParser, dtype: Dtype = "float32") -> None:
    """Describe the arguments that name a model and how it is held."""
    parser.add_argument("--model", default="", help="hub name or folder:NAME; default model if absent")
    parser.add_argument("--dtype", choices=DTYPES, default=dtype, help="of weights and activations")
    parser.add_argument("--processing", choices=PROCESSINGS, default="compatibility")
    parser.add_argument("--device", default="auto")


def add_sae_argument(parser: argparse.ArgumentParser) -> None:
    """Describe the argument that names an SAE."""
    parser.add_argument("--sae", required=True, help="as in the dashboard: NAME, folder:NAME or release:RELEASE:ID")


def chosen_model(options: argparse.Namespace) -> ModelSpec:
    """The model that the arguments name.

    Raises:
        UnknownModelError: They name none.
    """
    return ModelSpec.parse(options.model).held_as(options.dtype, options.processing, options.device)


def followed(steps: Generator[Progress, None, Result]) -> Result:
    """Run a job to its end and say on the error stream how far it is: on a terminal in one line, elsewhere line by line."""
    terminal, said = sys.stderr.isatty(), -math.inf
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                return stop.value
            if time.monotonic() - said > (_EVERY_ON_TERMINAL_S if terminal else _EVERY_S):
                said = time.monotonic()
                line = f"{step.fraction:4.0%} {step.note}"
                print(
                    f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True
                )
    finally:
        if terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
