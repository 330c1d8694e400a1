"""Patching sweeps: the library's numbers, cell by cell, and identities on every family."""

import functools

import numpy as np
import pandas as pd
import pytest
import torch
import transformer_lens.patching as library

from interp_core.attached import attached
from interp_core.cell_edits import transplant
from interp_core.edits import edits_of
from interp_core.errors import InterpError, MemoryLimitError, MetricError, PromptPairError
from interp_core.gradients import score_gradients
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import METRIC_KINDS, Metric
from interp_core.models import load_model
from interp_core.partial import final_logits, record_run, run_layer
from interp_core.patching import HEAD_SITES, PatchingSweep, SweepPlan, patch_sweep
from interp_core.prompt_pairs import PromptPair, align
from interp_core.prompts import Prompt
from interp_core.types import ModelSpec, Run
from tests.reference import hooked_transformer

CLEAN = (0, 17, 201, 33, 5, 90, 17, 300, 41)
CORRUPTED = (0, 17, 201, 7, 5, 9, 17, 300, 41)
METRIC = Metric("logit_difference", (5, 8), (9,))
PLANS = (
    *(SweepPlan(site) for site in ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")),
    *(SweepPlan(site, by_position) for site in HEAD_SITES for by_position in (False, True)),
    SweepPlan("mlp_post", True, 1), SweepPlan("mlp_post", False, 1),
)  # fmt: skip
_LIBRARY = {
    ("resid_pre", True): library.get_act_patch_resid_pre,
    ("resid_mid", True): library.get_act_patch_resid_mid,
    ("attn_out", True): library.get_act_patch_attn_out,
    ("mlp_out", True): library.get_act_patch_mlp_out,
    ("z", False): library.get_act_patch_attn_head_out_all_pos,
    ("z", True): library.get_act_patch_attn_head_out_by_pos,
    ("q", False): library.get_act_patch_attn_head_q_all_pos,
    ("q", True): library.get_act_patch_attn_head_q_by_pos,
    ("k", False): library.get_act_patch_attn_head_k_all_pos,
    ("k", True): library.get_act_patch_attn_head_k_by_pos,
    ("v", False): library.get_act_patch_attn_head_v_all_pos,
    ("v", True): library.get_act_patch_attn_head_v_by_pos,
    ("pattern", False): library.get_act_patch_attn_head_pattern_all_pos,
    ("pattern", True): library.get_act_patch_attn_head_pattern_by_pos,
}


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox", "llama", "qwen2", "gemma2"])
def family(request) -> str:
    return request.param


_PROCESSING = {"qwen2": "compatibility", "gemma2": "compatibility"}
"""Raw weights for the others: their processed ones are compared with the library's sweeps."""


@pytest.fixture(scope="module")
def loaded(family, tiny_folders):
    processing = _PROCESSING.get(family, "raw")
    return load_model(ModelSpec("folder", f"tiny-{family}", device="cpu", processing=processing), tiny_folders[family])


def pair_of(loaded, clean=CLEAN, corrupted=CORRUPTED, interventions=()):
    specs = tuple(map(Intervention.parse, interventions))
    return PromptPair(Run(loaded.spec, clean, specs), Run(loaded.spec, corrupted, specs))


def plans_of(loaded):
    names = {point.name for point in loaded.hook_points}
    return [plan for plan in PLANS if plan.site in names]


def one_by_one(loaded, plan, cell, pair, metric=METRIC):
    """The score of one patch by one whole forward pass with an intervention written as text."""
    axes = dict(zip(plan.axes, cell, strict=True))
    layer = axes.get("layer", plan.layer)
    words = [f"patch {plan.site} L{layer}"]
    words += [f"H{axes['head']}"] if "head" in axes else []
    words += [f"U{axes['unit']}"] if "unit" in axes else []
    point = next(p for p in loaded.hook_points if p.name == plan.site)
    into, source = (pair.corrupted, pair.clean) if plan.direction == "denoising" else (pair.clean, pair.corrupted)
    positions = [axes["pos"]] if "pos" in axes else list(range(len(into.tokens)))
    kept = forward(loaded.model, loaded.tokens(source.tokens), edits_of(loaded, source), keep=[point.hook(layer)]).kept[
        point.hook(layer)
    ]

    spec = Intervention.parse(
        " ".join([*words, f"P{','.join(map(str, positions))}", f"Q{','.join(map(str, positions))}"])
    )
    edit = transplant(kept, spec, point, layer)
    logits = forward(loaded.model, loaded.tokens(into.tokens), [*edits_of(loaded, into), edit]).output[0, -1]
    clean = forward(loaded.model, loaded.tokens(pair.clean.tokens), edits_of(loaded, pair.clean)).output[0, -1]
    return float(metric.score(logits[None], clean)[0])


def test_sweeps_equal_the_librarys_on_hooked_transformer(family, tiny_folders):
    if family not in ("gpt2", "gpt_neox", "llama"):
        pytest.skip("no independent model of this family")
    loaded = load_model(ModelSpec("folder", f"tiny-{family}", device="cpu"), tiny_folders[family])
    reference = _reference(tiny_folders[family])
    clean, corrupted = torch.tensor([CLEAN]), torch.tensor([CORRUPTED])
    _, cache = reference.run_with_cache(clean)

    def metric(logits):
        return METRIC.score(logits[:, -1])[0]

    for plan in plans_of(loaded):
        run_library = _LIBRARY.get((plan.site, plan.by_position))
        if run_library is None:
            continue
        made = finish(patch_sweep(loaded, pair_of(loaded), METRIC, plan))
        expected = run_library(reference, corrupted, cache, metric).detach().numpy()
        if plan.site == "pattern" and plan.by_position:
            expected = expected.swapaxes(1, 2)  # the library puts heads before positions there
        assert made.complete
        assert np.ptp(expected) > 0.1
        assert made.score.shape == expected.shape, plan
        assert np.abs(made.score - expected).max() < 1e-4, plan


@functools.cache
def _reference(folder):
    return hooked_transformer(folder)


def test_sampled_cells_equal_whole_forward_passes(loaded):
    direction = "denoising" if loaded.spec.processing == "compatibility" else "noising"
    rng = np.random.default_rng(0)
    pair = pair_of(loaded, interventions=("scale mlp_out L0 x0.5", "zero z L1 H1"))
    for plan in plans_of(loaded):
        plan = SweepPlan(plan.site, plan.by_position, plan.layer, direction)
        made = finish(patch_sweep(loaded, pair, METRIC, plan, budget=40))
        for flat in rng.choice(made.score.size, 3, replace=False):
            cell = tuple(int(place) for place in np.unravel_index(flat, made.score.shape))
            expected = one_by_one(loaded, plan, cell, pair)
            assert made.score[cell] == pytest.approx(expected, abs=1e-4), (plan, cell)


def test_a_partial_pass_from_any_layer_and_position_gives_the_whole_pass(loaded):
    tokens = tuple(np.random.default_rng(1).integers(2, 400, 40).tolist())  # longer than gemma2's window
    recorded = record_run(loaded.model, loaded.tokens(tokens))
    for first in (0, 7, 30):
        for layer in range(3):
            resid = recorded.entering(layer)[:, first:].expand(3, -1, -1)
            with torch.no_grad():
                for rest in range(layer, 3):
                    resid = run_layer(recorded, rest, resid, first)
                logits = final_logits(recorded, resid[:, -1], 39)
            assert (logits - recorded.logits[-1]).abs().max() < 1e-5


@pytest.mark.parametrize("kind", METRIC_KINDS)
def test_every_metric_is_swept_and_both_ends_are_right(tiny, kind):
    metric = Metric(kind, (5,), (9,) if kind == "logit_difference" else ())
    made = finish(patch_sweep(tiny, pair_of(tiny), metric, SweepPlan("resid_pre")))
    assert made.score[0, :3] == pytest.approx(made.corrupted_score)
    assert made.effect[0, :3] == pytest.approx(0)
    for cell in ((0, 3), (2, 8)):
        assert made.score[cell] == pytest.approx(one_by_one(tiny, made.plan, cell, pair_of(tiny), metric), abs=1e-4)
    assert (made.preview is None) == (kind == "rank")


def test_patching_the_last_layers_output_at_the_last_position_gives_the_clean_run(tiny):
    made = finish(patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan("resid_post")))
    assert made.effect[-1, -1] == pytest.approx(1, abs=1e-5)


def test_the_first_result_is_the_preview_and_exact_values_replace_it(tiny):
    steps = [step.partial for step in patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan("z", True), budget=20)]
    assert all(isinstance(step, PatchingSweep) for step in steps)
    assert len(steps) > 3
    counts = [int(step.exact.sum()) for step in steps]
    assert counts == sorted(counts)
    assert counts[-1] == steps[-1].score.size
    assert np.array_equal(steps[0].score[:, 3:], steps[0].preview[:, 3:])
    r, worst, off = steps[-1].agreement()
    exact, preview = steps[-1].score, steps[-1].preview
    assert np.isnan(preview[:, :3]).all()
    assert np.isfinite(preview[:, 3:]).all()
    assert r == pytest.approx(np.corrcoef(exact[:, 3:].ravel(), preview[:, 3:].ravel())[0, 1], abs=1e-5)
    assert off == pytest.approx(abs(exact[worst] - preview[worst]))


@pytest.mark.parametrize(
    ("kind", "direction", "said"),
    [("kl", "noising", "its gradient is 0"), ("kl", "denoising", ""), ("rank", "noising", "a rank moves in steps")],
)
def test_where_a_gradient_foretells_nothing_there_is_no_preview_and_a_reason(tiny, kind, direction, said):
    plan, metric = SweepPlan("resid_pre", direction=direction), Metric(kind, () if kind == "kl" else (5,))
    made = next(patch_sweep(tiny, pair_of(tiny), metric, plan)).partial
    assert (made.preview is None) == bool(said)
    assert said in made.no_preview
    assert bool(said) == bool(made.no_preview)


def test_what_a_sweep_keeps_must_fit_and_a_preview_that_does_not_is_left_out(tiny, monkeypatch):
    run = next(patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan("pattern")))
    assert run.partial.preview is not None
    patterns = 2 * 3 * 4 * len(CLEAN) ** 2 * 4
    monkeypatch.setattr("interp_core.sweep_memory.free_bytes", lambda device: 10 * patterns)
    made = finish(patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan("pattern")))
    assert made.complete
    assert made.preview is None
    assert "does not fit into the memory" in made.no_preview
    monkeypatch.setattr("interp_core.sweep_memory.free_bytes", lambda device: patterns)
    with pytest.raises(MemoryLimitError, match="Keeping pattern of both prompts over 9 tokens"):
        finish(patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan("pattern")))


@pytest.mark.parametrize("plan", [SweepPlan("z", True), SweepPlan("resid_pre"), SweepPlan("mlp_post", False, 1)])
def test_a_stopped_sweep_goes_on_with_what_it_had(tiny, plan):
    steps = [step.partial for step in patch_sweep(tiny, pair_of(tiny), METRIC, plan, budget=20)]
    half = steps[len(steps) // 2]
    rest = [step.partial for step in patch_sweep(tiny, pair_of(tiny), METRIC, plan, budget=20, so_far=half)]
    assert rest[0] is half
    assert len(rest) < len(steps)
    assert rest[-1].complete
    np.testing.assert_array_equal(rest[-1].score[half.exact], half.score[half.exact])
    np.testing.assert_allclose(rest[-1].score, steps[-1].score, atol=1e-4)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.site} {plan.by_position}")
def test_a_small_difference_is_foretold_by_the_preview(tiny, plan):
    """Prompts that differ by one token whose embedding was made almost the same: first order is then exact."""
    embedding = tiny.model.embed.original_component.weight
    kept = embedding.data.clone()
    try:
        embedding.data[7] = embedding.data[33] + 1e-3 * torch.randn(32, generator=torch.Generator().manual_seed(0))
        pair = pair_of(tiny, corrupted=(0, 17, 201, 7, 5, 90, 17, 300, 41))
        made = finish(patch_sweep(tiny, pair, METRIC, plan))
    finally:
        embedding.data.copy_(kept)
    assert made.agreement()[0] > 0.98


def test_gradients_equal_finite_differences(loaded):
    tokens = loaded.tokens(CLEAN)
    for point in loaded.hook_points:
        if point.name not in ("z", "q", "k", "v", "pattern", "attn_out", "mlp_out", "mlp_post", "resid_pre"):
            continue
        name = point.hook(1)
        gradient = score_gradients(loaded.model, tokens, (), [name], lambda logits: METRIC.score(logits[-1:])[0])[name]
        step = 1e-2 * torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0))

        def scored(sign, name=name, step=step):
            with torch.no_grad(), attached(loaded.model, [(name, lambda value, hook: value + sign * step)]):
                return float(METRIC.score(loaded.model(tokens)[0, -1:])[0])

        assert float((gradient * step).sum()) == pytest.approx((scored(1) - scored(-1)) / 2, abs=2e-3, rel=0.02)


def test_a_sweep_leaves_no_hook_and_the_next_plain_run_is_bit_equal(tiny):
    before = forward(tiny.model, tiny.tokens(CLEAN)).output
    resting = tiny.hook_count()
    steps = patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan("z", True), budget=20)
    next(steps), next(steps)
    assert tiny.hook_count() == resting
    steps.close()
    assert torch.equal(forward(tiny.model, tiny.tokens(CLEAN)).output, before)


def test_the_default_models_sampled_cells_equal_the_librarys(default_model, default_folder):
    reference = _reference(default_folder)
    texts = ("When Mary and John went to the store, John gave a drink to",
             "When Mary and John went to the store, Mary gave a drink to")  # fmt: skip
    clean, corrupted = (default_model.tokenizer.tokenise(Prompt(text)).ids for text in texts)
    mary, john = (
        default_model.tokenizer.tokenise(Prompt(text, prepend_bos=False)).ids[0] for text in (" Mary", " John")
    )
    metric = Metric("logit_difference", (mary,), (john,))
    pair = PromptPair(Run(default_model.spec, clean), Run(default_model.spec, corrupted))
    _, cache = reference.run_with_cache(torch.tensor([clean]))
    rng = np.random.default_rng(0)
    setters = {
        "resid_pre": library.layer_pos_patch_setter,
        "z": library.layer_head_vector_patch_setter,
    }  # fmt: skip
    for site, setter in setters.items():
        made = finish(patch_sweep(default_model, pair, metric, SweepPlan(site, by_position=site != "z")))
        last = range(pair.first_difference if site != "z" else 0, made.score.shape[1])
        rows = [(rng.integers(30), rng.choice(last)) for _ in range(4)]
        rows += [np.unravel_index(int(made.score.argmax()), made.score.shape)]
        frame = pd.DataFrame([list(map(int, row)) for row in rows], columns=["layer", "head" if site == "z" else "pos"])
        expected = library.generic_activation_patch(
            reference, torch.tensor([corrupted]), cache, lambda logits: metric.score(logits[:, -1])[0], setter, site,
            index_df=frame,
        )  # fmt: skip
        for row, value in zip(rows, expected.tolist(), strict=True):
            assert made.score[row] == pytest.approx(value, abs=1e-4), (site, row)
        assert made.agreement()[0] > 0.5


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"corrupted": CORRUPTED[:-2]}, PromptPairError, "take 2 from the clean prompt"),
        ({"clean": CLEAN[:-1]}, PromptPairError, "take 1 from the corrupted prompt"),
        ({"corrupted": CLEAN}, PromptPairError, "the same tokens"),
    ],
)
def test_prompts_that_cannot_be_compared_are_refused(tiny, change, error, sentence):
    with pytest.raises(error, match=sentence):
        pair_of(tiny, **change)


@pytest.mark.parametrize(
    ("metric", "plan", "read", "sentence"),
    [
        (Metric("logit_difference"), SweepPlan(), None, "no answer"),
        (Metric("logit_difference", (5,), (5,)), SweepPlan(), None, "both answer and foil"),
        (METRIC, SweepPlan(), 2, "no effect to recover"),
        (METRIC, SweepPlan(), 9, "cannot be read at position 9"),
        (METRIC, SweepPlan("mlp_post"), None, "one layer at a time"),
        (METRIC, SweepPlan("mlp_post", layer=3), None, "one layer at a time"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_runs(tiny, metric, plan, read, sentence):
    with pytest.raises(InterpError, match=sentence):
        finish(patch_sweep(tiny, pair_of(tiny), metric, plan, read=read))


def test_metrics_that_cannot_tell_the_two_apart_are_metric_errors(tiny):
    with pytest.raises(MetricError):
        finish(patch_sweep(tiny, pair_of(tiny), METRIC, SweepPlan(), read=1))


def test_prompts_of_other_lengths_are_aligned_by_their_common_tokens():
    places = align((0, 1, 2, 3, 4), (0, 1, 9, 8, 3, 4)).places
    assert places == ((0, 0), (1, 1), (2, 2), (None, 3), (3, 4), (4, 5))
