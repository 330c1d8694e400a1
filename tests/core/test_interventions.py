"""Interventions: identities, agreement with HookedTransformer, the text form, and what bad ones say."""

import functools
import io
from typing import Any

import numpy as np
import pytest
import torch

from interp_core import steering
from interp_core.edits import edits_of, fitted
from interp_core.errors import InterpError, InterventionError, MemoryLimitError, PromptPairError
from interp_core.generation import Sampling, generate
from interp_core.hook_points import canonical_name
from interp_core.hooks import forward
from interp_core.intervention_fit import fit_to_model
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.models import load_model
from interp_core.number_lists import read_numbers
from interp_core.prompts import Prompt
from interp_core.replay import record_layer_inputs, replay_layer
from interp_core.types import ModelSpec, Run
from tests.reference import hooked_transformer

TOKENS = (0, 17, 201, 33, 5, 90, 17, 300, 41)
EXAMPLES = (
    "zero z L1 H2", "zero z L1 H2 others", "zero mlp_out", "zero resid_mid L1 P3", "scale resid_mid L0 P2 x3",
    "scale mlp_post L1 U5,9 x2", "zero k L1 H1", "zero v L0 H0 P1-4", "scale q L2 H3 x-1", "zero pattern L1 H0",
    "zero attn_scores L0 H1 P4", "zero resid_post L0 P5", "scale embed P1 x0.5", "zero attn_out L2",
)  # fmt: skip


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox", "llama", "qwen2", "gemma2"])
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def loaded(family, tiny_folders):
    return load_model(ModelSpec("folder", f"tiny-{family}", device="cpu"), tiny_folders[family])


def run_under(loaded, texts, tokens=TOKENS):
    run = Run(loaded.spec, tokens, tuple(Intervention.parse(text) for text in texts))
    return forward(loaded.model, loaded.tokens(tokens), edits_of(loaded, run)).output


def has(loaded, text):
    return Intervention.parse(text).point in {point.name for point in loaded.hook_points}


@pytest.mark.parametrize("text", ["scale {} x1", "freeze {}", "patch {} P1,3 Q1,3"])
@pytest.mark.parametrize(
    "point", ["z", "pattern", "q", "v", "mlp_post", "attn_out", "mlp_out", "resid_mid", "resid_pre"]
)
def test_an_intervention_that_changes_nothing_is_bit_equal_to_the_plain_run(loaded, text, point):
    spec = text.format(point)
    if not has(loaded, spec):
        pytest.skip("this family has no such point")
    assert torch.equal(run_under(loaded, [spec]), run_under(loaded, []))


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_kind_of_place_changes_the_output_and_leaves_the_next_plain_run_bit_equal(loaded, text):
    if not has(loaded, text):
        pytest.skip("this family has no such point")
    plain = run_under(loaded, [])
    assert not torch.equal(run_under(loaded, [text]), plain)
    assert torch.equal(run_under(loaded, []), plain)


def reference_hooks(text, n_layers) -> list[Any]:
    """The same change, written by hand for HookedTransformer."""
    spec = Intervention.parse(text)
    long = {"z": "attn.hook_z", "q": "attn.hook_q", "k": "attn.hook_k", "v": "attn.hook_v", "mlp_post": "mlp.hook_post",
            "pattern": "attn.hook_pattern", "attn_scores": "attn.hook_attn_scores"}.get(
                spec.point, f"hook_{spec.point}")  # fmt: skip

    def edit(activation, hook):
        made = activation.clone()
        factor = 0.0 if spec.action == "zero" else spec.factor
        positions = list(range(activation.shape[2 if "pattern" in long or "scores" in long else 1]))
        positions = positions if spec.positions is None else list(spec.positions)
        if "pattern" in long or "scores" in long:
            for head in spec.heads or ():
                made[:, head, positions] *= factor
                if factor == 0:
                    made[:, head, positions] = 0
            return made
        if spec.heads is not None:
            heads = [h for h in range(activation.shape[2]) if (h in spec.heads) != spec.others]
            for head in heads:
                made[:, positions, head] *= factor
        elif spec.units is not None:
            made[:, :, list(spec.units)] *= factor
        else:
            made[:, positions] *= factor
        return made

    if spec.point == "embed":
        return [("hook_embed", edit)]
    layers = range(n_layers) if spec.layers is None else spec.layers
    return [(f"blocks.{layer}.{long}", edit) for layer in layers]


@pytest.mark.parametrize("text", EXAMPLES)
def test_interventions_equal_hand_written_hooks_on_hooked_transformer(family, loaded, tiny_folders, text):
    if family not in ("gpt2", "gpt_neox", "llama") or not has(loaded, text):
        pytest.skip("no independent model of this family, or no such point")
    reference = _reference(tiny_folders[family])
    tokens = torch.tensor([TOKENS])
    with torch.no_grad():
        expected = reference.run_with_hooks(tokens, fwd_hooks=reference_hooks(text, 3)).log_softmax(-1)
    assert (run_under(loaded, [text]).log_softmax(-1) - expected).abs().max() < 1e-4


@functools.cache
def _reference(folder):
    return hooked_transformer(folder)


def test_patching_every_layer_input_gives_the_other_run(loaded):
    other = loaded.tokenizer.tokenise(Prompt("the cat sat on it")).ids
    tokens = (other[0], *reversed(other[1:]))
    patched = run_under(loaded, ["patch resid_pre L0 from:the%20cat%20sat%20on%20it"], tokens)
    assert not torch.equal(run_under(loaded, [], tokens), run_under(loaded, [], other))
    assert torch.equal(patched, run_under(loaded, [], other))


def test_a_patch_takes_each_position_from_where_it_says(loaded):
    run = Run(loaded.spec, TOKENS, (Intervention.parse("patch resid_pre L1 P2,6 Q7,3"),))
    name = "blocks.1.ln1.hook_in"
    plain = forward(loaded.model, loaded.tokens(TOKENS), keep=[name]).kept[name]
    edited = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run), keep=[name]).kept[name]
    expected = plain.clone()
    expected[:, [2, 6]] = plain[:, [7, 3]]
    assert torch.equal(edited, expected)


def test_mean_ablation_writes_the_mean_of_the_reference_and_keeps_the_bos_position_apart(loaded):
    texts = ["the cat sat", "a dog ran far away"]
    spec = Intervention("mean", "z", layers=(1,), heads=(2,), sources=tuple(texts))
    run, name = Run(loaded.spec, TOKENS, (spec,)), "blocks.1.attn.hook_z"
    kept = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run), keep=[name]).kept[name][0]
    plain = forward(loaded.model, loaded.tokens(TOKENS), keep=[name]).kept[name][0]
    rows = []
    for text in texts:
        ids = loaded.tokenizer.tokenise(Prompt(text)).ids
        rows.append(forward(loaded.model, loaded.tokens(ids), keep=[name]).kept[name][0])
    mean = torch.cat([row[1:] for row in rows]).mean(0)
    assert torch.allclose(kept[1:, 2], mean[2].expand(len(TOKENS) - 1, -1))
    assert torch.allclose(kept[0, 2], rows[0][0, 2])
    assert torch.equal(kept[:, [0, 1, 3]], plain[:, [0, 1, 3]])


def test_resampling_is_seeded_and_draws_values_of_the_reference(loaded):
    spec = "resample z L1 H2 from:the%20cat%20sat%20on%20it"
    first, again = run_under(loaded, [spec]), run_under(loaded, [spec])
    other = run_under(loaded, [f"{spec} seed:7"])
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_frozen_head_keeps_its_value_whatever_happens_before_it(loaded):
    name = "blocks.2.attn.hook_z"
    plain = forward(loaded.model, loaded.tokens(TOKENS), keep=[name]).kept[name]
    run = Run(loaded.spec, TOKENS, tuple(map(Intervention.parse, ("zero attn_out L0", "freeze z L2 H1"))))
    kept = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run), keep=[name]).kept[name]
    assert torch.equal(kept[:, :, 1], plain[:, :, 1])
    assert not torch.equal(kept[:, :, 0], plain[:, :, 0])


def test_steering_adds_the_difference_of_two_prompts_at_their_last_tokens(loaded):
    run = Run(loaded.spec, TOKENS, (Intervention.parse("add resid_pre L1 x2 plus:a%20cat minus:the%20dog"),))
    name = "blocks.1.ln1.hook_in"
    ends = []
    for text in ("a cat", "the dog"):
        ids = loaded.tokenizer.tokenise(Prompt(text)).ids
        ends.append(forward(loaded.model, loaded.tokens(ids), keep=[name]).kept[name][0, -1])
    plain = forward(loaded.model, loaded.tokens(TOKENS), keep=[name]).kept[name]
    edited = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run), keep=[name]).kept[name]
    assert torch.allclose(edited, plain + 2 * (ends[0] - ends[1]), atol=1e-5)


def test_a_stored_vector_is_added(tiny, folders):
    rng = np.random.default_rng(0)
    direction = rng.normal(size=32).astype(np.float32)
    buffer = io.BytesIO()
    np.save(buffer, direction)
    name = steering.store_vector("my direction.npy", buffer.getvalue())
    assert name in steering.list_vectors()
    run = Run(tiny.spec, TOKENS, (Intervention.parse(f"add resid_pre L2 P4 x3 vector:{name}"),))
    hook = "blocks.2.ln1.hook_in"
    plain = forward(tiny.model, tiny.tokens(TOKENS), keep=[hook]).kept[hook]
    edited = forward(tiny.model, tiny.tokens(TOKENS), edits_of(tiny, run), keep=[hook]).kept[hook]
    assert torch.allclose(edited[0, 4], plain[0, 4] + 3 * torch.from_numpy(direction), atol=1e-5)
    with pytest.raises(InterventionError, match=r"takes \(8,\)"):
        edits_of(tiny, Run(tiny.spec, TOKENS, (Intervention.parse(f"add z L2 vector:{name}"),)))


def test_generation_under_an_intervention_equals_the_full_pass_at_every_step(loaded):
    specs = tuple(map(Intervention.parse, ("zero z L1 H2", "scale mlp_post L0 U3 x3", "scale resid_mid L1 x0.5")))
    specs = tuple(spec for spec in specs if has(loaded, spec.text))
    run = Run(loaded.spec, TOKENS, specs)
    made = finish(generate(loaded, run, Sampling(n_tokens=4)))
    ids = TOKENS
    for new in made.ids:
        output = forward(loaded.model, loaded.tokens(ids), edits_of(loaded, Run(loaded.spec, ids, specs))).output
        assert int(output[0, -1].argmax()) == new
        ids = (*ids, new)


def test_a_layer_run_again_under_interventions_gives_the_same_bits(loaded):
    run = Run(loaded.spec, TOKENS, tuple(map(Intervention.parse, ("scale resid_pre L1 x2", "zero z L1 H0"))))
    edits, name = edits_of(loaded, run), "blocks.1.hook_attn_out"
    with record_layer_inputs(loaded.model) as inputs:
        kept = forward(loaded.model, loaded.tokens(TOKENS), edits, keep=[name]).kept[name]
    assert torch.equal(replay_layer(loaded.model, inputs, 1, edits, keep=[name])[name], kept)


@pytest.mark.parametrize(
    "text",
    [
        *EXAMPLES,
        "off zero z L1 H2",
        "mean z L0-2 H1 from:a%20b from:c nobos",
        "resample mlp_out L1 seed:12",
        "freeze pattern from:Hello%2C%20you",
        "patch resid_pre L1 P3 from:x Q2",
        "add resid_post L0 x-2.5 plus:Love minus:Hate",
        "add resid_pre L0 vector:my-direction",
    ],
)
def test_the_text_form_reads_back(text):
    spec = Intervention.parse(text)
    assert Intervention.parse(spec.text) == spec
    assert spec.text == text


def test_every_spelling_of_a_hook_point_is_one_name(loaded):
    assert Intervention.parse("zero blocks.1.attn.hook_z") == Intervention.parse("zero z L1")
    for name in loaded.model.hook_dict:
        short, layer = canonical_name(name)
        assert (layer is not None) == name.startswith("blocks.")
        assert not short.startswith("blocks.")
    points = [point.name for point in loaded.hook_points]
    assert len(points) == len(set(points))
    ids = [id(loaded.model.hook_dict[point.hook(0 if point.layers else None)]) for point in loaded.hook_points]
    assert len(ids) == len(set(ids))


def test_the_output_of_a_layer_is_the_input_of_the_next(loaded):
    fit = functools.partial(fit_to_model, points=loaded.hook_points, n_layers=3)
    assert fit(Intervention.parse("zero resid_post L0 P2")) == Intervention.parse("zero resid_pre L1 P2")
    assert fit(Intervention.parse("zero resid_post L2")).point == "resid_post"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no intervention"),
        ("explode z", "is no intervention"),
        ("zero", "is no intervention"),
        ("zero z Lx", "no list of numbers"),
        ("zero z L1,1", "twice"),
        ("zero z L0-99999", "more than"),
        ("zero z wild", "no part of an intervention"),
        ("scale z xa", "no factor"),
        ("scale z x1e9", "between"),
        ("scale z xnan", "between"),
        ("patch z L1", "nothing to patch from"),
        ("add z L1", "no vector"),
        ("zero z others", "Name them"),
        ("patch z P1,2 Q1", "one for each position"),
        ("freeze z from:a from:b", "more than it takes"),
    ],
)
def test_what_is_no_intervention_is_said(text, sentence):
    with pytest.raises(InterventionError, match=sentence):
        Intervention.parse(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zero z L9", "no layer 9"),
        ("zero z L1 H4", "no head 4"),
        ("zero k L1 H2", "no head 2"),
        ("zero mlp_out L1 H0", "has no heads"),
        ("zero mlp_post L1 U99999", "no unit 99999"),
        ("zero nonsense L1", "no hook point 'nonsense'"),
        ("zero embed L1", "stands outside the layers"),
        ("mean pattern L1", "different sizes"),
        ("zero z L1 P9", "no position 9"),
        ("zero pattern L0 U9", "has 9 tokens, so there is no position 9. The last one is 8"),
        ("patch z L1 from:a", "do not correspond"),
        ("patch z L1 P7 from:a", "has only"),
        ("patch z L1 P7 from:a Q5", "no position 5"),
        ("add resid_pre L1 vector:absent", "no stored vector"),
        ("add resid_pre L1 vector:..%2Fx", "no stored vector"),
    ],
)
def test_what_does_not_fit_the_model_or_the_prompt_is_said(tiny, text, sentence):
    spec = Intervention.parse(text)
    with pytest.raises(InterpError, match=sentence):
        edits_of(tiny, Run(tiny.spec, TOKENS, fitted(tiny, [spec], TOKENS)))


def test_unequal_lengths_are_their_own_error(tiny):
    with pytest.raises(PromptPairError, match="has 2 tokens and the prompt has 9"):
        fitted(tiny, [Intervention.parse("patch z L1 from:a")], TOKENS)


def test_an_intervention_that_is_off_is_left_out(tiny):
    assert fitted(tiny, [Intervention.parse("off zero z L1 H2")], TOKENS) == ()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.npy", b"nothing", "can be read"),
        ("a.safetensors", b"nothing", "can be read"),
        ("..npy", b"", "no name"),
        ("big.npy", b"0" * (5 * 1024 * 1024), "may have"),
    ],
)
def test_a_file_that_holds_no_vector_is_refused(folders, name, content, sentence):
    with pytest.raises(InterventionError, match=sentence):
        steering.store_vector(name, content)


def test_lists_of_numbers_are_read():
    assert read_numbers("2-4, 7") == (2, 3, 4, 7)


def test_what_an_intervention_would_keep_of_other_runs_must_fit(tiny, monkeypatch):
    monkeypatch.setattr("interp_core.sources.free_bytes", lambda device: 1000)
    with pytest.raises(MemoryLimitError, match="Keeping what the interventions take"):
        edits_of(tiny, Run(tiny.spec, (*TOKENS, 7), (Intervention.parse("freeze pattern"),)))
