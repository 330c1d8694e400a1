"""Neighbours, writes on a token and features of a text are what the plain formulas say."""

import numpy as np
import pytest
import torch

from interp_core.edits import fitted
from interp_core.errors import SaeError
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.models import load_model
from interp_core.sae.decoder_logits import read_decoder_logits
from interp_core.sae.loading import load_sae
from interp_core.sae.neighbours import neighbours_of
from interp_core.sae.reading import read_features
from interp_core.sae.spec import SaeSpec
from interp_core.sae.text_features import fires_on
from interp_core.sae.token_writes import writes_on
from interp_core.types import ModelSpec, Run
from tests.conftest import FAMILIES
from tests.core.test_saes import D_SAE, IDS, write_sae

NAME = "folder:one"


@pytest.fixture
def saes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))
    return tmp_path / "saes"


@pytest.fixture
def sae(tiny, saes):
    tiny.saes.clear()
    write_sae(saes / "one", tiny, "topk")
    yield load_sae(tiny, SaeSpec("folder", "one"))
    tiny.saes.clear()


def test_neighbours_are_those_of_brute_force(tiny, sae):
    rows = sae.decoder.double().numpy()
    found = neighbours_of(tiny, NAME, 7)
    expected = [row @ rows[7] / np.linalg.norm(row) / np.linalg.norm(rows[7]) for row in rows]
    np.testing.assert_allclose(found.cosine, expected, atol=1e-6)
    order = [index for index in np.argsort(expected) if index != 7]
    assert found.nearest(5).tolist() == order[::-1][:5]
    assert found.nearest(5, opposite=True).tolist() == order[:5]
    assert len(found.nearest(1000)) == D_SAE - 1


def test_a_row_of_zeros_is_nobody_s_neighbour_and_has_none(tiny, sae):
    held = neighbours_of(tiny, NAME, 0) and tiny.saes[NAME]
    with torch.no_grad():
        held.module.W_dec[3] = 0
    found = neighbours_of(tiny, NAME, 7)
    assert np.isnan(found.cosine[3])
    assert 3 not in found.nearest(1000)
    with pytest.raises(SaeError, match="is 0, so it has no neighbours"):
        neighbours_of(tiny, NAME, 3)


def test_features_and_tokens_that_there_are_not_are_named(tiny, sae):
    with pytest.raises(SaeError, match=f"has no feature {D_SAE}"):
        neighbours_of(tiny, NAME, D_SAE)
    with pytest.raises(SaeError, match="There is no token"):
        writes_on(tiny, NAME, tiny.card.d_vocab)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("hook", ["blocks.1.hook_resid_post", "blocks.1.attn.hook_z"])
def test_writes_on_a_token_are_a_column_of_all_decoder_logits(tiny_folders, saes, family, hook):
    loaded = load_model(ModelSpec("folder", f"tiny-{family}", device="cpu"), tiny_folders[family])
    width = int(np.prod(forward(loaded.model, loaded.tokens(IDS), keep=[hook]).kept[hook].shape[2:]))
    write_sae(saes / "one", loaded, hook=hook, d_in=width)
    if family == "gemma2" and hook.endswith("hook_z"):
        with pytest.raises(SaeError, match="no matrix alone leads"):
            writes_on(loaded, NAME, 5)
        return
    everything = finish(read_decoder_logits(loaded, NAME, k=loaded.card.d_vocab))
    for token in (0, 5, 77):
        expected = [
            logits[ids.tolist().index(token)]
            for ids, logits in zip(everything.promoted_ids, everything.promoted, strict=True)
        ]
        found = writes_on(loaded, NAME, token)
        np.testing.assert_allclose(found.write, expected, atol=1e-4)
        assert found.strongest(3).tolist() == np.argsort(-found.write, kind="stable")[:3].tolist()
        assert found.strongest(1, suppressed=True)[0] == found.write.argmin()


def test_a_token_s_writes_sum_to_zero_over_the_vocabulary(tiny, sae):
    whole = sum(writes_on(tiny, NAME, token).write.astype(np.float64) for token in range(tiny.card.d_vocab))
    np.testing.assert_allclose(whole, 0, atol=1e-4)


def test_features_of_a_text_are_the_largest_of_its_reading(tiny, sae):
    run = Run(tiny.spec, IDS)
    dense, found = read_features(tiny, run, NAME).dense(), fires_on(tiny, run, NAME)
    assert set(found.feature) == set(np.flatnonzero(dense.any(0)))
    assert (np.diff(found.activation) <= 0).all()
    for feature, activation, pos, n_pos in zip(found.feature, found.activation, found.pos, found.n_pos, strict=True):
        assert activation == dense[:, feature].max() == dense[pos, feature]
        assert n_pos == (dense[:, feature] > 0).sum()
    assert found.left_out == ()


def test_interventions_count_for_the_features_of_a_text(tiny, sae):
    off = fitted(tiny, (Intervention("zero", "mlp_out", layers=(0,)),), IDS)
    clean, changed = (fires_on(tiny, Run(tiny.spec, IDS, edits), NAME) for edits in ((), off))
    dense = read_features(tiny, Run(tiny.spec, IDS, off), NAME).dense()
    assert changed.activation.tolist() == dense[:, changed.feature].max(0).tolist()
    assert changed.activation.tolist() != clean.activation.tolist()


def test_positions_that_the_sae_was_not_trained_on_are_left_out(tiny, saes, sae):
    act = forward(tiny.model, tiny.tokens(IDS), keep=[sae.hook]).kept[sae.hook][0]
    norms = act.norm(dim=-1)
    limit = float(norms.sort().values[-3:-1].mean())
    write_sae(saes / "two", tiny, "topk", norm_limit=limit)
    found = fires_on(tiny, Run(tiny.spec, IDS), "folder:two")
    assert found.left_out == tuple((norms > limit).nonzero().flatten().tolist())
    assert len(found.left_out) == 2
    assert not set(found.left_out) & set(found.pos)
