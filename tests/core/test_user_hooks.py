"""Hook functions of the user's: right in every kind of pass, read from a folder, and harmless when they are not."""

import textwrap

import numpy as np
import pytest
import torch

import hookscope
from interp_core.ablation import AblationPlan, ablate_each
from interp_core.attached import attached
from interp_core.attention import LivePatterns
from interp_core.edits import edits_of, fitted
from interp_core.errors import HookFunctionError, HookTimeoutError, InterventionError
from interp_core.generation import Sampling, generate
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.logit_lens import read_logit_lens
from interp_core.metrics import Metric
from interp_core.models import load_model
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.types import ModelSpec, Run
from interp_core.user_hooks import library
from interp_core.user_hooks.declaring import hook

assert hookscope.hook is hook  # imported before any limit counts

CLEAN = (0, 17, 201, 33, 5, 90, 17, 300, 41)
CORRUPTED = (0, 17, 201, 33, 5, 9, 17, 300, 41)
METRIC = Metric("logit_difference", (5,), (9,))


@hook("z", heads=[1])
def no_head_one(activation, hook):
    return torch.zeros_like(activation)


@hook("blocks.1.hook_resid_pre")
def no_position_three(activation, hook):
    activation[:, 3] = 0


@hook("blocks.*.hook_mlp_out")
def twice(activation, hook):
    return activation * (2 if hook.layer() == 2 else 1)


@hook("pattern")
def uniform(activation, hook):
    return torch.where(activation > 0, activation > 0, 0.0) / (activation > 0).sum(-1, keepdim=True)


@hook("q_input", heads=[2])
def no_query_of_head_two(activation, hook):
    return activation * 0


SAME = [
    (no_head_one, "zero z H1"),
    (no_position_three, "zero resid_pre L1 P3"),
    (twice, "scale mlp_out L2 x2"),
]


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox", "llama", "gemma2"])
def loaded(request, tiny_folders):
    return load_model(ModelSpec("folder", f"tiny-{request.param}", device="cpu"), tiny_folders[request.param])


@pytest.fixture
def hooks_folder(tmp_path):
    library.allow(tmp_path)
    yield tmp_path
    library.refuse("off again")


def run_under(loaded, what, tokens=CLEAN):
    """A run under hook functions, or under interventions as text."""
    specs = [
        Intervention.parse(one if isinstance(one, str) else f"hook fn:{library.declare(one).name}") for one in what
    ]
    return Run(loaded.spec, tokens, fitted(loaded, specs, tokens))


def logits(loaded, run):
    return forward(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run)).output[0]


def write(folder, text, name="mine.py"):
    (folder / name).write_text("from hookscope import hook\n" + textwrap.dedent(text), encoding="utf-8")


@pytest.mark.parametrize(("function", "text"), SAME, ids=[text for _, text in SAME])
def test_a_function_does_in_every_technique_what_the_intervention_does(loaded, function, text):
    pairs = [
        PromptPair(*(run_under(loaded, [what], tokens) for tokens in (CLEAN, CORRUPTED))) for what in (function, text)
    ]
    plain = logits(loaded, Run(loaded.spec, CLEAN))
    mine, given = (logits(loaded, pair.clean) for pair in pairs)
    assert torch.equal(mine, given)
    assert not torch.allclose(mine, plain)
    for plan in (SweepPlan("z", by_position=False), SweepPlan("mlp_out"), SweepPlan("pattern")):
        made = [finish(patch_sweep(loaded, pair, METRIC, plan)) for pair in pairs]
        np.testing.assert_allclose(made[0].score, made[1].score, atol=1e-5)
        np.testing.assert_allclose(made[0].preview, made[1].preview, atol=1e-4)
    made = [finish(patch_paths(loaded, pair, METRIC, PathPlan())) for pair in pairs]
    np.testing.assert_allclose(made[0].score, made[1].score, atol=1e-5)
    made = [finish(ablate_each(loaded, pair.clean, METRIC, AblationPlan("component"))) for pair in pairs]
    np.testing.assert_allclose(made[0].score, made[1].score, atol=1e-5)
    made = [finish(read_logit_lens(loaded, pair.clean)) for pair in pairs]
    np.testing.assert_allclose(made[0].entropy, made[1].entropy, atol=1e-5)
    made = [finish(generate(loaded, pair.clean, Sampling(12))) for pair in pairs]
    assert made[0].ids == made[1].ids


def slow_continuation(loaded, hooks, n_tokens):
    """Greedy, every pass over the whole text, by the model's own hooks."""
    ids = list(CLEAN)
    for _ in range(n_tokens):
        with torch.no_grad(), attached(loaded.model, hooks):
            ids.append(int(loaded.model(loaded.tokens(tuple(ids)))[0, -1].argmax()))
    return tuple(ids[len(CLEAN) :])


@pytest.mark.parametrize("function", [no_position_three, uniform], ids=lambda one: one.__name__)
def test_generation_is_as_if_every_pass_went_over_the_whole_text(loaded, function):
    run = run_under(loaded, [function])
    names = {no_position_three: ["blocks.1.hook_resid_pre"]}.get(
        function, [f"blocks.{layer}.attn.hook_pattern" for layer in range(3)]
    )
    slow = slow_continuation(loaded, [(name, lambda value, hook: function(value, hook)) for name in names], 10)
    assert finish(generate(loaded, run, Sampling(10))).ids == slow
    assert finish(generate(loaded, run, Sampling(10))).ids == slow, "a second generation of the same run"


@hook("blocks.1.hook_resid_pre")
def last_is_mean_of_all(activation, hook):
    activation[:, -1] = activation.mean(1)


def test_a_function_that_looks_back_sees_all_positions_also_of_a_suffix(tiny):
    run = run_under(tiny, [last_is_mean_of_all], CLEAN)
    pair = PromptPair(run, run_under(tiny, [last_is_mean_of_all], CORRUPTED))
    made = finish(patch_sweep(tiny, pair, METRIC, SweepPlan("z", by_position=False), preview=False))
    name = "blocks.1.attn.hook_z"
    kept = forward(tiny.model, tiny.tokens(CLEAN), edits_of(tiny, run), keep=[name]).kept[name]

    def mean(value, hook):
        made = value.clone()
        made[:, -1] = value.mean(1)
        return made

    def put(value, hook):
        value = value.clone()
        value[:, :, 2] = kept[:, :, 2]
        return value

    with torch.no_grad(), attached(tiny.model, [("blocks.1.hook_resid_pre", mean), (name, put)]):
        expected = tiny.model(tiny.tokens(CORRUPTED))[0, -1]
    assert made.score[1, 2] == pytest.approx(float(METRIC.score(expected[None])[0]), abs=1e-4)


def test_a_derived_point_takes_a_function(tiny):
    assert torch.allclose(
        logits(tiny, run_under(tiny, [no_query_of_head_two])),
        logits(tiny, run_under(tiny, ["zero q_input H2"])),
        atol=1e-6,
    )


def test_positions_heads_and_layers_of_the_intervention_limit_a_function(tiny):
    @hook("z")
    def nothing(activation, hook):
        return activation * 0

    library.declare(nothing)
    tokens = CLEAN
    limited = fitted(tiny, [Intervention.parse("hook fn:notebook.nothing L1 H2 P4-6")], tokens)
    assert torch.equal(
        logits(tiny, Run(tiny.spec, tokens, limited)), logits(tiny, run_under(tiny, ["zero z L1 H2 P4-6"]))
    )


def test_attention_is_measured_under_a_function(tiny):
    run, seen = run_under(tiny, [uniform]), []
    LivePatterns(tiny, run).walk(lambda layer, pattern: seen.append(pattern.cpu()))
    expected = torch.ones(len(CLEAN), len(CLEAN)).tril() / torch.arange(1, len(CLEAN) + 1)[:, None]
    assert len(seen) == 3
    for pattern in seen:
        assert torch.allclose(pattern.reshape(-1, len(CLEAN), len(CLEAN)), expected, atol=1e-6)


def test_a_folder_is_read_and_read_again_when_it_changes(tiny, hooks_folder):
    write(
        hooks_folder,
        '''
        @hook("z", heads=[1])
        def halve(activation, hook):
            """Half of head 1."""
            return activation * 0.5
    ''',
    )
    (file,) = library.hook_files()
    (function,) = file.functions
    assert (function.name, function.says, function.declared.heads) == ("mine.halve", "Half of head 1.", (1,))
    first = run_under(tiny, ["hook fn:mine.halve"])
    assert torch.equal(logits(tiny, first), logits(tiny, run_under(tiny, ["scale z H1 x0.5"])))
    assert library.hook_files()[0].functions[0] is function, "an unchanged file is not run again"
    write(
        hooks_folder,
        """
        @hook("z", heads=[1])
        def halve(activation, hook):
            return activation * 0.25
    """,
    )
    second = run_under(tiny, ["hook fn:mine.halve"])
    assert first != second, "results of the old file are not taken for the new one's"
    assert torch.equal(logits(tiny, second), logits(tiny, run_under(tiny, ["scale z H1 x0.25"])))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def broken(:\n", "mine.py, line 2: Loading mine.py raised SyntaxError"),
        ("x = 1\ny = x / 0\n", "mine.py, line 3: Loading mine.py raised ZeroDivisionError"),
        ("raise SystemExit(3)\n", "mine.py, line 2: Loading mine.py raised SystemExit: 3"),
        ("@hook()\ndef nowhere(a, hook):\n    return a\n", "needs 1 to 64 names"),
        ("@hook('z', heads=[-1])\ndef heads(a, hook):\n    return a\n", "heads must be numbers"),
        ("x = 1\n", "declares no hook function"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_with_its_line_and_hurts_no_other(hooks_folder, text, sentence):
    write(hooks_folder, text)
    write(hooks_folder, "@hook('z')\ndef fine(a, hook):\n    return a\n", "other.py")
    mine, other = library.hook_files()
    assert sentence in mine.problem
    assert not mine.functions
    assert [one.name for one in other.functions] == ["other.fine"]
    assert not other.problem


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("    x = 1\n    return a[99]\n", "mine.py, line 5: mine.bad at blocks.0.attn.hook_z raised IndexError"),
        ("    return a[:, :2]\n", r"returned the shape \(1, 2, 4, 8\), where \(1, 9, 4, 8\) was given"),
        ("    return 'text'\n", "returned str, not a tensor"),
        ("    return a / 0\n", "not finite"),
        ("    exit(1)\n", "raised SystemExit"),
    ],
)
def test_a_function_that_fails_says_where_and_leaves_no_hook(tiny, hooks_folder, body, sentence):
    plain = logits(tiny, Run(tiny.spec, CLEAN))
    write(hooks_folder, "@hook('z')\ndef bad(a, hook):\n" + body)
    with pytest.raises(HookFunctionError, match=sentence):
        logits(tiny, run_under(tiny, ["hook fn:mine.bad"]))
    assert torch.equal(logits(tiny, Run(tiny.spec, CLEAN)), plain)


@pytest.mark.parametrize(
    "body", ["while True:\n        pass", "import time\n    time.sleep(60)"], ids=["loops", "sleeps"]
)
def test_a_function_that_does_not_end_is_stopped_and_not_called_again(tiny, hooks_folder, monkeypatch, body):
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", "0.3")
    plain = logits(tiny, Run(tiny.spec, CLEAN))
    write(hooks_folder, f"@hook('z')\ndef forever(a, hook):\n    {body}\n")
    run = run_under(tiny, ["hook fn:mine.forever"])
    with pytest.raises(HookTimeoutError, match=r"mine.forever at blocks.0.attn.hook_z took longer than 0.3 seconds"):
        logits(tiny, run)
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", "30")
    with pytest.raises(HookFunctionError, match="It stays off until its file changes"):
        logits(tiny, run)
    with pytest.raises(HookFunctionError, match="It stays off until its file changes"):
        run_under(tiny, ["hook fn:mine.forever"])
    assert torch.equal(logits(tiny, Run(tiny.spec, CLEAN)), plain)
    write(hooks_folder, "@hook('z')\ndef forever(a, hook):\n    return a\n")
    assert torch.equal(logits(tiny, run_under(tiny, ["hook fn:mine.forever"])), plain)


def test_a_file_that_does_not_end_when_loaded_is_said(hooks_folder, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", "0.3")
    write(hooks_folder, "while True:\n    pass\n")
    assert "Loading mine.py took longer" in library.hook_files()[0].problem


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hook fn:mine.absent", "no hook function 'mine.absent'"),
        ("hook fn:../../etc/passwd.x", "no hook function"),
        ("hook z", "belong together"),
        ("zero fn:mine.fine", "belong together"),
        ("hook fn:mine.fine L7", "does not act in layer 7"),
        ("hook fn:mine.fine H9", "no head 9"),
        ("hook fn:mine.nowhere", "no hook point of this model fits 'blocks.77"),
        ("hook fn:mine.headless", "resid_pre has none"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_said(tiny, hooks_folder, text, sentence):
    write(
        hooks_folder,
        """
        @hook("z")
        def fine(a, hook):
            return a

        @hook("blocks.77.*")
        def nowhere(a, hook):
            return a

        @hook("resid_pre", heads=[1])
        def headless(a, hook):
            return a
    """,
    )
    with pytest.raises(InterventionError, match=sentence):
        run_under(tiny, [text])


def test_nothing_is_read_or_run_before_it_is_allowed(tiny, tmp_path, monkeypatch):
    library.refuse("Off: reachable from other machines.")
    monkeypatch.setenv("HOOKSCOPE_HOOKS", str(tmp_path))
    write(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w').close()\n@hook('z')\ndef fine(a, hook):\n    return a\n")
    with pytest.raises(HookFunctionError, match="reachable from other machines"):
        library.hook_files()
    with pytest.raises(HookFunctionError, match="reachable from other machines"):
        run_under(tiny, ["hook fn:mine.fine"])
    assert not (tmp_path / "ran").exists()


def test_the_text_form_is_read_back():
    spec = Intervention.parse("off hook fn:mine.fine L1-2 H3 P4")
    assert spec.text == "off hook fn:mine.fine L1-2 H3 P4"
    assert Intervention.parse(spec.text) == spec
    assert spec.label == "hook mine.fine L1-2 H3 P4"


def test_the_limit_is_of_each_row(tiny, hooks_folder, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", "0.5")
    write(
        hooks_folder,
        "import time\n@hook('blocks.1.attn.hook_z')\ndef slow(a, hook):\n    time.sleep(0.1)\n    return a\n",
    )
    pair = PromptPair(*(run_under(tiny, ["hook fn:mine.slow"], tokens) for tokens in (CLEAN, CORRUPTED)))
    made = finish(patch_sweep(tiny, pair, METRIC, SweepPlan("resid_pre"), preview=False))
    assert made.complete
