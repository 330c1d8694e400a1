"""What is measured of an SAE has a known answer for SAEs that can be reasoned about, and agrees with brute force."""

import math

import numpy as np
import pytest
import torch
from sae_lens import SAE, TopKSAE, TopKSAEConfig
from torch import Tensor

from interp_core.errors import InterventionError, SaeError
from interp_core.hook_points import layer_hook
from interp_core.hooks import forward
from interp_core.jobs import finish
from interp_core.sae.measured import measure_here
from interp_core.sae.quality import SaeQuality, measure_quality
from tests.core.test_saes import write_sae

HOOK = layer_hook("resid_post", 1)
D_MODEL = 32


class Exact:
    """Reconstructs everything: one feature for each direction and sign."""

    def encode(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], -1).relu()

    def decode(self, feature_acts: Tensor) -> Tensor:
        return feature_acts[..., :D_MODEL] - feature_acts[..., D_MODEL:]


class Constant(Exact):
    """Reconstructs every position as the same vector."""

    def __init__(self, vector: Tensor) -> None:
        self.vector = vector

    def decode(self, feature_acts: Tensor) -> Tensor:
        return self.vector.expand(*feature_acts.shape[:-1], -1)


@pytest.fixture(scope="module")
def windows() -> Tensor:
    made = torch.randint(3, 400, (7, 12), generator=torch.Generator().manual_seed(0))
    made[:, 0] = 0
    return made


@pytest.fixture(scope="module")
def resid(tiny, windows) -> Tensor:
    return forward(tiny.model, windows, keep=[HOOK]).kept[HOOK]


@pytest.fixture(scope="module")
def top_k() -> TopKSAE:
    torch.manual_seed(3)
    sae = TopKSAE(TopKSAEConfig(d_in=D_MODEL, d_sae=64, k=5, rescale_acts_by_decoder_norm=False))
    sae.b_enc.data.normal_(std=0.1)
    return sae.requires_grad_(False)


def measured(tiny, sae, windows, hook: str = HOOK, **options) -> SaeQuality:
    return finish(measure_quality(tiny, sae, hook, windows, rows=3, **options))


@torch.no_grad()
def loss_with(tiny, windows: Tensor, values: Tensor) -> float:
    """The plain way: one window at a time, through the model's own hooks, probabilities by hand."""
    losses = []
    for window, replaced in zip(windows, values, strict=True):
        with tiny.model.hooks(fwd_hooks=[(HOOK, lambda activation, hook, replaced=replaced: replaced[None])]):
            log_probs = tiny.model(window[None])[0].log_softmax(-1)
        losses += [-float(log_probs[pos, window[pos + 1]]) for pos in range(len(window) - 1)]
    return float(np.mean(losses))


def test_a_perfect_reconstruction_loses_nothing(tiny, windows):
    found = measured(tiny, Exact(), windows).kept
    assert found.explained_variance == 1.0
    assert found.ce_with_sae == found.ce
    assert found.ce_recovered == 1.0
    assert found.l0 == D_MODEL  # every number is above or below 0
    assert found.n_pos == windows.numel()


def test_nothing_is_recovered_by_zeros(tiny, windows, resid):
    found = measured(tiny, Constant(torch.zeros(D_MODEL)), windows).kept
    assert found.ce_with_sae == found.ce_zero
    assert found.ce_recovered == 0.0
    spread = (resid - resid.mean((0, 1))).pow(2).sum()
    assert found.explained_variance == pytest.approx(1 - float(resid.pow(2).sum() / spread), rel=1e-4)


def test_the_mean_explains_no_variance(tiny, windows, resid):
    assert measured(tiny, Constant(resid.mean((0, 1))), windows).kept.explained_variance == pytest.approx(0.0, abs=1e-5)


def test_figures_agree_with_brute_force(tiny, windows, resid, top_k):
    found = measured(tiny, top_k, windows)
    acts = torch.stack([torch.stack([top_k.encode(vector) for vector in row]) for row in resid])
    made = top_k.decode(acts)
    spread = (resid - resid.mean((0, 1))).pow(2).sum()
    assert found.kept.explained_variance == pytest.approx(1 - float((made - resid).pow(2).sum() / spread), rel=1e-4)
    assert found.kept.l0 == pytest.approx(float((acts > 0).sum(-1).float().mean()))
    np.testing.assert_allclose(found.density, (acts > 0).float().mean((0, 1)), rtol=1e-6)
    assert found.dead_share == float((found.density == 0).mean()) > 0
    assert found.kept.ce == pytest.approx(loss_with(tiny, windows, resid), rel=1e-5)
    assert found.kept.ce_with_sae == pytest.approx(loss_with(tiny, windows, made), rel=1e-5)
    assert found.kept.ce_zero == pytest.approx(loss_with(tiny, windows, torch.zeros_like(resid)), rel=1e-5)
    assert abs(found.kept.ce_with_sae - found.kept.ce) > 1e-3  # the reconstruction is bad enough to tell


def test_positions_that_are_left_out_are_neither_counted_nor_replaced(tiny, windows, resid, top_k):
    norms = resid.norm(dim=-1)
    limit = float(norms.median())
    kept = norms <= limit
    found = measured(tiny, top_k, windows, norm_limit=limit)
    assert found.kept.n_pos == int(kept.sum()) < found.everywhere.n_pos == windows.numel()
    made = top_k.decode(top_k.encode(resid))
    x = resid[kept]
    explained = 1 - float((made[kept] - x).pow(2).sum() / (x - x.mean(0)).pow(2).sum())
    assert found.kept.explained_variance == pytest.approx(explained, rel=1e-4)
    replaced = torch.where(kept[..., None], made, resid)
    assert found.kept.ce_with_sae == pytest.approx(loss_with(tiny, windows, replaced), rel=1e-5)
    zeroed = torch.where(kept[..., None], torch.zeros_like(resid), resid)
    assert found.kept.ce_zero == pytest.approx(loss_with(tiny, windows, zeroed), rel=1e-5)
    without_limit = measured(tiny, top_k, windows)
    assert found.everywhere == without_limit.everywhere == without_limit.kept


@pytest.mark.parametrize("architecture", ["temporal", "abstopk", "standard"])
def test_all_that_an_sae_says_of_an_activation_is_measured(tiny, windows, resid, architecture, tmp_path, monkeypatch):
    for name in ("SAES", "CACHE"):
        monkeypatch.setenv(f"HOOKSCOPE_{name}", str(tmp_path))
    write_sae(tmp_path / "one", tiny, architecture, hook=HOOK)
    module = SAE.load_from_disk(tmp_path / "one")
    found = finish(measure_here(tiny, "folder:one", list(map(tuple, windows.tolist())), ""))["with_left_out"]
    with torch.no_grad():
        made, acts = module(resid), module.encode(resid)
    unexplained = float((made - resid).pow(2).sum() / (resid - resid.mean((0, 1))).pow(2).sum())
    assert found["explained_variance"] == pytest.approx(1 - unexplained, rel=1e-4)
    assert found["l0"] == pytest.approx(float((acts != 0).sum(-1).float().mean()))


def test_a_short_name_of_the_hook_point_will_do(tiny, windows, top_k):
    assert measured(tiny, top_k, windows, "blocks.1.resid_post").kept == measured(tiny, top_k, windows).kept


def test_an_sae_between_attention_and_mlp_replaces_what_both_paths_read(tiny, windows):
    found = measured(tiny, Exact(), windows, layer_hook("resid_mid", 1)).kept
    assert found.ce_with_sae == pytest.approx(found.ce, abs=1e-6)
    nothing_left = measured(tiny, Constant(torch.zeros(D_MODEL)), windows, layer_hook("resid_mid", 2)).kept
    # With 0 entering the last MLP and going around it, RMSNorm gives 0 and so does the MLP: the logits are all equal.
    assert nothing_left.ce_zero == pytest.approx(math.log(400), rel=1e-4)


def test_a_limit_that_leaves_nothing_is_refused(tiny, windows, top_k):
    with pytest.raises(SaeError, match="Every position is left out"):
        measured(tiny, top_k, windows, norm_limit=0.0)


def test_a_hook_point_that_is_not_there_is_refused(tiny, windows, top_k):
    with pytest.raises(InterventionError, match="no hook point"):
        measured(tiny, top_k, windows, "blocks.1.hook_nowhere")
