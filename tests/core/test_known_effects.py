"""Loss effects are measured once for each feature, are the mean of exact ones, and survive other writers, stops and damage."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from interp_core.__main__ import main
from interp_core.errors import DiskError, HarvestError, SaeError
from interp_core.harvest.bundle import open_harvest
from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.plan import HarvestPlan
from interp_core.jobs import finish
from interp_core.prompts import Prompt
from interp_core.sae import known_effects as store
from interp_core.sae.effects import remove_features
from interp_core.sae.example_effects import example_effects
from interp_core.sae.features import held_sae
from interp_core.sae.known_effects import KnownEffect, MeasuredOn, known_effects, remember_effects
from interp_core.sae.measured_effects import measure_effects, stretches_of, top_effect
from interp_core.sae.reading import read_features
from interp_core.types import Run
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import D_SAE, write_sae

NAME = "folder:one"
ON = MeasuredOn("5" * 64, "a" * 64, "mine 1 float32")
WRITER = """
import sys
from interp_core.sae.known_effects import KnownEffect, MeasuredOn, remember_effects
for step in range(25):
    first = int(sys.argv[1])
    remember_effects(MeasuredOn("5" * 64, "a" * 64, "mine 1 float32"), {first + step: KnownEffect(first / 8, 3, 2)}, sae="mine")
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """Two SAEs of the tiny model, and a harvest of the first."""
    root = tmp_path_factory.mktemp("effects")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOKSCOPE_SAES", str(root / "saes"))
        patch.setenv("HOOKSCOPE_HARVESTS", str(root / "harvests"))
        write_sae(root / "saes" / "one", tiny, "topk")
        write_sae(root / "saes" / "two", tiny, "standard", hook="blocks.0.hook_resid_post")
        (root / "harvests").mkdir()
        tiny.saes.clear()
        plan = HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, held_sae(tiny, NAME), Texts(TEXTS), plan, root / "harvests" / "one"))
        yield open_harvest(root / "harvests" / "one")
        tiny.saes.clear()


def on_of(tiny, made):
    return MeasuredOn.of(tiny.card, held_sae(tiny, NAME).checksum, made)


def some(made, n):
    """The features that are active most often."""
    return np.argsort(-made.dense("fired"), kind="stable")[:n].tolist()


def test_what_was_measured_comes_back_and_is_kept_beside_what_is_there():
    assert known_effects(ON) == {}
    remember_effects(ON, {7: KnownEffect(0.1, 3, 2), 1: KnownEffect(None, 0, 0)}, sae="mine")
    remember_effects(ON, {7: KnownEffect(-1e-9, 4, 2)}, sae="mine")
    assert dict(known_effects(ON)) == {1: KnownEffect(None, 0, 0), 7: KnownEffect(-1e-9, 4, 2)}
    for other in ({"sae": "6" * 64}, {"harvest": "b" * 64}, {"model": "mine 2 float32"}):
        assert known_effects(dataclasses.replace(ON, **other)) == {}


def test_the_file_is_read_again_only_when_it_has_changed(monkeypatch):
    remember_effects(ON, {7: KnownEffect(0.1, 3, 2)}, sae="mine")
    first, times, parsed = known_effects(ON), [], store._parsed
    monkeypatch.setattr(store, "_parsed", lambda *given: times.append(1) or parsed(*given))
    assert known_effects(ON) is first and not times
    remember_effects(ON, {7: KnownEffect(0.2, 3, 2)}, sae="mine")
    times.clear()
    assert known_effects(ON)[7].mean == known_effects(ON)[7].mean == 0.2 and len(times) == 1


def test_processes_that_write_at_once_lose_nothing():
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(first)]) for first in (0, 1000)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert dict(known_effects(ON)) == {
        first + step: KnownEffect(first / 8, 3, 2) for first in (0, 1000) for step in range(25)
    }


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[" * 100_000, '"x"']
    + [
        json.dumps({"format": store.FORMAT, "version": store.VERSION, **dataclasses.asdict(ON), **change})
        for change in (
            {}, {"version": 2, "effects": {}}, {"sae": "6" * 64, "effects": {}}, {"effects": []}, {"effects": {"1": 5}},
            {"effects": {"x": {"mean": 0.1, "tokens": 1, "examples": 1}}},
            {"effects": {"-1": {"mean": 0.1, "tokens": 1, "examples": 1}}},
            {"effects": {"1": {"mean": float("nan"), "tokens": 1, "examples": 1}}},
            {"effects": {"1": {"mean": 10**400, "tokens": 1, "examples": 1}}},
            {"effects": {"1": {"mean": None, "tokens": 1, "examples": 1}}},
            {"effects": {"1": {"mean": 0.1, "tokens": 1.5, "examples": 1}}},
            {"effects": {"1": {"mean": 0.1, "tokens": 1, "examples": 1, "more": 1}}},
        )
    ],
)  # fmt: skip
def test_a_damaged_file_counts_as_none_and_is_set_aside_by_the_next_writer(content):
    ON.file.parent.mkdir(parents=True)
    ON.file.write_text(content)
    assert known_effects(ON) == {}
    remember_effects(ON, {3: KnownEffect(0.5, 1, 1)}, sae="mine")
    assert dict(known_effects(ON)) == {3: KnownEffect(0.5, 1, 1)}
    assert ON.file.with_suffix(".damaged").read_text() == content


def test_a_folder_that_cannot_be_made_is_said(cache):
    cache.write_text("a file is in the way")
    assert known_effects(ON) == {}
    with pytest.raises(DiskError, match="cannot be written"):
        remember_effects(ON, {3: KnownEffect(0.5, 1, 1)}, sae="mine")


def test_a_figure_is_the_mean_of_exact_effects_over_the_tokens_of_the_top_examples(tiny, made):
    features = some(made, 3)
    found = finish(measure_effects(tiny, NAME, made, features))
    assert found.complete and [feature for feature, _ in found.found] == features
    for feature, known in found.found:
        effects, examples = [], [one for one in made.feature(feature).examples if one.kind == 0]
        for example in examples:
            window = made.window(example)
            run, first = Run(tiny.spec, window.tokens), window.pos - example.peak
            active = read_features(tiny, run, NAME).dense()[:, feature] != 0
            targets = [pos for pos in range(max(1, first), first + len(example.tokens)) if active[pos - 1]]
            cells = [(feature, pos - 1) for pos in targets]
            if cells:
                exact = finish(remove_features(tiny, run, NAME, cells)).effect
                effects += [exact[row, pos] for row, (_, pos) in enumerate(cells)]
        assert (known.tokens, known.examples) == (len(effects), len(examples)) and known.tokens > 3
        assert known.mean == pytest.approx(np.mean(effects), abs=1e-6)
    assert known_effects(on_of(tiny, made)) == dict(found.found)


def test_the_figure_is_the_same_with_all_examples_and_none_with_some(tiny, made):
    (feature,) = some(made, 1)
    examples = made.feature(feature).examples
    measured = finish(example_effects(tiny, NAME, feature, stretches_of(made, examples))).found
    numbers = range(len(examples))
    ((_, known),) = finish(measure_effects(tiny, NAME, made, [feature])).found
    assert top_effect(examples, numbers, measured) == known
    assert top_effect(examples, numbers[1:], measured[1:]) is None


def test_stopped_it_keeps_what_is_finished_and_goes_on_within_a_feature(tiny, made, monkeypatch):
    features, computed = some(made, 3), []
    real = example_effects

    def watched(*given, so_far=None, **options):
        computed.append((given[2], len(so_far.found) if so_far else 0))
        return real(*given, so_far=so_far, **options)

    monkeypatch.setattr("interp_core.sae.measured_effects.example_effects", watched)
    steps = measure_effects(tiny, NAME, made, features)
    step = next(one for one in steps if len(one.partial.found) == 1 and "2 of" in one.note.split(";")[0])
    steps.close()
    assert list(known_effects(on_of(tiny, made))) == [features[0]]
    assert 0 < step.fraction < 1 and "left" in step.note
    computed.clear()
    whole = finish(measure_effects(tiny, NAME, made, features, so_far=step.partial))
    assert computed == [(features[1], 2), (features[2], 0)]
    on_of(tiny, made).file.unlink()
    assert finish(measure_effects(tiny, NAME, made, features)).found == whole.found


def test_a_feature_that_is_active_nowhere_is_known_to_have_no_mean(tiny, made):
    silent = np.flatnonzero(made.dense("fired") == 0)
    if not len(silent):
        pytest.skip("every feature of this random SAE fires")
    ((_, known),) = finish(measure_effects(tiny, NAME, made, [int(silent[0])])).found
    assert known == KnownEffect(None, 0, 0)


def test_a_window_of_one_token_predicts_nothing_and_stops_nothing(tiny, made, tmp_path):
    # Without BOS, the last window of a text may be its last token alone.
    texts = [f"{number} cats sat on {number} mats and looked at {number} more of them." for number in range(10, 40)]
    context = len(tiny.tokenizer.tokenise(Prompt(texts[0], prepend_bos=False)).ids) - 1
    plan = HarvestPlan(context=context, prepend_bos=False, shard_windows=6, rows=3)
    short = finish(harvest(tiny, held_sae(tiny, NAME), Texts(texts), plan, tmp_path / "short"))
    alone = [
        feature
        for feature in range(D_SAE)
        if any(one.kind == 0 and len(short.window(one).tokens) == 1 for one in short.feature(feature).examples)
    ]
    assert alone
    found = finish(measure_effects(tiny, NAME, short, alone))
    assert found.complete


def test_another_sae_s_harvest_and_a_feature_that_there_is_not_are_refused(tiny, made):
    with pytest.raises(HarvestError, match="not of folder:two"):
        finish(measure_effects(tiny, "folder:two", made, [1]))
    with pytest.raises(SaeError, match=f"no feature {D_SAE}"):
        finish(measure_effects(tiny, NAME, made, [1, D_SAE]))


def test_the_command_measures_and_goes_on(tiny, made, tiny_folders, capsys):
    first, second = some(made, 2)
    arguments = ["effects", "--sae", NAME, "--model", "folder:tiny-llama", "--device", "cpu", "--features"]
    assert main([*arguments, str(first)]) == 0
    capsys.readouterr()
    assert main([*arguments, f"{first},{second}", "--harvest", str(made.folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    known = known_effects(on_of(tiny, made))
    assert set(known) == {first, second}
    assert lines[0] == "feature,loss_effect,tokens,examples"
    number, mean, tokens, examples = lines[1].split(",")
    assert (int(number), int(tokens), int(examples)) == (first, known[first].tokens, known[first].examples)
    assert float(mean) == pytest.approx(known[first].mean, rel=1e-5)
    assert main([*arguments[:1], "--sae", "folder:two", "--features", "1"]) == 1
    assert "has no harvest on this machine" in capsys.readouterr().err
