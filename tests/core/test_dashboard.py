"""A feature's dashboard: every number in it is one that can be computed another way."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from interp_core.errors import SaeError
from interp_core.harvest.bundle import open_harvest
from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.histogram import band_shares, bin_edges, share_below
from interp_core.harvest.library import find_harvests
from interp_core.harvest.plan import HarvestPlan
from interp_core.hooks import forward
from interp_core.jobs import finish
from interp_core.models import LoadedModel
from interp_core.sae.dashboard import feature_document, with_effects, with_second
from interp_core.sae.effects import remove_features
from interp_core.sae.example_effects import ExampleEffects, Stretch, example_effects
from interp_core.sae.features import held_sae
from interp_core.sae.measured import measure_here, measured_quality, windows_at_hand
from interp_core.sae.quality import measure_quality
from interp_core.sae.ranking import active_features
from interp_core.sae.reading import read_features
from interp_core.sae.second_sae import correlate_with
from interp_core.types import Run
from interp_views.feature_document import feature_view
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import D_SAE, write_sae

NAME = "folder:one"
PLAN = HarvestPlan(context=12, shard_windows=6, rows=3)


@pytest.fixture(scope="module")
def made(tiny: LoadedModel, tmp_path_factory):
    """Two SAEs of the tiny model in one folder, and a harvest of the first."""
    root = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOKSCOPE_SAES", str(root / "saes"))
        patch.setenv("HOOKSCOPE_HARVESTS", str(root / "harvests"))
        write_sae(root / "saes" / "one", tiny, "topk")
        write_sae(root / "saes" / "two", tiny, "standard", hook="blocks.0.hook_resid_post")
        (root / "harvests").mkdir()
        finish(harvest(tiny, held_sae(tiny, NAME), Texts(TEXTS), PLAN, root / "harvests" / "one"))
        yield open_harvest(root / "harvests" / "one")
        tiny.saes.clear()


def test_a_harvest_is_found_by_the_checksum_of_its_sae(tiny, made):
    (found,), problems = find_harvests(held_sae(tiny, NAME).checksum)
    assert (found.folder, problems) == (made.folder, [])
    assert find_harvests("0" * 64) == ([], [])
    (broken := made.folder.parent / "broken").mkdir()
    (broken / "manifest.json").write_text("{")
    _, problems = find_harvests(held_sae(tiny, NAME).checksum)
    assert "broken" in problems[0]
    (broken / "manifest.json").unlink()


def test_a_harvest_of_another_model_is_not_of_an_sae_that_fits_both(tiny, made):
    checksum = held_sae(tiny, NAME).checksum
    assert find_harvests(checksum, tiny.card)[0]
    for change in ({"name": "tiny-qwen2"}, {"revision": "other"}, {"processing": "raw"}):
        found, problems = find_harvests(checksum, dataclasses.replace(tiny.card, **change))
        assert found == [] and any("harvest one was made with this SAE on another model" in one for one in problems)


def test_a_dashboard_says_what_the_harvest_and_the_weights_say(tiny, made):
    sae = held_sae(tiny, NAME)
    unembed = tiny.model.unembed.W_U.detach()
    for index in (0, 7, D_SAE - 1):
        document, record = feature_document(tiny, NAME, index, made), made.feature(index)
        assert document["name"] == f"L1F{index}"
        assert document["record"]["fired"] == record.fired == sum(document["record"]["histogram"]["counts"])
        assert sum(band["share"] for band in document["record"]["bands"]) == pytest.approx(1)
        assert len(document["examples"]) == len(record.examples)
        row = sae.decoder[index] @ unembed
        row = row - row.mean()
        for word, token, value in document["logits"]["promoted"]:
            assert value == pytest.approx(float(row[token]), abs=1e-4)
            assert word == tiny.tokenizer.str_tokens([token])[0]
        assert document["logits"]["promoted"][0][2] == pytest.approx(float(row.max()), abs=1e-4)
        assert document["logits"]["suppressed"][0][2] == pytest.approx(float(row.min()), abs=1e-4)
        assert sum(document["logits"]["histogram"]["counts"]) == tiny.card.d_vocab
        assert document["label"]["by"] == "automatic"
        assert document == json.loads(json.dumps(document, allow_nan=False))
        view = feature_view(document)
        assert view.density == pytest.approx(record.density)
        assert sum(len(group.examples) for group in view.groups) == len(record.examples)


def test_the_user_s_label_goes_before_the_automatic_one(tiny, made):
    document = feature_document(tiny, NAME, 3, made, label="mine")
    assert document["label"] == {"text": "mine", "by": "user"}
    assert feature_document(tiny, NAME, 3)["label"] is None


def test_without_a_harvest_a_dashboard_has_logits_alone(tiny, made):
    document = feature_document(tiny, NAME, 3)
    assert document["record"] is None and not document["examples"] and document["logits"]
    view = feature_view(document)
    assert np.isnan(view.density) and view.activations is None and view.promoted


def test_a_feature_that_is_not_there_is_refused(tiny, made):
    with pytest.raises(SaeError, match=f"no feature {D_SAE}"):
        feature_document(tiny, NAME, D_SAE, made)


@pytest.mark.parametrize("values", [[1.0], [0.5, 0.6, 8.0, 8.1], list(np.geomspace(0.01, 100, 500)), [3.0] * 40])
def test_shares_of_bands_and_quantiles_are_those_of_the_activations_to_a_bin(values):
    values = np.array(values)
    edges = bin_edges()
    histogram = np.histogram(values, np.minimum(edges, 1e9))[0]
    shares = band_shares(histogram, edges, values.min(), values.max())
    assert sum(shares) == pytest.approx(1)
    cuts = values.max() * np.arange(11) / 10
    true = np.histogram(values, cuts)[0][::-1] / len(values)
    # An edge cuts one bin, whose activations may lie on either side.
    slack = histogram.max() / len(values) + 1e-9
    assert np.abs(np.cumsum(shares) - np.cumsum(true)).max() <= slack
    for value in values[:: max(1, len(values) // 7)]:
        share = share_below(histogram, edges, value, values.min(), values.max())
        assert abs(share - (values < value).mean()) <= slack or value == values.max()
    assert np.isnan(share_below(histogram * 0, edges, 1.0, 0.0, 0.0))


def most_frequent(made):
    return int(made.dense("fired").argmax())


def stretches_of(made, feature):
    """Of the examples that do not end with their peak, each with its number."""
    found = []
    for number, example in enumerate(made.feature(feature).examples):
        window = made.window(example)
        first = window.pos - example.peak
        if example.peak < len(example.tokens) - 1:
            found.append((number, Stretch(window.tokens, first, first + len(example.tokens) - 1)))
    return found


def test_effects_on_an_example_are_those_of_two_plain_passes(tiny, made):
    sae, feature = held_sae(tiny, NAME), most_frequent(made)
    _, stretch = stretches_of(made, feature)[0]
    found = finish(example_effects(tiny, NAME, feature, [stretch]))
    assert found.complete and found.found[0]
    tokens = tiny.tokens(stretch.tokens)
    plain = forward(tiny.model, tokens, keep=[sae.hook])
    acts = sae.encode(plain.kept[sae.hook])[0]
    for one in found.found[0]:
        at = one.pos - 1
        taken = torch.zeros_like(plain.kept[sae.hook])
        taken[0, at] = acts[at, feature] * sae.decoder[feature]

        class Removal:
            def hooks(self, first, taken=taken):
                return [(sae.hook, lambda x, hook: x - taken)], []

        before, after = (
            logits[0, at].log_softmax(-1) for logits in (plain.output, forward(tiny.model, tokens, [Removal()]).output)
        )
        target = stretch.tokens[one.pos]
        assert one.exact == pytest.approx(float(before[target] - after[target]), abs=1e-5)
        assert one.before == pytest.approx(float(before[target].exp()), abs=1e-5)
        assert one.after == pytest.approx(float(after[target].exp()), abs=1e-5)
        raised = before - after
        assert one.raised[0][1] == pytest.approx(float(raised.max()), abs=1e-5)
        assert one.lowered[0][1] == pytest.approx(float(raised.min()), abs=1e-5)
        cell = finish(remove_features(tiny, Run(tiny.spec, stretch.tokens), NAME, [(feature, at)]))
        assert one.exact == pytest.approx(float(cell.effect[0, at]), abs=1e-5)


def test_effects_go_on_where_they_were_stopped_and_stand_at_their_tokens(tiny, made):
    feature = most_frequent(made)
    numbers, stretches = zip(*stretches_of(made, feature)[:4], strict=True)
    whole = finish(example_effects(tiny, NAME, feature, stretches))
    part = ExampleEffects(whole.found[:2], 4)
    assert finish(example_effects(tiny, NAME, feature, stretches, so_far=part)) == whole
    document = feature_document(tiny, NAME, feature, made)
    effects = zip(numbers, stretches, whole.found, strict=True)
    richer = with_effects(tiny, document, {number: (stretch.first, found) for number, stretch, found in effects})
    assert "losses" not in document["examples"][numbers[0]]
    losses = richer["examples"][numbers[0]]["losses"]
    for one in whole.found[0]:
        assert losses["exact"][one.pos - stretches[0].first] == pytest.approx(one.exact, rel=1e-5)
        assert len(losses["up"][one.pos - stretches[0].first]) == 5
    view = feature_view(richer)
    shown = {text.number for group in view.groups for text in group.examples if text.losses}
    assert shown == set(numbers)


def test_features_of_a_second_sae_are_correlated_as_numpy_does(tiny, made):
    feature = most_frequent(made)
    windows = [made.window(example).tokens for example in made.feature(feature).examples[:8]]
    found = finish(correlate_with(tiny, NAME, feature, "folder:two", windows, k=5))
    one = np.concatenate([read_features(tiny, Run(tiny.spec, tokens), NAME).dense() for tokens in windows])[:, feature]
    two = np.concatenate([read_features(tiny, Run(tiny.spec, tokens), "folder:two").dense() for tokens in windows])
    with np.errstate(divide="ignore", invalid="ignore"):
        pearson = np.nan_to_num([np.corrcoef(one, column)[0, 1] for column in two.T.astype(np.float64)])
    assert [round(other.pearson, 5) for other in found] == pytest.approx(sorted(pearson, reverse=True)[:5], abs=1e-4)
    for other in found:
        column = two[:, other.index]
        assert other.together == int(((one > 0) & (column > 0)).sum())
        assert other.cosine == pytest.approx(one @ column / np.linalg.norm(one) / np.linalg.norm(column), abs=1e-4)
    document = with_second(feature_document(tiny, NAME, feature, made), "folder:two", found)
    assert feature_view(document).tables[-1].kind == "second"


def test_features_of_a_position_are_ranked_three_ways(tiny, made):
    run = Run(tiny.spec, (0, 17, 201, 33, 5, 90))
    found = active_features(tiny, run, NAME, 3, made)
    dense = read_features(tiny, run, NAME).dense()[3]
    assert np.array_equal(np.sort(found.feature), np.flatnonzero(dense))
    by_activation = found.ranked("activation")
    assert np.all(np.diff(found.activation[by_activation]) <= 0)
    exact = finish(remove_features(tiny, run, NAME, [(int(feature), 3) for feature in found.feature])).effect[:, 3]
    assert np.corrcoef(exact, found.estimate)[0, 1] > 0.8
    for place, feature in enumerate(found.feature.tolist()):
        record = made.feature(feature)
        if record.fired:
            assert 0 <= found.quantile[place] <= 1
            assert (found.quantile[place] == 1) == (found.activation[place] >= record.largest)
    last = active_features(tiny, run, NAME, 5, None)
    assert np.isnan(last.estimate).all() and np.isnan(last.quantile).all()
    assert np.array_equal(last.ranked("quantile"), last.ranked("activation"))


def test_an_sae_without_figures_is_measured_here_and_remembered(tiny, made):
    sae = held_sae(tiny, NAME)
    assert measured_quality(sae.checksum, tiny.card) is None
    windows, text = windows_at_hand(tiny, sae.config, made)
    assert len({len(window) for window in windows}) == 1 and "harvest" in text
    found = finish(measure_here(tiny, NAME, windows, text))
    assert measured_quality(sae.checksum, tiny.card) == found
    for change in ({"name": "tiny-qwen2"}, {"revision": "other"}, {"dtype": "bfloat16"}):
        assert measured_quality(sae.checksum, dataclasses.replace(tiny.card, **change)) is None
    expected = finish(measure_quality(tiny, sae, sae.hook, torch.tensor(windows)))
    assert found["without_left_out"]["explained_variance"] == pytest.approx(expected.kept.explained_variance)
    assert found["without_left_out"]["l0"] == pytest.approx(4)
    assert windows_at_hand(tiny, sae.config, None)[0]
    with pytest.raises(SaeError, match="no text to measure"):
        finish(measure_here(tiny, NAME, [], ""))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "no feature dashboard"),
        ({"version": 2}, "version '2'"),
        ({"examples": [{}] * 501}, "501 examples"),
        ({"examples": [{"kind": 0}]}, "cannot be read"),
        ({"feature": "7"}, "cannot be read"),
        ({"feature": 1e300}, "cannot be read"),
        ({"record": {"largest": "x"}}, "cannot be read|could not convert"),
        ({"logits": {"promoted": [["a", 1, "x"]]}}, "cannot be read"),
        ({"name": ["<b>"]}, "cannot be read"),
    ],
)
def test_documents_that_cannot_be_are_refused_with_a_sentence(tiny, made, change, message):
    document = feature_document(tiny, NAME, 7, made)
    with pytest.raises(ValueError, match=message):
        feature_view({**document, **change})
    for nothing in (None, [], "x", 3):
        with pytest.raises(ValueError, match="no feature dashboard"):
            feature_view(nothing)
