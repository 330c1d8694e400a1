"""Heads' results and split inputs, against models that TransformerLens runs with the flags which show them."""

import functools
from typing import Any

import pytest
import torch

from interp_core import hook_survey
from interp_core.ablation import AblationPlan, ablate_each
from interp_core.cell_edits import transplant
from interp_core.edits import edits_of
from interp_core.errors import InterventionError, MemoryLimitError
from interp_core.generation import Sampling, generate
from interp_core.hook_points import DERIVED_POINTS, point_named
from interp_core.hooks import forward
from interp_core.intervention_fit import fit_to_model
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.models import load_model
from interp_core.partial import final_logits, record_run, run_layer
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.prompts import Prompt
from interp_core.replay import record_layer_inputs, replay_layer
from interp_core.types import ModelSpec, Run
from tests.reference import hooked_transformer

TOKENS = (0, 17, 201, 33, 5, 90, 17, 300, 41)
CAT, DOG = "from:the%20cat%20sat", "from:a%20dog%20ran%20far%20away"
ACTIONS = (
    "zero {} L1 H1", "zero {} L1 H1 others", "zero {}", "scale {} L1 H0 P2-5 x-1.5", "scale {} L2 H1 U3,9 x3",
    f"mean {{}} L1 H1 {CAT} {DOG}", f"resample {{}} L1 H0 {DOG} seed:3", f"patch {{}} L1 H1 P1,3 Q2,0 {CAT}",
    "patch {} L1 P2,6 Q7,3", "freeze {} L2 H1", "freeze {} L1-2 H1 others",
    "add {} L1 H1 x2 plus:a%20cat minus:the%20dog", "add {} L0 P4 plus:a%20cat",
)  # fmt: skip
EACH = (
    "scale result L1 H1 x2", "add result L0 H0 plus:a%20cat", "scale q_input L1 H1 P3-5 x-1", "zero k_input L2 H0",
    "scale v_input L0 H1 x0.5", "scale attn_in L2 H1 x2", "scale mlp_in L1 U3-9 x3", "scale resid_mid L2 x0.5",
)  # fmt: skip
"""One of each in force at once, where the model has it, and the stream between attention and MLP."""
CORRUPTED = (0, 17, 201, 7, 5, 9, 17, 300, 41)
METRIC = Metric("logit_difference", (5,), (9,))
FIRST = "scale attn_out L0 P1 x0.3"
"""In force beside every other, so that a freeze has something to hold against."""


MODELS = {
    "gpt2": "compatibility",
    "gpt_neox": "compatibility",
    "llama": "compatibility",
    "qwen2": "raw",
    "gemma2": "raw",
}


@pytest.fixture(scope="module", params=MODELS)
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def loaded(family, tiny_folders):
    return _load(family, tiny_folders[family])


def _load(family, folder):
    return load_model(ModelSpec("folder", f"tiny-{family}", device="cpu", processing=MODELS[family]), folder)


@pytest.fixture(scope="module")
def reference(family, tiny_folders) -> Any:
    """HookedTransformer where there is one; else the Bridge's own computation under its flags."""
    folder = tiny_folders[family]
    made: Any = hooked_transformer(folder) if MODELS[family] == "compatibility" else _load(family, folder).model
    made.set_use_attn_result(True)
    made.set_use_hook_mlp_in(True)
    return made


def run_under(loaded, texts, tokens=TOKENS):
    run = Run(loaded.spec, tokens, tuple(Intervention.parse(text) for text in texts))
    return forward(loaded.model, loaded.tokens(tokens), edits_of(loaded, run)).output


def points_of(loaded):
    return [point.name for point in loaded.hook_points if point.derived]


def specs_of(loaded, point):
    """Every action on a point, without heads where it has none."""
    heads = bool(point_named(loaded.hook_points, point).n_heads)
    texts = [text.format(point) for text in ACTIONS if heads or "others" not in text]
    return texts if heads else [text.replace(" H1", "").replace(" H0", "") for text in texts]


def by_hand(loaded, reference, spec) -> list[Any]:
    """The same change as hooks on the reference, all values its own."""
    point = point_named(loaded.hook_points, spec.point)
    layers = range(3) if spec.layers is None else spec.layers
    ids = [loaded.tokenizer.tokenise(Prompt(text)).ids for text in spec.sources]
    if spec.action in ("freeze", "patch"):
        ids = ids or [TOKENS]
    seen = {(name, one): keep(reference, one, name) for name in map(point.hook, layers) for one in ids}

    def value(name, activation):
        rows = [seen[name, one] for one in ids]
        if spec.action in ("zero", "scale"):
            return activation * (0.0 if spec.action == "zero" else spec.factor)
        if spec.action == "add":
            return activation + spec.factor * (rows[0][-1] - rows[1][-1] if len(rows) == 2 else rows[0][-1])
        if spec.action in ("mean", "resample"):
            pool = torch.cat([row[1:] for row in rows])
            generator = torch.Generator().manual_seed(spec.seed)
            drawn = pool[torch.randint(len(pool), (loaded.card.n_ctx,), generator=generator)[: len(TOKENS)]]
            made = pool.mean(0).expand_as(activation[0]).clone() if spec.action == "mean" else drawn
            made[0] = rows[0][0]
            return made[None]
        made = activation.clone()
        positions = list(spec.positions or range(len(TOKENS)))
        made[:, positions] = rows[0][list(spec.source_positions or positions)]
        return made

    def edit(name, activation, hook):
        mask = torch.zeros_like(activation, dtype=torch.bool)
        positions = list(range(len(TOKENS)) if spec.positions is None else spec.positions)
        units = list(range(point.width) if spec.units is None else spec.units)
        heads = [head for head in range(point.n_heads) if spec.heads is None or (head in spec.heads) != spec.others]
        for pos in positions:
            for head in heads:
                mask[:, pos, head, units] = True
            if not point.n_heads:
                mask[:, pos, units] = True
        return torch.where(mask, value(name, activation), activation)

    return [(point.hook(layer), functools.partial(edit, point.hook(layer))) for layer in layers]


def keep(reference, tokens, name):
    seen = []
    with torch.no_grad():
        reference.run_with_hooks(
            torch.tensor([tokens]), fwd_hooks=[(name, lambda value, hook: seen.append(value[0].clone()))]
        )
    return seen[0]


def set_flags(reference, point):
    """Those that a point needs; two of them exclude each other."""
    reference.set_use_split_qkv_input(False)
    if reference.cfg.use_attn_in or point == "attn_in":
        reference.set_use_attn_in(point == "attn_in")
    reference.set_use_split_qkv_input(point.endswith("_input"))


@pytest.mark.parametrize("point", DERIVED_POINTS)
def test_every_action_equals_hooks_on_a_model_that_shows_the_point(loaded, reference, point):
    if point not in points_of(loaded):
        assert point == "attn_in"
        assert loaded.card.n_heads != point_named(loaded.hook_points, "k").n_heads
        pytest.skip("key heads that several query heads share")
    set_flags(reference, point)
    plain = run_under(loaded, [FIRST]).log_softmax(-1)
    for text in specs_of(loaded, point):
        ours = run_under(loaded, [FIRST, text]).log_softmax(-1)
        hooks = [(point_named(loaded.hook_points, "attn_out").hook(0), scale_first)]
        hooks += by_hand(loaded, reference, Intervention.parse(text))
        with torch.no_grad():
            expected = reference.run_with_hooks(torch.tensor([TOKENS]), fwd_hooks=hooks).log_softmax(-1)
        assert (ours - expected).abs().max() < 1e-4, text
        assert (ours - plain).abs().max() > 1e-3, text


def scale_first(activation, hook):
    made = activation.clone()
    made[:, 1] *= 0.3
    return made


@pytest.mark.parametrize("text", ["scale {} x1", "freeze {}", "patch {} P1,3 Q1,3"])
def test_an_edit_that_changes_nothing_is_bit_equal_to_the_plain_run(loaded, text):
    plain = run_under(loaded, [])
    for point in points_of(loaded):
        assert torch.equal(run_under(loaded, [text.format(point)]), plain), point


def test_other_heads_and_positions_keep_their_bits(loaded):
    names = [point_named(loaded.hook_points, kind).hook(1) for kind in ("q", "k", "v")]
    plain = forward(loaded.model, loaded.tokens(TOKENS), keep=names).kept
    for kind, name in zip("qkv", names, strict=True):
        run = Run(loaded.spec, TOKENS, (Intervention.parse(f"zero {kind}_input L1 H1 P3,6"),))
        kept = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run), keep=names).kept
        changed = {one: (kept[one] != plain[one]).any(-1)[0].nonzero().tolist() for one in names}
        assert changed == {one: ([[3, 1], [6, 1]] if one == name else []) for one in names}


def test_edits_of_one_place_see_each_other_and_the_whole_input_comes_first(loaded):
    def same(texts, others):
        return (run_under(loaded, texts) - run_under(loaded, others)).abs().max() < 1e-4

    for point in points_of(loaded):
        assert same([f"scale {point} L1 x2", f"scale {point} L1 x-1.5"], [f"scale {point} L1 x-3"])
        assert same([f"scale {point} L1 x2", f"zero {point} L1"], [f"zero {point} L1"])
    if "attn_in" in points_of(loaded):
        expected = ["zero q_input L1", "scale k_input L1 x2", "scale v_input L1 x2"]
        assert same(["zero q_input L1", "scale attn_in L1 x2"], expected)
    assert same(["zero result L1 H1", "scale z L1 H1 x3"], ["zero z L1 H1"])
    assert same(["zero q L1 H1", "scale q_input L1 H1 x2"], ["zero q L1 H1"])


def test_zeroed_results_are_zeroed_heads(loaded):
    for where in ("L1 H1", "L1 H1 others", "L0-2 H0 P2,4", "L1"):
        assert torch.allclose(
            run_under(loaded, [f"zero result {where}"]), run_under(loaded, [f"zero z {where}"]), atol=1e-4
        )


def test_what_the_mlp_reads_is_not_what_the_stream_holds(loaded):
    """The stream that is carried on, and kept for patching, is the one without the edit."""
    if "resid_mid" not in {point.name for point in loaded.hook_points}:
        pytest.skip("attention and MLP in parallel")
    name = point_named(loaded.hook_points, "resid_mid").hook(1)
    run = Run(loaded.spec, TOKENS, (Intervention.parse("zero mlp_in L1"),))
    kept = [
        forward(loaded.model, loaded.tokens(TOKENS), edits, keep=[name]).kept[name]
        for edits in ((), edits_of(loaded, run))
    ]
    assert torch.equal(*kept)
    assert not torch.equal(run_under(loaded, ["zero mlp_in L1"]), run_under(loaded, ["zero resid_mid L1"]))


def each_of(loaded):
    specs = tuple(map(Intervention.parse, EACH))
    return tuple(spec for spec in specs if spec.point in {point.name for point in loaded.hook_points})


def test_generation_with_a_cache_equals_the_full_pass_at_every_step(loaded):
    made = finish(generate(loaded, Run(loaded.spec, TOKENS, each_of(loaded)), Sampling(n_tokens=4)))
    ids = TOKENS
    for new in made.ids:
        run = Run(loaded.spec, ids, each_of(loaded))
        assert int(forward(loaded.model, loaded.tokens(ids), edits_of(loaded, run)).output[0, -1].argmax()) == new
        ids = (*ids, new)


def test_partial_passes_and_layers_run_again_are_under_the_edits(loaded):
    run = Run(loaded.spec, TOKENS, each_of(loaded))
    edits, name = edits_of(loaded, run), point_named(loaded.hook_points, "mlp_out").hook(1)
    with record_layer_inputs(loaded.model) as inputs:
        whole = forward(loaded.model, loaded.tokens(TOKENS), edits, keep=[name])
    assert torch.equal(replay_layer(loaded.model, inputs, 1, edits, keep=[name])[name], whole.kept[name])
    recorded = record_run(loaded.model, loaded.tokens(TOKENS), edits, keep=[name])
    assert torch.equal(recorded.kept[name], whole.kept[name])
    for first in (0, 4, 8):
        for start in range(3):
            resid = recorded.entering(start)[:, first:].expand(3, -1, -1)
            with torch.no_grad():
                for layer in range(start, 3):
                    resid = run_layer(recorded, layer, resid, first)
            logits = final_logits(recorded, resid[:, -1], 8)
            assert (logits - whole.output[0, -1]).abs().max() < 1e-4


@pytest.mark.parametrize("plan", [SweepPlan("resid_pre"), SweepPlan("z", False), SweepPlan("q", False)])
def test_every_cell_of_a_sweep_is_under_the_edits(loaded, plan):
    clean, corrupted = (Run(loaded.spec, tokens, each_of(loaded)) for tokens in (TOKENS, CORRUPTED))
    made = finish(patch_sweep(loaded, PromptPair(clean, corrupted), METRIC, plan))
    point = point_named(loaded.hook_points, plan.site)
    names = [point.hook(layer) for layer in range(3)]
    source = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, clean), keep=names).kept
    for cell in ((0, 1), (1, 1), (2, 3)) if plan.site != "resid_pre" else ((0, 5), (1, 4), (2, 8)):
        where = f"P{cell[1]} Q{cell[1]}" if plan.site == "resid_pre" else f"H{cell[1]} P0-8 Q0-8"
        spec = Intervention.parse(f"patch {plan.site} L{cell[0]} {where}")
        edits = (*edits_of(loaded, corrupted), transplant(source[point.hook(cell[0])], spec, point, cell[0]))
        expected = METRIC.score(forward(loaded.model, loaded.tokens(CORRUPTED), edits).output[:, -1])[0]
        assert made.score[cell] == pytest.approx(float(expected), abs=1e-4)


def test_ablation_and_path_patching_are_under_the_edits(loaded):
    pair = PromptPair(*(Run(loaded.spec, tokens, each_of(loaded)) for tokens in (TOKENS, CORRUPTED)))
    ablated = finish(ablate_each(loaded, pair.clean, METRIC, AblationPlan("head")))
    for layer, head in ((0, 0), (1, 1), (2, 3)):
        specs = (*each_of(loaded), Intervention.parse(f"zero z L{layer} H{head}"))
        run = Run(loaded.spec, TOKENS, specs)
        logits = forward(loaded.model, loaded.tokens(TOKENS), edits_of(loaded, run)).output[:, -1]
        assert ablated.score[layer, head] == pytest.approx(float(METRIC.score(logits)[0]), abs=1e-4)
    # Nothing comes after a head of the last layer but what path patching leaves free. It freezes attention's output, through
    # which an edit of resid_mid acts, and refuses that.
    specs = tuple(one for one in each_of(loaded) if one.point != "resid_mid")
    pair = PromptPair(*(Run(loaded.spec, tokens, specs) for tokens in (TOKENS, CORRUPTED)))
    paths = finish(patch_paths(loaded, pair, METRIC, PathPlan()))
    plain = finish(patch_sweep(loaded, pair, METRIC, SweepPlan("z", False, direction="noising")))
    assert paths.heads[-1] == pytest.approx(plain.score[-1], abs=1e-4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zero attn_in L1", "no attn_in: several query heads share .* q_input, k_input or v_input"),
        ("zero blocks.1.attn.hook_attn_in", "no attn_in"),
        ("zero k_input L1 H2", "no head 2"),
        ("zero mlp_in L1 H0", "has no heads"),
        ("zero result L1 U32", "no unit 32"),
    ],
)
def test_what_a_family_does_not_have_is_said(tiny, text, sentence):
    with pytest.raises(InterventionError, match=sentence):
        fit_to_model(Intervention.parse(text), tiny.hook_points, 3)


def test_a_norm_behind_the_mlp_is_not_what_the_mlp_reads(tiny, monkeypatch):
    """OLMo 2 has its `ln2` there; and heads that W_O alone does not explain have no `result`."""
    run = hook_survey._run

    def as_elsewhere(bridge, names, n_pos):
        seen, logits = run(bridge, names, n_pos)
        moved = {name: value + 1 for name, value in seen.items() if name.endswith(("ln2.hook_in", "o.hook_out"))}
        return seen | moved, logits

    monkeypatch.setattr(hook_survey, "_run", as_elsewhere)
    names = {point.name for point in hook_survey.find_hook_points(tiny.model)}
    assert names & set(DERIVED_POINTS) == {"q_input", "k_input", "v_input"}
    for name in ("mlp_in", "result"):
        with pytest.raises(InterventionError, match=f"This model has no {name}: its"):
            point_named(hook_survey.find_hook_points(tiny.model), name)


@pytest.mark.parametrize("spelling", ["result", "attn.hook_result", "blocks.1.attn.hook_result"])
def test_every_spelling_is_one_name(spelling):
    assert Intervention.parse(f"zero {spelling} H1").point == "result"


def test_a_stream_of_its_own_for_every_head_must_fit(tiny, monkeypatch):
    monkeypatch.setattr("interp_core.sources.free_bytes", lambda device: 10_000)
    with pytest.raises(MemoryLimitError, match="An edit of q_input over 10 tokens"):
        edits_of(tiny, Run(tiny.spec, (*TOKENS, 8), (Intervention.parse("zero q_input"),)))
