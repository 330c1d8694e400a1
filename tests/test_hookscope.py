"""The notebook's way in: one call from a model and a prompt to a picture."""

import numpy as np
import pytest

import hookscope
from interp_core.attention import LivePatterns
from interp_core.errors import InterpError
from interp_core.prompts import Prompt
from interp_core.run_writing import save_run
from interp_core.saved_runs import RunFacts
from interp_core.types import Run
from interp_core.user_hooks import library
from tests.test_hookscope_architecture import sent


@pytest.fixture(scope="module")
def model(tiny_folders):
    return hookscope.load("folder:tiny-llama", device="cpu")


def test_pictures_are_frames_that_need_no_network(model):
    for picture in (
        hookscope.show_prompt(model, "and John"),
        hookscope.show_attention(model, "and John", layer=1, head=2),
    ):
        html = picture._repr_html_()
        assert html.startswith("<iframe")
        assert "src=&quot;http" not in html
        assert "and John" not in html.split("srcdoc")[0]


TEXT = "and John went and John went"


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):
    """A run that was saved, with three generated tokens."""
    tokens = model.tokenizer.tokenise(Prompt(TEXT))
    facts = RunFacts(model.card, Prompt(TEXT), tokens, len(tokens.ids) - 3)
    folder = save_run(LivePatterns(model, Run(model.spec, tokens.ids)), facts, tmp_path_factory.mktemp("runs"))
    return hookscope.open_run(folder)


def test_every_attention_call_takes_a_model_or_a_saved_run(model, run):
    for source, prompt in ((model, TEXT), (run, None)):
        for picture in (
            hookscope.show_attention(source, prompt, layer=1),
            hookscope.show_attention(source, prompt, layer=1, head=2, weighted=True),
            hookscope.show_heads(source, prompt),
            hookscope.show_generated(source, prompt, sampling=hookscope.Sampling(3), how="rollout", ignore=1),
        ):
            assert picture._repr_html_().startswith("<iframe")
        assert hookscope.head_scores(source, prompt).of("previous_token").shape == (3, 4)
        assert len(hookscope.similar_heads(source, prompt, layer=1, head=2, count=4)) == 4
        assert hookscope.search_heads(source, prompt, "previous").score.shape == (3, 4)
        assert hookscope.search_heads(source, prompt, cells=((3, 1),)).n_queries == 1
    found = hookscope.query_key(model, TEXT, layer=1, head=2, query=4)
    np.testing.assert_allclose(found.scale * (found.k @ found.q), found.scores, atol=1e-4)


def test_scores_without_a_prompt_are_those_of_repeated_random_tokens(model):
    assert hookscope.head_scores(model).n_queries == (60,) * 6


def test_a_model_without_a_prompt_is_said_so(model):
    with pytest.raises(InterpError, match="needs a prompt"):
        hookscope.show_heads(model)


def test_numbers_of_one_s_own_on_a_text():
    text = hookscope.show_values(["a", " b"], np.array([0.5, -1.0]), name="neuron 7")
    table = hookscope.show_top_k(["a", " b", "c"], np.random.default_rng(0).normal(size=(3, 2, 4)), k=2)
    assert "neuron 7" in text.title
    assert table._repr_html_().startswith("<iframe")


def test_a_prompt_may_say_how_it_becomes_tokens(model):
    with pytest.raises(InterpError, match="prompt is empty"):
        hookscope.show_prompt(model, hookscope.Prompt("", prepend_bos=False))


def test_a_model_that_is_not_there_is_said_so(tiny_folders):
    with pytest.raises(InterpError, match="There is no folder"):
        hookscope.load("folder:nothing")


def test_a_prompt_under_interventions_is_taken_wherever_a_prompt_is(model):
    plain, changed = hookscope.Prompt(TEXT), hookscope.intervene(TEXT, "zero z L1 H2", "scale mlp_out L0 x2")
    assert hookscope.show_prompt(model, plain)._repr_html_() != hookscope.show_prompt(model, changed)._repr_html_()
    scores = [hookscope.head_scores(model, prompt).values for prompt in (plain, changed)]
    assert not np.array_equal(*scores, equal_nan=True)
    assert hookscope.compare(model, changed).kl.max() > 0
    lens = [hookscope.logit_lens(model, prompt) for prompt in (plain, changed)]
    assert not np.array_equal(lens[0].entropy, lens[1].entropy)


def test_sweeps_in_a_notebook_are_those_of_the_pages(model):
    made = hookscope.ablate_each(model, TEXT, part="mlp")
    changed = hookscope.intervene(TEXT, "zero mlp_out L1")
    assert made.score[1] == pytest.approx(hookscope.compare(model, changed).kl[-1], abs=1e-4)
    answers, foils = ([model.tokenizer.str_tokens([index])[0]] for index in (40, 41))
    sweep = hookscope.patch(model, TEXT + " a", TEXT + " b", "z", by_position=False, answers=answers, foils=foils)
    assert sweep.complete
    assert sweep.score.shape == (3, 4)


def test_paths_and_pairs_in_a_notebook(model):
    answers, foils = ([model.tokenizer.str_tokens([index])[0]] for index in (40, 41))
    paths = hookscope.patch_paths(
        model, TEXT + " a", TEXT + " b", [hookscope.Receiver("q", 2, 1)], group=[hookscope.Sender(0, 1)],
        answers=answers, foils=foils,
    )  # fmt: skip
    assert paths.complete
    assert paths.heads.shape == (3, 4)
    assert paths.heads[0, 1] == pytest.approx(paths.group_score)
    rows = [hookscope.PairRow(TEXT + f" {a}", TEXT + f" {b}", *answers, *foils) for a, b in ("ab", "ba", "cd")]
    for plan, shape in (
        (None, (3, 4)),
        (hookscope.PathPlan((hookscope.Receiver("q", 2, 1),)), (3, 5)),
        (hookscope.AblationPlan("component"), (3, 5)),
    ):
        assert hookscope.sweep_pairs(model, rows, plan).effects.shape == (3, *shape)
    with pytest.raises(InterpError, match="no pair set"):
        hookscope.sweep_pairs(model, "nothing")


@hookscope.hook("z", heads=[1])
def half_of_head_one(activation, hook):
    return activation * 0.5


def test_a_hook_function_is_taken_wherever_an_intervention_is(model, tmp_path):
    mine = hookscope.intervene(TEXT, half_of_head_one)
    written = hookscope.intervene(TEXT, "scale z H1 x0.5")
    np.testing.assert_array_equal(hookscope.compare(model, mine).kl, hookscope.compare(model, written).kl)
    assert hookscope.compare(model, mine).kl.max() > 0
    (tmp_path / "mine.py").write_text(
        "from hookscope import hook\n@hook('z', heads=[1])\ndef halve(a, hook):\n    return a * 0.5\n"
    )
    try:
        (file,) = hookscope.load_hooks(tmp_path)
        assert [one.name for one in file.functions] == ["mine.halve"]
        loaded = hookscope.intervene(TEXT, "hook fn:mine.halve")
        np.testing.assert_array_equal(hookscope.compare(model, loaded).kl, hookscope.compare(model, written).kl)
    finally:
        library.refuse("off again")
    with pytest.raises(InterpError, match="no hook function"):
        hookscope.intervene(TEXT, print)
    assert "half_of_head_one" in str(sent(hookscope.architecture(model, hooks=[half_of_head_one])))
