"""Interventions on SAE features: identities, agreement with hooks written by hand, generation, sweeps, and what is refused."""

import pytest
import torch
from sae_lens.registry import SAE_CLASS_REGISTRY

from interp_core.ablation import AblationPlan, ablate_each
from interp_core.edits import edits_of, fitted
from interp_core.errors import InterventionError
from interp_core.generation import Sampling, generate
from interp_core.gradients import score_gradients
from interp_core.hooks import forward
from interp_core.interventions import ACTIONS, Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.models import load_model
from interp_core.sae.features import fitting_saes, held_sae
from interp_core.types import ModelSpec, Run
from tests.core.test_saes import D_SAE, normalise, write_sae
from tests.reference import hooked_transformer

TOKENS = (0, 17, 201, 33, 5, 90, 17, 300, 41)
PLAIN = ["standard", "gated", "jumprelu", "topk", "abstopk", "matching_pursuit"]
NORMALISED = ["none", "layer_norm", "constant_norm_rescale"]


@pytest.fixture
def folder(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path))
    yield tmp_path
    tiny.saes.clear()
    tiny.edits.clear()


def under(loaded, *texts, tokens=TOKENS, keep=()):
    run = Run(loaded.spec, tokens, tuple(Intervention.parse(text) for text in texts))
    return forward(loaded.model, loaded.tokens(tokens), edits_of(loaded, run), keep=keep)


def active(loaded, name="folder:one", least=2):
    """A feature that fires at some positions, at the most of them."""
    sae = held_sae(loaded, name)
    found = sae.encode(forward(loaded.model, loaded.tokens(TOKENS), keep=[sae.hook]).kept[sae.hook])[0]
    feature = int((found != 0).sum(0).argmax())
    assert (found[:, feature] != 0).sum() >= least
    return feature, found


def write(loaded, folder, **options):
    loaded.saes.clear()
    loaded.edits.clear()
    return write_sae(folder / "one", loaded, **options)


@pytest.mark.parametrize("normalised", NORMALISED)
@pytest.mark.parametrize("architecture", PLAIN)
def test_it_equals_the_decoding_of_changed_features_plus_the_error(tiny, folder, architecture, normalised):
    write(tiny, folder, architecture=architecture)
    normalise(folder / "one", normalised)
    feature, _ = active(tiny)
    sae = held_sae(tiny, "folder:one")
    again = SAE_CLASS_REGISTRY[architecture][0].load_from_disk(folder / "one")
    changes = {
        f"zero sae:folder:one U{feature}": lambda f: f * 0,
        f"scale sae:folder:one U{feature} x3": lambda f: f * 3,
        f"set sae:folder:one U{feature} x2.5 P1,4-6": lambda f: torch.full_like(f, 2.5),
        f"add sae:folder:one U{feature} x-1.5 P2": lambda f: f - 1.5,
    }
    for text, change in changes.items():
        chosen = list(Intervention.parse(text).positions or range(len(TOKENS)))

        def by_hand(x, hook, change=change, chosen=chosen):
            acts = again.encode(x)
            error = x - again.decode(acts)
            acts = again.encode(x).clone()  # decoding forgets the scale of what was read
            acts[:, chosen, feature] = change(acts[:, chosen, feature])
            return again.decode(acts) + error

        with torch.no_grad():
            expected = tiny.model.run_with_hooks(tiny.tokens(TOKENS), fwd_hooks=[(sae.hook, by_hand)])  # type: ignore[attr-defined]
        found = under(tiny, text).output
        assert (found - expected).abs().max() < 1e-4, text
        assert not torch.equal(found, under(tiny).output)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("point", ["hook_resid_mid", "attn.hook_z", "hook_mlp_out", "hook_resid_pre", "hook_mlp_in"])
def test_it_equals_hooks_on_hooked_transformer_at_every_place(tiny_folders, folder, family, point):
    loaded = load_model(ModelSpec("folder", f"tiny-{family}", device="cpu"), tiny_folders[family])
    hook = f"blocks.1.{point}"
    write(loaded, folder, hook=hook)
    again = SAE_CLASS_REGISTRY["standard"][0].load_from_disk(folder / "one")

    def by_hand(x, hook):
        acts = again.encode(x.flatten(2))
        made = acts.clone()
        made[:, 2:5, [3, 8, 11]] *= -2
        return x + ((made - acts) @ again.W_dec).reshape(x.shape)

    reference = hooked_transformer(tiny_folders[family])
    reference.set_use_hook_mlp_in(True)
    with torch.no_grad():
        expected = reference.run_with_hooks(torch.tensor([TOKENS]), fwd_hooks=[(hook, by_hand)]).log_softmax(-1)
    found = under(loaded, "scale sae:folder:one U3,8,11 P2-4 x-2").output.log_softmax(-1)
    assert (found - expected).abs().max() < 1e-4
    assert (found - under(loaded).output.log_softmax(-1)).abs().max() > 1e-3


@pytest.mark.parametrize("architecture", PLAIN)
def test_what_changes_nothing_is_bit_equal_to_the_plain_run(tiny, folder, architecture):
    write(tiny, folder, architecture=architecture)
    feature, found = active(tiny)
    plain = under(tiny).output
    silent = int((found == 0).all(0).nonzero()[0, 0]) if (found == 0).all(0).any() else None
    assert torch.equal(under(tiny, f"scale sae:folder:one U0-{D_SAE - 1}").output, plain)
    assert torch.equal(under(tiny, f"add sae:folder:one U{feature} x0").output, plain)
    if silent is not None:
        assert torch.equal(under(tiny, f"zero sae:folder:one U{silent}").output, plain)
    pos = int((found[:, feature] != 0).nonzero()[0, 0])
    own = Intervention(
        "set", "", sae="folder:one", units=(feature,), positions=(pos,), factor=float(found[pos, feature])
    )
    assert torch.equal(under(tiny, own.text).output, plain)


def test_positions_that_no_feature_changes_at_keep_their_bits(tiny, folder):
    write(tiny, folder)
    _, found = active(tiny)
    feature = int(((found != 0).sum(0) == 4).nonzero()[0, 0])
    hook = held_sae(tiny, "folder:one").hook
    before, after = (
        under(tiny, *texts, keep=[hook]).kept[hook][0] for texts in ([], [f"zero sae:folder:one U{feature}"])
    )
    fires = found[:, feature] != 0
    assert 0 < fires.sum() < len(TOKENS)
    assert torch.equal((before != after).any(-1), fires)


def test_several_on_one_sae_act_on_one_encoding_in_their_order(tiny, folder):
    write(tiny, folder)
    texts = ["scale sae:folder:one U3 x2", "zero sae:folder:one U8", "add sae:folder:one U3 x1", "zero attn_out L0 P2"]
    sae = held_sae(tiny, "folder:one")
    x = under(tiny, texts[-1], keep=[sae.hook]).kept[sae.hook]
    acts = sae.encode(x)
    made = acts.clone()
    made[..., 3] = made[..., 3] * 2 + 1
    made[..., 8] = 0
    expected = x + (made - acts) @ sae.decoder
    assert torch.allclose(under(tiny, *texts, keep=[sae.hook]).kept[sae.hook], expected, atol=1e-5)


def test_a_change_of_the_place_in_between_is_seen_by_the_features_named_after_it(tiny, folder):
    write(tiny, folder, hook="blocks.1.hook_mlp_out")
    sae = held_sae(tiny, "folder:one")
    x = under(tiny, keep=[sae.hook]).kept[sae.hook]
    for feature in (3, 8):
        acts = sae.encode(x)
        acts[..., [one for one in range(D_SAE) if one != feature]] = 0
        x = x - acts @ sae.decoder
        x = x if feature == 8 else 2 * x
    texts = ["zero sae:folder:one U3", "scale mlp_out L1 x2", "zero sae:folder:one U8"]
    assert torch.allclose(under(tiny, *texts, keep=[sae.hook]).kept[sae.hook], x, atol=1e-4)


def test_steering_adds_the_decoder_row_whether_the_feature_fires_or_not(tiny, folder):
    write(tiny, folder)
    sae = held_sae(tiny, "folder:one")
    before, after = (
        under(tiny, *texts, keep=[sae.hook]).kept[sae.hook] for texts in ([], ["add sae:folder:one U5 x4 P3"])
    )
    assert torch.allclose(after[0, 3] - before[0, 3], 4 * sae.decoder[5], atol=1e-5)


def test_rows_of_a_top_k_sae_that_counts_in_norms_are_what_it_decodes(tiny, folder):
    write(tiny, folder, architecture="topk")
    sae = held_sae(tiny, "folder:one")
    sae.module.cfg.rescale_acts_by_decoder_norm = True
    one = torch.zeros(1, 1, D_SAE)
    one[..., 7] = 1
    assert torch.allclose(sae.decode(one) - sae.decode(one * 0), sae.decoder[7], atol=1e-6)
    tiny.saes.clear()


def test_generation_with_a_cache_steers_every_new_token(tiny, folder):
    write(tiny, folder)
    run = Run(tiny.spec, TOKENS, (Intervention.parse("set sae:folder:one U3 x6"),))
    made = finish(generate(tiny, run, Sampling(n_tokens=6, temperature=0.0)))
    tokens: list[int] = list(TOKENS)
    for _ in range(6):
        tokens.append(int(under(tiny, "set sae:folder:one U3 x6", tokens=tuple(tokens)).output[0, -1].argmax()))
    assert list(made.ids)[-6:] == tokens[-6:]


@pytest.mark.parametrize("hook", ["blocks.1.hook_resid_post", "blocks.1.hook_resid_mid", "blocks.1.attn.hook_z"])
def test_sweeps_keep_it_in_force(tiny, folder, hook):
    write(tiny, folder, hook=hook)
    text = "set sae:folder:one U3 x6"
    run = Run(tiny.spec, TOKENS, fitted(tiny, (Intervention.parse(text),), TOKENS))
    made = finish(ablate_each(tiny, run, Metric("logit_difference", (5,), (9,)), AblationPlan("head")))
    for layer, head in ((0, 1), (1, 2), (2, 0)):
        logits = under(tiny, text, f"zero z L{layer} H{head}").output[0, -1]
        if hook.endswith("hook_z") and layer == 1:
            continue  # the sweep's own edit of z comes after the run's, as it does in the order given here
        assert abs(float(logits[5] - logits[9]) - made.score[layer, head]) < 1e-4


def test_a_gradient_passes_through_the_features(tiny, folder):
    write(tiny, folder)
    feature, _ = active(tiny)
    edits = edits_of(tiny, Run(tiny.spec, TOKENS, (Intervention.parse(f"scale sae:folder:one U{feature} x-3"),)))
    name = "blocks.1.hook_mlp_out"
    gradient = score_gradients(tiny.model, tiny.tokens(TOKENS), edits, [name], lambda logits: logits[-1, 5])[name]
    direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0))

    class Nudge:
        def __init__(self, size):
            self.size = size

        def hooks(self, first):
            return [(name, lambda activation, hook: activation + self.size * direction)], []

    sizes = (1e-3, -1e-3)
    ends = [forward(tiny.model, tiny.tokens(TOKENS), [Nudge(size), *edits]).output[0, -1, 5] for size in sizes]
    slope = float(ends[0] - ends[1]) / 2e-3
    assert abs(float((gradient * direction).sum()) - slope) < 0.02 * abs(slope) + 1e-2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zero sae:folder:two U3", "There is no SAE 'folder:two'"),
        ("zero sae:../x U3", "cannot be an SAE's name"),
        ("zero sae:release:a:b U3", "lies on the hub and was not fetched yet"),
        ("zero sae:folder:one U40", "has no feature 40. The last one is 39"),
        ("zero resid_pre L1 sae:folder:one U3", "another place is named"),
        ("zero sae:folder:one U3 L0", "another place is named"),
        ("zero sae:folder:one U3 P9", "no position 9"),
    ],
)
def test_what_does_not_fit_says_why(tiny, folder, text, sentence):
    write(tiny, folder)
    with pytest.raises(InterventionError, match=sentence):
        fitted(tiny, (Intervention.parse(text),), TOKENS)


@pytest.mark.parametrize(
    ("architecture", "options", "sentence"),
    [
        ("transcoder", {}, "is a transcoder"),
        ("temporal", {}, "depends on all earlier positions"),
        ("standard", {"model_name": "gpt2"}, "was trained on gpt2"),
        ("standard", {"weight_processing": "raw"}, "was trained on raw weights"),
    ],
)
def test_saes_that_cannot_be_acted_on_say_why_and_are_not_offered(tiny, folder, architecture, options, sentence):
    write(tiny, folder, architecture=architecture, **options)
    with pytest.raises(InterventionError, match=sentence):
        fitted(tiny, (Intervention.parse("zero sae:folder:one U3"),), TOKENS)
    assert "folder:one" not in fitting_saes(tiny)
    write_sae(folder / "two", tiny)
    assert "folder:two" in fitting_saes(tiny)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mean sae:folder:one U3", "can be zeroed, scaled, set or added"),
        ("zero sae:folder:one", "no feature is named"),
        ("add sae:folder:one U3 plus:Love", "takes no heads, prompts or vectors"),
        ("zero sae:folder:one U3 H1", "takes no heads"),
        ("set sae:folder:one U3 xnan", "must lie between"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, sentence):
    with pytest.raises(InterventionError, match=sentence):
        Intervention.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "zero sae:one U231", "set sae:folder:one P3 U2-4 x2.5", "add resid_post L14 sae:one U7 x-8",
        "off scale sae:release:a:b/c U1 x0.123456789", "set mlp_post L3 U17 x5",
    ],
)  # fmt: skip
def test_text_is_read_and_written(text):
    assert Intervention.parse(Intervention.parse(text).text) == Intervention.parse(text)


def test_chips_are_short():
    assert Intervention.parse("set sae:one U231 P3 x4").label == "set F231 of one P3 to 4"
    assert Intervention.parse("zero sae:one U1,2").label == "zero F1-2 of one"


def test_one_of_a_release_that_was_fetched_is_taken(tiny, folder, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(folder / "cache"))
    write_sae(folder / "cache" / "saes" / "some-release" / "layer--1", tiny)
    made = fitted(tiny, (Intervention.parse("zero sae:release:some-release:layer/1 U3"),), TOKENS)
    assert (made[0].point, made[0].layers) == ("resid_post", (1,))


def test_filling_in_the_place_leaves_a_spec_that_fits_again(tiny, folder):
    write(tiny, folder)
    once = fitted(tiny, (Intervention.parse("zero sae:folder:one U3"),), TOKENS)
    assert (once[0].point, once[0].layers) == ("resid_post", (1,))
    assert fitted(tiny, once, TOKENS) == once


def test_setting_plain_activations(tiny):
    made = under(tiny, "set mlp_post L1 U5 P2 x3", keep=["blocks.1.mlp.hook_post"]).kept["blocks.1.mlp.hook_post"]
    plain = under(tiny, keep=["blocks.1.mlp.hook_post"]).kept["blocks.1.mlp.hook_post"]
    plain[0, 2, 5] = 3
    assert torch.equal(made, plain)
    assert "set" in ACTIONS


def test_few_saes_are_kept_with_a_model(tiny, folder):
    tiny.saes.clear()
    for name in "abcdef":
        write_sae(folder / name, tiny)
        held_sae(tiny, f"folder:{name}")
    assert list(tiny.saes) == [f"folder:{name}" for name in "cdef"]
    assert held_sae(tiny, "folder:c") is tiny.saes["folder:c"]
    assert list(tiny.saes)[-1] == "folder:c"
