"""The SAEs that ship: they load, are as faithful as they say, and their harvests and maps belong to them. Default model."""

import json

import numpy as np
import pytest
import torch

from interp_core.harvest.library import SHIPPED as HARVESTS
from interp_core.harvest.library import find_harvests
from interp_core.hooks import forward
from interp_core.jobs import finish
from interp_core.sae.dashboard import feature_document
from interp_core.sae.features import held_sae, readable_saes
from interp_core.sae.quality import measure_quality
from interp_core.sae.spec import SHIPPED, checksum_of, quality_of
from interp_core.sae_training.sources import SOURCES
from interp_views.feature_document import feature_view

NAMES = sorted(path.parent.name for path in SHIPPED.glob("*/cfg.json"))
FREE = {"speeches", "novel", "almanac", "bible", "samples"}


def test_three_depths_ship_and_all_data_stays_small():
    assert [name.rpartition("-")[2] for name in NAMES] == ["14", "21", "7"]
    files = [path for path in SHIPPED.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 60e6
    assert max(path.stat().st_size for path in files) < 20e6


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_sae_says_how_faithful_it_is_and_reaches_the_goals(name):
    quality = quality_of(SHIPPED / name)
    assert quality
    kept = quality["without_left_out"]
    assert kept["n_pos"] > 100_000
    assert kept["l0"] <= 64.5
    assert kept["explained_variance"] >= 0.85
    assert kept["ce_recovered"] >= 0.93
    assert quality["dead_share"] < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_harvest_belongs_to_its_sae_and_is_whole(name):
    (found, *_), problems = find_harvests(checksum_of(SHIPPED / name))
    assert not problems
    assert found.folder == HARVESTS / name
    found.verify()
    record = found.feature(0)
    assert len(record.edges) == len(record.histogram) + 1
    assert record.edges[1] <= record.quantiles[0] <= record.quantiles[-1] <= record.largest < record.edges[-2]
    assert found.counts["tokens"] > 100_000
    assert (found.dense("fired") == 0).mean() < 0.05


def test_no_text_that_may_not_ship_is_in_a_dashboard():
    """The harvests' corpus is made of the sources in the public domain alone."""
    from data.make_harvests import FREE as TAKEN  # noqa: PLC0415

    assert set(TAKEN) <= FREE
    licences = {source.name: source.licence for source in SOURCES}
    assert all("public domain" in licences[name] or "CC0" in licences[name] for name in TAKEN)


def test_the_default_model_s_saes_reconstruct_it_and_their_dashboards_open(default_model):
    offered = readable_saes(default_model)
    assert set(NAMES) <= set(offered)
    name = "smollm2-135m-instruct-resid-post-14"
    sae = held_sae(default_model, name)
    ids = default_model.tokenizer.tokenise
    from interp_core.prompts import Prompt  # noqa: PLC0415

    tokens = ids(Prompt("When Mary and John went to the store, John gave a drink to")).ids
    kept = forward(default_model.model, default_model.tokens(tokens), keep=[sae.hook]).kept[sae.hook]
    acts = sae.encode(kept)[0]
    weights = {key: value.double() for key, value in sae.module.state_dict().items()}
    pre = (kept[0].double() - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]
    best = pre.topk(64, dim=-1)
    closed = torch.zeros_like(pre).scatter(-1, best.indices, best.values.relu())
    assert torch.allclose(acts.double(), closed, atol=1e-3, rtol=1e-5)
    (harvest, *_), _ = find_harvests(sae.checksum)
    feature = int(acts[-1].argmax())
    document = feature_document(default_model, name, feature, harvest)
    view = feature_view(json.loads(json.dumps(document)))
    assert view.groups and view.promoted and view.density > 0


def test_the_saved_figures_are_found_again_on_a_part_of_the_text(default_model):
    """On windows of the shipped harvest, which it was not measured on: near the saved figures."""
    name = "smollm2-135m-instruct-resid-post-7"
    sae = held_sae(default_model, name)
    (harvest, *_), _ = find_harvests(sae.checksum)
    windows = [tokens for tokens in harvest.windows(400) if len(tokens) == 256][:4]
    found = finish(
        measure_quality(default_model, sae, sae.hook, torch.tensor(windows), norm_limit=sae.config.norm_limit)
    )
    saved = quality_of(SHIPPED / name)["without_left_out"]
    assert found.kept.explained_variance == pytest.approx(saved["explained_variance"], abs=0.05)
    assert found.kept.l0 == pytest.approx(64, abs=1)
    assert found.kept.ce_recovered > 0.93
    assert np.isfinite(found.density).all()
