"""Hook functions where it is easy to be wrong: names that come twice, files that change under way, limits that meet."""

import os
import sys
import threading
import time

import pytest
import torch

import hookscope
from interp_core.edits import edits_of, fitted
from interp_core.errors import HookChangedError, HookFunctionError, HookTimeoutError, InterventionError
from interp_core.jobs import finish
from interp_core.pair_fit import UsablePair
from interp_core.pair_sets import PairRow
from interp_core.pair_sweeps import sweep_pairs
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.types import Run
from interp_core.user_hooks import library
from interp_core.user_hooks.calling import time_limit
from tests.core.test_user_hooks import CLEAN, CORRUPTED, METRIC, hooks_folder, logits, run_under, write

__all__ = ["hooks_folder"]


def scaled(by):
    @hookscope.hook("z", heads=[1])
    def change(activation, hook):
        return activation * by

    return change


def under(loaded, *changes):
    specs = hookscope.intervene("any text", *changes).interventions
    return Run(loaded.spec, CLEAN, fitted(loaded, specs, CLEAN))


def test_functions_of_one_name_are_each_their_own(tiny):
    zero, twice = under(tiny, scaled(0.0)), under(tiny, scaled(2.0))
    assert torch.equal(logits(tiny, zero), logits(tiny, run_under(tiny, ["zero z H1"])))
    assert torch.equal(logits(tiny, twice), logits(tiny, run_under(tiny, ["scale z H1 x2"])))
    both = logits(tiny, under(tiny, scaled(0.5), scaled(4.0)))
    assert torch.allclose(both, logits(tiny, run_under(tiny, ["scale z H1 x2"])), atol=1e-6)


def test_a_run_is_not_answered_with_another_version_of_its_file(tiny, hooks_folder):
    write(hooks_folder, "@hook('z')\ndef change(a, hook):\n    return a * 0\n")
    run = run_under(tiny, ["hook fn:mine.change"])
    write(hooks_folder, "@hook('z')\ndef change(a, hook):\n    return a * 3.25\n")
    with pytest.raises(HookChangedError, match="changed while it was in use"):
        edits_of(tiny, run)


def test_a_set_of_pairs_is_not_swept_with_two_versions(tiny, hooks_folder):
    write(hooks_folder, "@hook('z', heads=[1])\ndef change(a, hook):\n    return a * 0.5\n")
    pairs = (UsablePair(PairRow("one", "other", "a", "b"), CLEAN, CORRUPTED, 5, 9),) * 3
    steps = sweep_pairs(
        tiny, pairs, "logit_difference", SweepPlan("resid_pre"), run_under(tiny, ["hook fn:mine.change"]).interventions
    )
    while next(steps).partial is None:
        pass
    write(hooks_folder, "@hook('z', heads=[1])\ndef change(a, hook):\n    return a * 0.125\n")
    with pytest.raises(HookChangedError):
        finish(steps)


@pytest.mark.parametrize("text", ["zero resid_mid L1", "hook fn:mine.change"])
def test_a_function_on_the_stream_behind_attention_is_refused_where_the_intervention_is(tiny, hooks_folder, text):
    write(hooks_folder, "@hook('blocks.1.hook_resid_mid')\ndef change(a, hook):\n    return a * 0\n")
    pair = PromptPair(*(run_under(tiny, [text], tokens) for tokens in (CLEAN, CORRUPTED)))
    with pytest.raises(InterventionError, match="resid_mid is in force"):
        finish(patch_paths(tiny, pair, METRIC, PathPlan()))
    with pytest.raises(InterventionError, match="resid_mid is in force"):
        finish(patch_sweep(tiny, pair, METRIC, SweepPlan("attn_out"), preview=False))


@pytest.mark.parametrize(("limits", "same"), [("H1-2", "zero z H1"), ("H2 others", "zero z H1"), ("", "zero z H0-1")])
def test_heads_of_the_intervention_limit_those_of_the_function_further(tiny, hooks_folder, limits, same):
    heads = "[0, 1]" if not limits else "[1]"
    write(hooks_folder, f"@hook('z', heads={heads})\ndef change(a, hook):\n    return a * 0\n")
    found = logits(tiny, run_under(tiny, [f"hook fn:mine.change {limits}".strip()]))
    assert torch.equal(found, logits(tiny, run_under(tiny, [same])))


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [("H2", "changes other heads"), ("H1 others", "changes other heads"), ("U99999", "no unit 99999")],
)
def test_limits_that_leave_nothing_are_said(tiny, hooks_folder, limits, sentence):
    write(hooks_folder, "@hook('z', heads=[1])\ndef change(a, hook):\n    return a * 0\n")
    with pytest.raises(InterventionError, match=sentence):
        run_under(tiny, [f"hook fn:mine.change {limits}"])


def test_objects_that_answer_to_any_name_hurt_nothing(hooks_folder):
    text = "class Config(dict):\n    __getattr__ = lambda self, name: self[name]\nCONFIG = Config()\n@hook('z')\ndef fine(a, hook):\n    return a\n"
    write(hooks_folder, text)
    write(hooks_folder, "@hook('z')\ndef fine(a, hook):\n    return a\n", "other.py")
    mine, other = library.hook_files()
    assert "KeyError" in mine.problem
    assert not other.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_said(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    library.allow(tmp_path / "closed" / "hooks")
    with pytest.raises(HookFunctionError, match="cannot be read"):
        library.hook_files()
    library.refuse("off again")


def test_a_folder_of_an_impossible_name_is_said(tmp_path):
    library.allow(tmp_path / ("x" * 5000))
    with pytest.raises(HookFunctionError, match="cannot be read"):
        library.hook_files()
    library.refuse("off again")


@pytest.mark.parametrize(("named", "seconds"), [("inf", 86_400), ("nan", 10), ("-1", 0.1), ("2.5", 2.5), ("soon", 10)])
def test_the_time_limit_is_a_number_of_seconds(monkeypatch, named, seconds):
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", named)
    assert time_limit() == seconds


def test_a_row_that_hangs_is_stopped_after_its_own_limit(tiny, hooks_folder, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_HOOK_SECONDS", "0.3")
    text = """
        seen = []

        @hook("blocks.1.attn.hook_z")
        def slow(a, hook):
            seen.append(1)
            while len(seen) > 4:
                pass
            return a
    """
    write(hooks_folder, text)
    pair = PromptPair(*(run_under(tiny, ["hook fn:mine.slow"], tokens) for tokens in (CLEAN, CORRUPTED)))
    began = time.monotonic()
    with pytest.raises(HookTimeoutError, match=r"longer than 0\.3 seconds"):
        finish(patch_sweep(tiny, pair, METRIC, SweepPlan("resid_pre"), preview=False))
    assert time.monotonic() - began < 10


def test_a_slow_file_holds_up_nobody_who_does_not_ask_for_it(hooks_folder):
    write(hooks_folder, "import time\ntime.sleep(1.5)\n@hook('z')\ndef fine(a, hook):\n    return a\n")
    reading = threading.Thread(target=library.hook_files)
    reading.start()
    time.sleep(0.3)
    began = time.monotonic()
    library.allow(hooks_folder)
    library.declare(scaled(1.0))
    assert time.monotonic() - began < 0.5
    assert reading.is_alive()
    reading.join()


def test_a_file_may_declare_functions_of_its_own_while_it_is_read(hooks_folder):
    text = "import hookscope\n@hook('z')\ndef fine(a, hook):\n    return a\nASKED = hookscope.intervene('text', fine)\n"
    write(hooks_folder, text)
    (file,) = library.hook_files()
    assert [one.name for one in file.functions] == ["mine.fine"], file.problem


def test_files_are_read_anew_when_that_is_asked_for(hooks_folder):
    data = hooks_folder / "vectors.txt"
    write(
        hooks_folder,
        f"import pathlib\npathlib.Path({str(data)!r}).read_text()\n@hook('z')\ndef fine(a, hook):\n    return a\n",
    )
    assert "FileNotFoundError" in library.hook_files()[0].problem
    data.write_text("here", encoding="utf-8")
    assert library.hook_files()[0].problem
    library.forget_files()
    assert not library.hook_files()[0].problem


def test_modules_of_former_versions_do_not_stay(hooks_folder):
    for value in range(3):
        write(hooks_folder, f"@hook('z')\ndef fine(a, hook):\n    return a * {value}.{'5' * value}0\n")
        library.hook_files()
    assert len([name for name in sys.modules if name.startswith("hookscope_hooks_mine_")]) == 1


def test_a_file_with_the_name_of_notebooks_is_told_to_take_another(hooks_folder):
    write(hooks_folder, "@hook('z')\ndef fine(a, hook):\n    return a\n", "notebook.py")
    (file,) = library.hook_files()
    assert "rename it" in file.problem
    assert not file.functions
