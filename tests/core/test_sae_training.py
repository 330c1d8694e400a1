"""SAEs are trained as sae_lens trains them, only faster; a training that is killed goes on exactly; what is saved loads."""

import copy
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sae_lens import SAE, TopKTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput
from sae_lens.saes.topk_sae import TopKTrainingSAE
from safetensors.torch import load_file, save_file

from interp_core.errors import SaeError
from interp_core.hook_points import layer_hook
from interp_core.sae_training.activations import Calibration, calibrate, harvest
from interp_core.sae_training.checkpoints import checkpoints
from interp_core.sae_training.corpus import Corpus
from interp_core.sae_training.export import export_sae
from interp_core.sae_training.topk import SparseTopKSAE
from interp_core.sae_training.training import RoundReport, TrainingPlan, train_saes

ROOT = Path(__file__).parent.parent.parent
PLAN = TrainingPlan((0, 1), 48, k=4, lr=3e-3, n_batch=64, round_windows=16, rows=8, calibration_windows=16)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Random tokens of a small part of the vocabulary, so that there is something to learn."""
    generator = torch.Generator().manual_seed(1)
    windows = torch.randint(10, 60, (120, 16), generator=generator)
    windows[:, 0] = 0
    return Corpus(windows[:96], windows[96:], "checksum", [])


def pair(dtype: torch.dtype = torch.float32) -> tuple[SparseTopKSAE, TopKTrainingSAE]:
    """Ours and sae_lens's own, with the same weights, decoder rows of norm 1."""
    config = TopKTrainingSAEConfig(
        d_in=12, d_sae=40, k=5, rescale_acts_by_decoder_norm=False, decoder_init_norm=1.0, aux_loss_coefficient=1 / 32
    )
    torch.manual_seed(0)
    ours = SparseTopKSAE(copy.deepcopy(config), dtype)
    ours.b_enc.data.normal_(std=0.1)
    ours.b_dec.data.normal_()
    theirs = TopKTrainingSAE(config)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def step_input(dead: torch.Tensor | None = None) -> TrainStepInput:
    x = 3 * torch.randn(30, 12, generator=torch.Generator().manual_seed(2))
    return TrainStepInput(x, {}, dead, 0, False)


def test_loss_and_gradients_are_those_of_sae_lens():
    ours, theirs = pair()
    for sae in (ours, theirs):
        sae.training_forward_pass(step_input()).loss.backward()
    outputs = [sae.training_forward_pass(step_input()) for sae in (ours, theirs)]
    torch.testing.assert_close(outputs[0].loss, outputs[1].loss)
    torch.testing.assert_close(outputs[0].feature_acts, outputs[1].feature_acts)
    for name, parameter in ours.named_parameters():
        expected = dict(theirs.named_parameters())[name].grad
        assert expected is not None and expected.abs().max() > 0
        torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-4)


def test_in_bfloat16_the_gradients_point_the_same_way():
    ours, theirs = pair(torch.bfloat16)
    for sae in (ours, theirs):
        sae.training_forward_pass(step_input()).loss.backward()
    for name, parameter in ours.named_parameters():
        grad, expected = parameter.grad, dict(theirs.named_parameters())[name].grad
        assert grad is not None and expected is not None
        assert torch.cosine_similarity(grad.flatten(), expected.flatten(), dim=0) > 0.98, name


def test_dead_features_alone_learn_the_residual():
    ours, _ = pair()
    ours.b_enc.data[:3] = -100.0  # never among the strongest, until the auxiliary loss looks at them alone
    dead = torch.zeros(40, dtype=torch.bool)
    dead[:3] = True
    output = ours.training_forward_pass(step_input())
    output.loss.backward()
    assert ours.W_dec.grad is not None and ours.W_dec.grad[:3].abs().max() == 0
    ours.zero_grad()
    ours.b_enc.data[:3] = 0.0
    with_aux = ours.training_forward_pass(step_input(dead))
    assert set(with_aux.losses) == {"mse_loss", "auxiliary_reconstruction_loss"}
    torch.testing.assert_close(with_aux.loss, sum(with_aux.losses.values()))


def test_decoder_rows_are_kept_at_norm_one():
    ours, _ = pair()
    ours.W_dec.data *= 3
    ours.normalise_decoder()
    torch.testing.assert_close(ours.W_dec.norm(dim=-1), torch.ones(40))


def test_extreme_positions_are_left_out_and_nothing_else(tiny, corpus):
    hook = layer_hook("resid_post", 1)
    calibration = calibrate(tiny, corpus.train[:16], [hook], factor=10.0, rows=8)[hook]
    whole = harvest(tiny, corpus.train[:8], {hook: replace(calibration, norm_limit=float("inf"))}, rows=3)[hook]
    assert whole.shape == (8 * 16, 32)
    limit = float(whole.norm(dim=-1).sort().values[-5])
    kept = harvest(tiny, corpus.train[:8], {hook: replace(calibration, norm_limit=limit)}, rows=3)[hook]
    torch.testing.assert_close(kept, whole[whole.norm(dim=-1) <= limit])
    assert len(kept) == 8 * 16 - 4


def test_calibration_brings_the_mean_norm_to_the_root_of_the_width(tiny, corpus):
    hook = layer_hook("resid_post", 0)
    found = calibrate(tiny, corpus.train[:16], [hook], factor=10.0, rows=8)
    activations = harvest(tiny, corpus.train[:16], found, rows=8)[hook]
    assert float((found[hook].scale * activations).norm(dim=-1).mean()) == pytest.approx(32**0.5, rel=1e-5)
    torch.testing.assert_close(found[hook].mean, activations.mean(0))


def test_training_lowers_what_is_not_explained(tiny, corpus, tmp_path):
    reports: list[RoundReport] = []
    train_saes(tiny, corpus, PLAN, tmp_path, reports.append)
    assert [report.n_rounds for report in reports] == [1, 2, 3, 4, 5, 6]
    for layer in PLAN.layers:
        assert reports[-1].explained_variance[layer] > reports[0].explained_variance[layer] + 0.05


def stopped_after(rounds: int):
    def report(done: RoundReport) -> None:
        if done.n_rounds == rounds:
            raise KeyboardInterrupt

    return report


def test_a_training_that_was_stopped_goes_on_exactly(tiny, corpus, tmp_path):
    whole = train_saes(tiny, corpus, PLAN, tmp_path / "whole", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        train_saes(tiny, corpus, PLAN, tmp_path / "stopped", stopped_after(4))
    resumed = train_saes(tiny, corpus, PLAN, tmp_path / "stopped", lambda _: None)
    for one, other in zip(whole, resumed, strict=True):
        for name, value in one.trainer.sae.state_dict().items():
            assert torch.equal(value, other.trainer.sae.state_dict()[name]), (one.layer, name)
        assert one.trainer.n_training_steps == other.trainer.n_training_steps == 6 * 4


def test_a_checkpoint_of_another_training_is_refused(tiny, corpus, tmp_path):
    train_saes(tiny, corpus, PLAN, tmp_path, lambda _: None)
    assert [path.name for path in checkpoints(tmp_path)] == ["round-00005", "round-00006"]
    with pytest.raises(SaeError, match=r"round-00006 cannot be used .* Delete that folder to go on"):
        train_saes(tiny, corpus, replace(PLAN, d_sae=64), tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": (0, 7)}, "layers 0 to 2; 7 was asked for"),
        ({"k": 48}, "Of 48 features 48 cannot be active"),
        ({"round_windows": 97}, "96 windows and a round takes 97"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tiny, corpus, tmp_path, changes, message):
    with pytest.raises(SaeError, match=message):
        train_saes(tiny, corpus, replace(PLAN, **changes), tmp_path, lambda _: None)


def test_what_is_saved_takes_activations_as_they_are(tiny, corpus, tmp_path):
    training = train_saes(tiny, corpus, PLAN, tmp_path / "work", lambda _: None)[1]
    folder = export_sae(tiny, corpus, PLAN, training, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["cfg.json", "sae_weights.safetensors"]
    assert all(value.dtype == torch.bfloat16 for value in load_file(folder / "sae_weights.safetensors").values())
    loaded = SAE.load_from_disk(folder, dtype="float32")
    calibration: Calibration = training.calibration
    x = harvest(tiny, corpus.held_out, {training.hook: calibration}, rows=8)[training.hook]
    trained = training.trainer.sae
    expected = trained.decode(trained.encode(calibration.scale * x)) / calibration.scale
    found = loaded.decode(loaded.encode(x))
    error = (found - expected).norm() / expected.norm()
    assert error < 0.03  # bfloat16 keeps 8 bits, and a few ties of the k strongest turn out otherwise
    torch.testing.assert_close(loaded.W_dec.norm(dim=-1), torch.ones(48), atol=5e-3, rtol=0)
    config = json.loads((folder / "cfg.json").read_text())
    assert config["architecture"] == "topk" and config["normalize_activations"] == "none" and config["k"] == 4
    assert config["metadata"]["hook_name"] == "blocks.1.hook_resid_post"
    assert config["metadata"]["weight_processing"] == "compatibility"
    assert config["metadata"]["norm_limit"] == calibration.norm_limit


KILLED = """
import sys
from pathlib import Path
import torch
from interp_core.sae_training.corpus import Corpus
from interp_core.models import load_model
from interp_core.sae_training.training import train_saes
from interp_core.types import ModelSpec
from safetensors.torch import load_file, save_file
from tests.core.test_sae_training import PLAN
model, work, corpus = map(Path, sys.argv[1:])
torch.set_num_threads(1)
tensors = load_file(corpus)["windows"]
loaded = load_model(ModelSpec("folder", "tiny-llama", device="cpu"), model)
done = train_saes(loaded, Corpus(tensors[:96], tensors[96:], "", []), PLAN, work, lambda report: print(report.n_rounds, flush=True))
save_file({f"{t.layer}/{n}": v for t in done for n, v in t.trainer.sae.state_dict().items()}, work / "final.safetensors")
"""


def test_a_training_that_was_killed_goes_on_exactly(tiny_folders, corpus, tmp_path):
    save_file({"windows": torch.cat([corpus.train, corpus.held_out])}, tmp_path / "corpus.safetensors")

    def start(name: str) -> subprocess.Popen[str]:
        (tmp_path / name).mkdir(exist_ok=True)
        command = [
            sys.executable,
            "-c",
            KILLED,
            str(tiny_folders["llama"]),
            str(tmp_path / name),
            str(tmp_path / "corpus.safetensors"),
        ]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    with start("killed") as killed:
        assert killed.stdout is not None
        while killed.stdout.readline().strip() != "2":
            assert killed.poll() is None
        time.sleep(0.02)  # somewhere in the third round
        killed.send_signal(signal.SIGKILL)
    assert len(checkpoints(tmp_path / "killed")) >= 1 and not (tmp_path / "killed" / "final.safetensors").exists()
    for name in ("killed", "whole"):
        with start(name) as process:
            process.communicate()
        assert process.returncode == 0
    one, other = (load_file(tmp_path / name / "final.safetensors") for name in ("killed", "whole"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
