"""Where a training stands, on disk: written whole under another name, flushed, then renamed. safetensors and JSON only.

sae_lens's own trainer state is a pickle, which this project neither writes nor opens.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sae_lens.training.sae_trainer import SAETrainer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from interp_core.errors import SaeError
from interp_core.files import sync_file, sync_folder
from interp_core.sae_training.activations import Calibration

_STATISTICS = ("act_freq_scores", "n_forward_passes_since_fired")
_COUNTS = ("n_training_steps", "n_training_samples", "n_frac_active_samples")


@dataclass
class Training:
    """One SAE in training."""

    hook: str
    layer: int
    calibration: Calibration
    trainer: SAETrainer[Any, Any]


def save_checkpoint(folder: Path, n_rounds: int, trainings: list[Training]) -> None:
    """Keep the state after `n_rounds` rounds, then drop the one before the last.

    Raises:
        SaeError: The disk is full or cannot be written.
    """
    target, temporary = folder / f"round-{n_rounds:05d}", folder / ".writing"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for training in trainings:
            _write_synced(temporary / _file(training), _tensors(training))
        state = {training.hook: _state(training.trainer) for training in trainings}
        (temporary / "state.json").write_text(json.dumps(state), encoding="utf-8")
        sync_file(temporary / "state.json")
        shutil.rmtree(target, ignore_errors=True)
        temporary.replace(target)
        sync_folder(folder)
        for old in checkpoints(folder)[:-2]:
            shutil.rmtree(old)
    except (OSError, SafetensorError) as error:
        raise SaeError(
            f"The training's state cannot be saved in {folder} ({error}). Free some space; what was saved before is whole."
        ) from error


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(folder.glob("round-?????"))


def calibrations_of(folder: Path) -> dict[str, Calibration] | None:
    """The calibrations with which a training began, or None where none began."""
    path = folder / "calibration.safetensors"
    if not path.is_file():
        return None
    tensors = load_file(path)
    hooks = {name.rpartition("/")[0] for name in tensors}
    return {
        hook: Calibration(
            tensors[f"{hook}/norm_limit"].item(), tensors[f"{hook}/scale"].item(), tensors[f"{hook}/mean"]
        )
        for hook in hooks
    }


def save_calibrations(folder: Path, calibrations: dict[str, Calibration]) -> None:
    """Keep them for the whole training."""
    tensors: dict[str, Tensor] = {}
    for hook, found in calibrations.items():
        tensors[f"{hook}/norm_limit"] = torch.tensor(found.norm_limit, dtype=torch.float64)
        tensors[f"{hook}/scale"] = torch.tensor(found.scale, dtype=torch.float64)
        tensors[f"{hook}/mean"] = found.mean
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".calibration"
    _write_synced(temporary, tensors)
    temporary.replace(folder / "calibration.safetensors")


def load_checkpoint(folder: Path, trainings: list[Training]) -> int:
    """Bring the trainers to where the newest checkpoint stands; returns its number of rounds, 0 where there is none.

    Raises:
        SaeError: The checkpoint is not of this training.
    """
    found = checkpoints(folder)
    if not found:
        return 0
    try:
        states = json.loads((found[-1] / "state.json").read_text(encoding="utf-8"))
        for training in trainings:
            _restore(training.trainer, load_file(found[-1] / _file(training)), states[training.hook])
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise SaeError(
            f"The checkpoint {found[-1]} cannot be used ({type(error).__name__}: {' '.join(str(error).split())[:200]}). Delete that folder to "
            "go on from the one before it."
        ) from error
    return int(found[-1].name.removeprefix("round-"))


def _file(training: Training) -> str:
    return f"layer-{training.layer:03d}.safetensors"


def _tensors(training: Training) -> dict[str, Tensor]:
    trainer = training.trainer
    tensors = {f"sae/{name}": value for name, value in trainer.sae.state_dict().items()}
    for place, moments in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{place}/{name}": value for name, value in moments.items()}
    tensors |= {f"statistics/{name}": getattr(trainer, name) for name in _STATISTICS}
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _state(trainer: SAETrainer[Any, Any]) -> dict[str, Any]:
    return {
        "counts": {name: getattr(trainer, name) for name in _COUNTS},
        "lr": trainer.optimizer.param_groups[0]["lr"],
        "lr_scheduler": trainer.lr_scheduler.state_dict(),
    }


def _restore(trainer: SAETrainer[Any, Any], tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    parts: dict[str, dict[str, Tensor]] = {"sae": {}, "adam": {}, "statistics": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    trainer.sae.load_state_dict(parts["sae"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["adam"].items():
        place, _, moment = name.partition("/")
        moments.setdefault(int(place), {})[moment] = value
    groups = trainer.optimizer.state_dict()["param_groups"]
    groups[0]["lr"] = state["lr"]
    trainer.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    trainer.lr_scheduler.load_state_dict(state["lr_scheduler"])
    for name, value in parts["statistics"].items():
        setattr(trainer, name, value.to(trainer.cfg.device))
    for name in _COUNTS:
        setattr(trainer, name, state["counts"][name])


def _write_synced(path: Path, tensors: dict[str, Tensor]) -> None:
    save_file(tensors, path)
    sync_file(path)
