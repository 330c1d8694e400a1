"""What features do and what removing them costs: against plain forward passes, matrix products and sums written out."""

import numpy as np
import pytest
import torch

from interp_core.edits import edits_of
from interp_core.errors import InterpError, SaeError
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.models import load_model
from interp_core.readout import readout_of
from interp_core.sae.decoder_logits import read_decoder_logits, row_logits
from interp_core.sae.effect_estimates import direct_effects, gradient_effects
from interp_core.sae.effects import remove_features
from interp_core.sae.feature_sources import feature_sources
from interp_core.sae.features import held_sae
from interp_core.sae.ranking import active_features
from interp_core.sae.reading import read_features
from interp_core.sae.stream_writes import stream_rows
from interp_core.types import ModelSpec, Run
from tests.core.test_saes import D_SAE, normalise, write_sae
from tests.reference import hooked_transformer

TOKENS = (0, 17, 201, 33, 5, 90, 17, 300, 41)
NAME = "folder:one"
PLACES = ["blocks.1.hook_resid_post", "blocks.2.hook_resid_post", "blocks.1.hook_resid_pre", "blocks.1.hook_resid_mid",
          "blocks.0.attn.hook_z", "blocks.1.hook_mlp_out", "blocks.2.hook_attn_out", "blocks.1.mlp.hook_post"]  # fmt: skip


@pytest.fixture
def folder(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path))
    yield tmp_path
    tiny.saes.clear()
    tiny.edits.clear()


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma2"])
def family(request, tiny_folders):
    return load_model(ModelSpec("folder", f"tiny-{request.param}", device="cpu"), tiny_folders[request.param])


def write(loaded, folder, hook="blocks.1.hook_resid_post", normalised="none", **options):
    loaded.saes.clear()
    loaded.edits.clear()
    point = next(point for point in loaded.hook_points if point.hook(int(hook.split(".")[1])) == hook)
    write_sae(folder / "one", loaded, hook=hook, d_in=point.width * max(1, point.n_heads), **options)
    normalise(folder / "one", normalised)
    return held_sae(loaded, NAME)


def run_under(loaded, *texts):
    return Run(loaded.spec, TOKENS, tuple(Intervention.parse(text) for text in texts))


def losses(loaded, run):
    """Of every next token, by a plain forward pass."""
    logits = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run)).output[0]
    return (-logits.log_softmax(-1)[:-1].gather(1, torch.tensor(TOKENS[1:])[:, None])[:, 0]).numpy()


@pytest.mark.parametrize("architecture", ["standard", "topk", "jumprelu", "temporal"])
def test_a_reading_holds_every_active_feature(tiny, folder, architecture):
    sae = write(tiny, folder, architecture=architecture)
    expected = sae.encode(forward(tiny.model, tiny.tokens(TOKENS), keep=[sae.hook]).kept[sae.hook])[0]
    made = read_features(tiny, Run(tiny.spec, TOKENS), NAME)
    assert np.array_equal(made.dense(), expected.numpy())
    assert (made.activation != 0).all()
    assert list(zip(made.pos, made.feature, strict=True)) == sorted(zip(made.pos, made.feature, strict=True))


def test_positions_that_the_sae_was_not_trained_on_are_left_out_of_a_reading(tiny, folder):
    sae = write(tiny, folder)
    x = forward(tiny.model, tiny.tokens(TOKENS), keep=[sae.hook]).kept[sae.hook]
    norms = x[0].norm(dim=-1)
    write(tiny, folder, norm_limit=float(norms.sort().values[-3:-1].mean()))
    found = read_features(tiny, Run(tiny.spec, TOKENS), NAME)
    out = norms.topk(2).indices.sort().values.tolist()
    assert found.left_out == tuple(out) and not set(out) & set(found.pos)
    expected = sae.encode(x)[0].numpy()
    expected[out] = np.nan
    assert np.array_equal(found.dense(), expected, equal_nan=True)
    feature = int(found.feature[0])
    assert np.array_equal(found.of(feature), expected[:, feature], equal_nan=True)
    there = active_features(tiny, Run(tiny.spec, TOKENS), NAME, out[0], None)
    assert there.left_out and not len(there.feature)


@pytest.mark.parametrize("architecture", ["transcoder", "temporal"])
def test_features_that_cannot_be_removed_are_ranked_without_effects(tiny, folder, architecture):
    write(tiny, folder, architecture=architecture)
    run = Run(tiny.spec, TOKENS)
    found = active_features(tiny, run, NAME, 3, None)
    assert set(found.feature) == set(np.flatnonzero(read_features(tiny, run, NAME).dense()[3]))
    assert architecture in found.without_effects and np.isnan(found.estimate).all()
    assert np.array_equal(found.ranked("effect"), found.ranked("activation"))


def test_a_reading_is_of_the_run_under_its_interventions(tiny, folder):
    write(tiny, folder)
    plain, made = (read_features(tiny, run_under(tiny, *texts), NAME).dense() for texts in ([], ["zero mlp_out L0 P4"]))
    assert np.array_equal(plain[:4], made[:4])
    assert not np.array_equal(plain[4], made[4])


@pytest.mark.parametrize("texts", [[], ["zero z L1 H2", f"scale sae:{NAME} U3-9 x2"]])
@pytest.mark.parametrize("hook", PLACES)
def test_an_exact_effect_is_the_difference_of_two_plain_passes(family, folder, hook, texts):
    loaded = family
    write(loaded, folder, hook=hook)
    run = run_under(loaded, *texts)
    found = read_features(loaded, run, NAME)
    some = list(zip(found.feature.tolist(), found.pos.tolist(), strict=True))[::23]
    cells = [*some, *((feature, None) for feature in sorted({feature for feature, _ in some})[:3])]
    made = finish(remove_features(loaded, run, NAME, cells, reach="later", budget=20))
    before = losses(loaded, run)
    assert np.allclose(made.loss[:-1], before, atol=1e-4)
    assert np.isnan(made.effect[:, -1]).all()
    biggest = 0.0
    for row, (feature, pos) in enumerate(cells):
        # The reading is of what the run's own interventions left, so the removal comes after them, not on one encoding.
        sae = held_sae(loaded, NAME)
        x = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run), keep=[sae.hook]).kept[sae.hook]
        acts = sae.encode(x)
        gone = acts.clone()
        gone[:, slice(None) if pos is None else pos, feature] = 0
        taken = ((acts - gone) @ sae.decoder).reshape(x.shape)
        after = losses_without(loaded, run, sae, taken)
        assert np.allclose(made.effect[row, :-1], after - before, atol=2e-4), (feature, pos)
        biggest = max(biggest, np.abs(after - before).max())
    assert biggest > 1e-2
    if not texts:
        feature, pos = cells[0]
        changed = losses(loaded, run_under(loaded, f"zero sae:{NAME} U{feature} P{pos}"))
        assert np.allclose(made.effect[0, :-1], changed - before, atol=2e-4)


def losses_without(loaded, run, sae, taken):
    point = sae.point.name

    class Taking:
        def hooks(self, first):
            name = sae.hook.replace("hook_resid_mid", "hook_attn_out") if point == "resid_mid" else sae.hook
            return [(name, lambda x, hook: x - taken)], []

    logits = forward(loaded.model, loaded.tokens(TOKENS), [*edits_of(loaded, run), Taking()]).output[0]
    return (-logits.log_softmax(-1)[:-1].gather(1, torch.tensor(TOKENS[1:])[:, None])[:, 0]).numpy()


@pytest.mark.parametrize("normalised", ["none", "layer_norm", "constant_norm_rescale"])
def test_the_next_token_s_effect_is_the_same_whoever_else_is_in_the_pass(tiny, folder, normalised):
    write(tiny, folder, normalised=normalised)
    run = Run(tiny.spec, TOKENS)
    found = read_features(tiny, run, NAME)
    cells = list(zip(found.feature.tolist(), found.pos.tolist(), strict=True))
    later = finish(remove_features(tiny, run, NAME, cells, reach="later"))
    following = finish(remove_features(tiny, run, NAME, cells, reach="next", budget=7))
    before = losses(tiny, run)
    for row, (feature, pos) in enumerate(cells):
        if pos == len(TOKENS) - 1:
            assert np.isnan(following.effect[row]).all() and np.isnan(following.total[row])
            continue
        assert abs(following.effect[row, pos] - later.effect[row, pos]) < 1e-4
        assert np.isnan(np.delete(following.effect[row], pos)).all()
        assert following.activation[row] == pytest.approx(float(found.activation[row]), rel=1e-5)
        if row % 40 == 0:
            after = losses(tiny, run_under(tiny, f"zero sae:{NAME} U{feature} P{pos}"))
            assert abs(following.total[row] - (after - before)[pos]) < 1e-4


def test_a_silent_feature_costs_nothing_and_no_pass(tiny, folder):
    write(tiny, folder, architecture="topk")
    run = Run(tiny.spec, TOKENS)
    dense = read_features(tiny, run, NAME).dense()
    feature = int((dense == 0).all(0).nonzero()[0][0])
    steps = remove_features(tiny, run, NAME, [(feature, 3), (feature, None)])
    made = finish(steps)
    assert made.effect[0, 3] == 0 and made.total.tolist() == [0, 0]


def test_what_has_no_effect_to_speak_of_is_refused(tiny, folder):
    write(tiny, folder)
    run = Run(tiny.spec, TOKENS)
    for cells, error, sentence in (
        ([(D_SAE, 3)], SaeError, "has no feature 40"),
        ([(3, 9)], InterpError, "no position 9"),
    ):
        with pytest.raises(error, match=sentence):
            finish(remove_features(tiny, run, NAME, cells))
    with pytest.raises(SaeError, match="two tokens or more"):
        finish(remove_features(tiny, Run(tiny.spec, TOKENS[:1]), NAME, [(3, 0)]))
    tiny.saes.clear()
    write(tiny, folder, hook="blocks.1.hook_mlp_in")
    with pytest.raises(SaeError, match="which an ordinary pass does not compute"):
        read_features(tiny, run, NAME)


@pytest.mark.parametrize("hook", ["blocks.1.hook_resid_post", "blocks.1.hook_resid_mid", "blocks.0.attn.hook_z"])
def test_the_gradient_s_estimate_is_the_slope_of_the_exact_effect(family, folder, hook):
    sae = write(family, folder, hook=hook)
    run = Run(family.spec, TOKENS)
    made = gradient_effects(family, run, NAME)
    one = gradient_effects(family, run, NAME, read=4)
    assert not one[5:].any()
    dense = read_features(family, run, NAME).dense()
    assert not made[dense == 0].any()
    x = forward(family.model, family.tokens(TOKENS), keep=[sae.hook]).kept[sae.hook]
    for feature, pos in list(zip(*[axis.tolist() for axis in dense.T.nonzero()], strict=True))[::37]:
        gone = torch.zeros(1, len(TOKENS), D_SAE)
        gone[0, pos, feature] = float(dense[pos, feature])
        taken = (gone @ sae.decoder).reshape(x.shape)
        ends = [losses_without(family, run, sae, size * taken) for size in (1e-2, -1e-2)]
        slope = (ends[0] - ends[1]) / 2e-2
        assert made[pos, feature] == pytest.approx(slope.sum(), rel=0.05, abs=5e-3)
        assert one[pos, feature] == pytest.approx(slope[4], rel=0.05, abs=5e-3)


@pytest.mark.parametrize("norm", ["recomputed", "frozen"])
def test_in_the_last_layer_the_direct_effect_is_the_exact_one(family, folder, norm):
    sae = write(family, folder, hook="blocks.2.hook_resid_post")
    run = Run(family.spec, TOKENS)
    found = read_features(family, run, NAME)
    cells = list(zip(found.feature.tolist(), found.pos.tolist(), strict=True))[::11]
    direct = direct_effects(family, run, NAME, cells, norm=norm)
    exact = finish(remove_features(family, run, NAME, cells)).total
    known = ~np.isnan(exact)
    assert np.array_equal(known, ~np.isnan(direct))
    assert np.allclose(direct[known], exact[known], atol=1e-4) == (norm == "recomputed")
    if norm == "frozen":  # written out: scale of the untouched stream, readout linear
        feature, pos = cells[3]
        final = forward(family.model, family.tokens(TOKENS), keep=["ln_final.hook_in"]).kept["ln_final.hook_in"][0, pos]
        readout = readout_of(family, ())
        scale = readout.norm.inverse_scale(final[None], readout.normed(final[None]))
        written = float(found.dense()[pos, feature]) * sae.decoder[feature]
        ends = [readout.logits(readout.frozen(stream[None], scale))[0] for stream in (final - written, final)]
        lost = [-float(end.log_softmax(-1)[TOKENS[pos + 1]]) for end in ends]
        assert direct[3] == pytest.approx(lost[0] - lost[1], abs=1e-4)


def test_a_direct_effect_of_heads_goes_through_their_output_matrix(tiny, folder):
    sae = write(tiny, folder, hook="blocks.2.attn.hook_z")
    rows = stream_rows(tiny, sae, slice(None))
    reference = hooked_transformer(tiny.folder)
    expected = torch.einsum("fhd,hdm->fm", sae.decoder.reshape(D_SAE, reference.cfg.n_heads, -1), reference.W_O[2])
    assert torch.allclose(rows, expected, atol=1e-4)


@pytest.mark.parametrize("hook", ["blocks.1.hook_resid_post", "blocks.2.attn.hook_z", "blocks.1.mlp.hook_post"])
def test_decoder_logits_equal_the_matrix_product(tiny, folder, hook):
    sae = write(tiny, folder, hook=hook)
    reference = hooked_transformer(tiny.folder)
    rows = sae.decoder
    rows = rows @ reference.W_O[2].flatten(0, 1) if hook.endswith("hook_z") else rows
    rows = rows @ reference.W_out[1] if hook.endswith("hook_post") else rows
    expected = rows @ reference.W_U
    expected = (expected - expected.mean(-1, keepdim=True)).detach()
    assert torch.allclose(row_logits(readout_of(tiny, ()), stream_rows(tiny, sae, slice(None))), expected, atol=1e-4)
    made = finish(read_decoder_logits(tiny, NAME, k=7, bins=12))
    top = expected.topk(7)
    assert np.allclose(made.promoted, top.values.numpy(), atol=1e-4)
    assert np.allclose(made.suppressed, expected.topk(7, largest=False).values.numpy(), atol=1e-4)
    assert np.allclose(expected.gather(1, torch.from_numpy(made.promoted_ids)).numpy(), made.promoted, atol=1e-4)
    assert (made.counts.sum(1) == expected.shape[1]).all()
    assert np.allclose(made.edges[:, -1], made.promoted[:, 0], atol=1e-4)
    some = finish(read_decoder_logits(tiny, NAME, [5, 3], k=7))
    assert np.allclose(some.promoted, made.promoted[[5, 3]], atol=1e-5) and some.feature.tolist() == [5, 3]


@pytest.mark.parametrize("architecture", ["standard", "gated", "jumprelu", "topk"])
def test_sources_of_a_feature_sum_to_its_pre_activation(family, folder, architecture):
    sae = write(family, folder, architecture=architecture, hook="blocks.1.attn.hook_z")
    run = Run(family.spec, TOKENS)
    made = feature_sources(family, run, NAME, 7, 5)
    z = forward(family.model, family.tokens(TOKENS), keep=[sae.hook]).kept[sae.hook].flatten(2)[0, 5]
    module = sae.module
    bias = module.b_gate if architecture == "gated" else module.b_enc
    expected = float((z - module.b_dec) @ module.W_enc[:, 7] + bias[7])
    assert made.pre_activation == pytest.approx(expected, abs=1e-4)
    assert abs(made.remainder) < 1e-4
    assert not made.contribution[:, 6:].any() and made.contribution[:, :6].all()
    # One source position's value taken away takes its column from z, the pattern being what it is.
    gone = Run(family.spec, TOKENS, (Intervention.parse("zero v L1 P3"),))
    less = feature_sources(family, gone, NAME, 7, 5)
    assert less.pre_activation == pytest.approx(made.pre_activation - float(made.contribution[:, 3].sum()), abs=1e-4)


def test_what_cannot_be_read_says_why(family, folder):
    write(family, folder)
    run = Run(family.spec, TOKENS)
    with pytest.raises(SaeError, match="has source positions"):
        feature_sources(family, run, NAME, 3, 2)
    with pytest.raises(InterpError, match="no token follows position 8"):
        gradient_effects(family, run, NAME, read=8)
    write(family, folder, hook="blocks.1.attn.hook_q")
    with pytest.raises(SaeError, match="no matrix alone leads"):
        finish(read_decoder_logits(family, NAME))
    write(family, folder, hook="blocks.1.attn.hook_z", normalised="layer_norm")
    with pytest.raises(SaeError, match="not a sum over what it reads"):
        feature_sources(family, run, NAME, 3, 2)
    with pytest.raises(InterpError, match="no position 9"):
        direct_effects(family, run, NAME, [(3, 9)])
