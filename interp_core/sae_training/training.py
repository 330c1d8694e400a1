"""Training top-k SAEs on several layers of one model at once, in rounds, so that a stopped training goes on exactly.

A round harvests the activations of the next windows at every hook point, shuffles them, trains on all of them and saves
where the training stands. Windows are in random order over all sources, so a round's shuffle mixes hundreds of texts, and
nothing but weights, moments and counters has to survive from one round to the next.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from sae_lens import TopKTrainingSAEConfig
from sae_lens.config import SAETrainerConfig
from sae_lens.training.sae_trainer import SAETrainer
from torch import Tensor

from interp_core.errors import SaeError
from interp_core.hook_points import layer_hook
from interp_core.models import LoadedModel
from interp_core.sae_training.activations import Calibration, calibrate, harvest
from interp_core.sae_training.checkpoints import (
    Training,
    calibrations_of,
    load_checkpoint,
    save_calibrations,
    save_checkpoint,
)
from interp_core.sae_training.corpus import Corpus
from interp_core.sae_training.topk import SparseTopKSAE


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides what comes out, beside the model and the text."""

    layers: tuple[int, ...]
    """Layers whose output is learnt (`resid_post`)."""
    d_sae: int
    k: int = 64
    lr: float = 2e-3
    n_batch: int = 2048
    """Tokens of a step."""
    round_windows: int = 512
    """Windows of a round, all of whose activations are in memory at once."""
    rows: int = 16
    """Windows of one forward pass."""
    calibration_windows: int = 64
    left_out_factor: float = 3.0
    """A position is left out where its norm is more than so many times the median."""
    warm_up: float = 0.02
    """Share of the steps over which the learning rate rises."""
    decay: float = 0.3
    """Share of the steps over which it falls to 0."""
    dead_after_tokens: int = 400_000
    """A feature that was silent for so long learns from the auxiliary loss."""
    seed: int = 0

    def n_rounds(self, n_windows: int) -> int:
        """Whole rounds in so many windows."""
        return n_windows // self.round_windows


@dataclass(frozen=True)
class RoundReport:
    """How a round went."""

    n_rounds: int
    """Rounds that are done."""
    of_rounds: int
    explained_variance: dict[int, float]
    """By layer, on the round's last batch, as it was trained on."""
    n_silent: dict[int, int]
    """By layer, features that the auxiliary loss would call dead."""
    left_out: dict[int, float]
    """By layer, share of the positions."""
    seconds: float


def train_saes(
    loaded: LoadedModel, corpus: Corpus, plan: TrainingPlan, folder: Path, report: Callable[[RoundReport], None]
) -> list[Training]:
    """Train, or go on with, one SAE a layer; the state after every round is kept in `folder`.

    Costs one forward pass over the corpus up to the last of the layers, and about as much again for each SAE.

    Raises:
        SaeError: The plan does not fit the model or the text, or the state cannot be saved or read.
    """
    _check(loaded, corpus, plan)
    hooks = {layer_hook("resid_post", layer): layer for layer in plan.layers}
    calibrations = calibrations_of(folder)
    if calibrations is None:
        sample = corpus.train[: plan.calibration_windows]
        calibrations = calibrate(loaded, sample, list(hooks), factor=plan.left_out_factor, rows=plan.rows)
        save_calibrations(folder, calibrations)
    of_rounds = plan.n_rounds(len(corpus.train))
    n_steps = of_rounds * (plan.round_windows * corpus.train.shape[1] // plan.n_batch)
    trainings = [
        Training(hook, layer, calibrations[hook], _trainer(loaded, calibrations[hook], plan, n_steps, layer))
        for hook, layer in hooks.items()
    ]
    for done in range(load_checkpoint(folder, trainings), of_rounds):
        began = time.perf_counter()
        windows = corpus.train[done * plan.round_windows : (done + 1) * plan.round_windows]
        found = harvest(
            loaded, windows, {training.hook: training.calibration for training in trainings}, rows=plan.rows
        )
        explained = {t.layer: _train_on(t, found[t.hook], plan, done) for t in trainings}
        save_checkpoint(folder, done + 1, trainings)
        silent = {t.layer: int(t.trainer.dead_neurons.sum()) for t in trainings}
        left_out = {t.layer: 1 - len(found[t.hook]) / windows.numel() for t in trainings}
        report(RoundReport(done + 1, of_rounds, explained, silent, left_out, time.perf_counter() - began))
    return trainings


def _check(loaded: LoadedModel, corpus: Corpus, plan: TrainingPlan) -> None:
    wrong = [layer for layer in plan.layers if not 0 <= layer < loaded.card.n_layers]
    if wrong or not plan.layers:
        raise SaeError(
            f"The model has layers 0 to {loaded.card.n_layers - 1}; {', '.join(map(str, wrong)) or 'no layer'} was asked for."
        )
    if not 0 < plan.k < plan.d_sae:
        raise SaeError(f"Of {plan.d_sae} features {plan.k} cannot be active on every token. Ask for fewer.")
    if plan.n_rounds(len(corpus.train)) < 1:
        raise SaeError(
            f"The text gives {len(corpus.train)} windows and a round takes {plan.round_windows}. Give more text."
        )


def _trainer(
    loaded: LoadedModel, calibration: Calibration, plan: TrainingPlan, n_steps: int, layer: int
) -> SAETrainer[SparseTopKSAE, TopKTrainingSAEConfig]:
    device = str(loaded.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed * 1000 + layer)
        config = TopKTrainingSAEConfig(
            d_in=len(calibration.mean), d_sae=plan.d_sae, k=plan.k, device=device, decoder_init_norm=1.0,
            rescale_acts_by_decoder_norm=False, normalize_activations="expected_average_only_in",
        )  # fmt: skip
        sae = SparseTopKSAE(config, getattr(torch, loaded.spec.dtype))
    with torch.no_grad():
        sae.b_dec.copy_(calibration.mean * calibration.scale)
    trainer = SAETrainer(
        SAETrainerConfig(
            total_training_samples=n_steps * plan.n_batch, train_batch_size_samples=plan.n_batch,
            lr=plan.lr, lr_end=plan.lr, lr_warm_up_steps=max(2, round(plan.warm_up * n_steps)),
            lr_decay_steps=max(1, round(plan.decay * n_steps)), device=device,
            dead_feature_window=plan.dead_after_tokens // plan.n_batch, feature_sampling_window=n_steps + 1,
        ),
        sae, iter(()),
    )  # fmt: skip
    trainer.activation_scaler.scaling_factor = calibration.scale
    return trainer


def _train_on(training: Training, activations: Float[Tensor, "token d_in"], plan: TrainingPlan, n_round: int) -> float:
    """Train on all of a round's activations, in an order that the seed and the round decide; what is over is dropped."""
    trainer = training.trainer
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + n_round)
    order = torch.randperm(len(activations), generator=generator)
    explained = float("nan")
    for places in order.split(plan.n_batch):
        if len(places) < plan.n_batch:
            break
        batch = activations[places.to(activations.device)].float()
        output = trainer.step(batch)
        trainer.sae.normalise_decoder()
        trainer.n_training_steps += 1
        spread = (output.sae_in - output.sae_in.mean(0)).pow(2).sum()
        explained = 1 - float((output.sae_out - output.sae_in).detach().pow(2).sum() / spread)
    return explained


def plan_as_json(plan: TrainingPlan) -> dict[str, object]:
    """What is kept beside a training, to refuse going on with it under another plan."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(plan).items()
    }
