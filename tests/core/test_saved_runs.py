"""Saved runs: what is read is what was written, and what was changed is noticed."""

import io
import json
import zipfile

import numpy as np
import pytest

from interp_core.__main__ import main
from interp_core.attention import LivePatterns
from interp_core.attention_aggregates import aggregate_attention
from interp_core.attention_survey import survey_attention, survey_saved
from interp_core.checksums import own_checksum
from interp_core.errors import SavedRunError
from interp_core.generation import Sampling
from interp_core.prompts import Prompt
from interp_core.run_archive import read_archive, write_archive
from interp_core.run_writing import save_run
from interp_core.saved_runs import (
    MANIFEST,
    RunFacts,
    layer_file,
    open_run,
    run_key,
    saved_runs,
)
from interp_core.types import Run
from tests.patterns import all_patterns, walked

PROMPT = Prompt("The small brown fox. The small")


@pytest.fixture
def saved(tiny, tiny_spec, tmp_path):
    tokens = tiny.tokenizer.tokenise(PROMPT)
    facts = RunFacts(tiny.card, PROMPT, tokens, len(tokens.ids) - 2, Sampling(2))
    return open_run(save_run(LivePatterns(tiny, Run(tiny_spec, tokens.ids)), facts, tmp_path)), facts


def test_a_run_comes_back_as_it_was(saved, tiny, tiny_spec):
    run, facts = saved
    assert run.facts == facts
    live = Run(tiny_spec, run.tokens)
    truth = all_patterns(tiny, live)
    found = walked(run)
    assert np.abs(found - truth).max() <= 0.5 / 65535 + 1e-7
    np.testing.assert_array_equal(run.layer(1, [2]), found[1, [2]])
    np.testing.assert_allclose(run.value_norms(), survey_attention(tiny, live).value_norms, rtol=1e-5)


def test_techniques_take_a_saved_run_as_they_take_a_live_one(saved, tiny, tiny_spec):
    run, _ = saved
    live = Run(tiny_spec, run.tokens)
    survey, expected = survey_saved(run, run.value_norms()), survey_attention(tiny, live)
    assert np.abs(survey.levels.astype(int) - expected.levels).max() <= 1
    np.testing.assert_allclose(survey.scores.values, expected.scores.values, atol=1e-3)
    rollout = aggregate_attention(run, "rollout", 0, 0)
    np.testing.assert_allclose(rollout, aggregate_attention(LivePatterns(tiny, live), "rollout", 0, 0), atol=1e-4)


@pytest.mark.parametrize("name", [MANIFEST, layer_file(1), "value-norms.safetensors"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.95])
def test_a_flipped_byte_is_noticed(saved, name, place):
    run, _ = saved
    path = run.folder / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(
        SavedRunError, match=r"not what was written|cannot be opened|not a saved run|was saved in version"
    ):
        again = open_run(run.folder)
        walked(again)
        again.value_norms()


def test_a_missing_file_or_manifest_is_said_so(saved, tmp_path):
    run, _ = saved
    with pytest.raises(SavedRunError, match="not on this server"):
        open_run(tmp_path / "nothing")
    (run.folder / layer_file(2)).unlink()
    with pytest.raises(SavedRunError, match="cannot be opened"):
        open_run(run.folder)
    found, problems = saved_runs(tmp_path)
    assert not found
    assert len(problems) == 1


def rewritten(run, **changes):
    """A manifest that someone else wrote, with a right checksum of its own."""
    path = run.folder / MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["checksum"]
    manifest |= changes
    path.write_text(json.dumps(manifest | {"checksum": own_checksum(manifest)}))


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"../../secret": "0"}},
        {"n_prompt": 99},
        {"card": {"name": "x"}},
        {"tokenised": {"ids": [1], "str_tokens": [], "special": [], "bos_count": 1}},
        {"prompt": {"text": 5, "prepend_bos": True, "chat": False}},
    ],
)
def test_a_manifest_that_we_would_not_write_is_refused(saved, changes):
    run, _ = saved
    rewritten(run, **changes)
    with pytest.raises(SavedRunError, match="cannot be opened"):
        open_run(run.folder)


def test_a_version_that_is_to_come_is_said_so(saved):
    run, _ = saved
    rewritten(run, version=2)
    with pytest.raises(SavedRunError, match=r"version 2 .* reads version 1"):
        open_run(run.folder)


def test_nothing_is_left_of_a_run_that_could_not_be_written(tiny, tiny_spec, tmp_path, monkeypatch):
    tokens = tiny.tokenizer.tokenise(PROMPT)
    facts = RunFacts(tiny.card, PROMPT, tokens, len(tokens.ids))

    def full(content, path):
        if path.name == layer_file(2):
            raise OSError(28, "No space left on device")
        path.write_bytes(b"x")

    monkeypatch.setattr("interp_core.run_writing.save_file", full)
    with pytest.raises(SavedRunError, match="No space left"):
        save_run(LivePatterns(tiny, Run(tiny_spec, tokens.ids)), facts, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_travels_as_a_zip_file(saved, tmp_path):
    run, facts = saved
    file = io.BytesIO()
    write_archive(run, file)
    taken = read_archive(file, tmp_path / "elsewhere")
    assert taken.facts == facts
    np.testing.assert_array_equal(walked(taken), walked(run))


def zipped(**files: bytes) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (io.BytesIO(b"not a zip"), "not a zip file"),
        (zipped(**{"../evil": b"x"}), "holds other files"),
        (zipped(**{MANIFEST: b"{}"}), "not a saved run"),
        (zipped(), "holds other files"),
    ],
)
def test_a_zip_file_that_is_no_run_leaves_nothing(file, reason, tmp_path):
    with pytest.raises(SavedRunError, match=reason):
        read_archive(file, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_zip_file_compressed_in_a_rare_way_is_refused(saved, tmp_path):
    run, _ = saved
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.write(run.folder / MANIFEST, MANIFEST)
    with pytest.raises(SavedRunError, match="compressed in a rare way"):
        read_archive(file, tmp_path / "elsewhere")


def test_a_zip_with_a_changed_layer_is_refused(saved, tmp_path):
    run, _ = saved
    path = run.folder / layer_file(0)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    file = io.BytesIO()
    write_archive(run, file)
    with pytest.raises(SavedRunError, match="not what was written"):
        read_archive(file, tmp_path / "elsewhere")


def test_the_same_request_has_the_same_key_and_another_another(tiny):
    key = run_key(tiny.card, PROMPT, None)
    assert key == run_key(tiny.card, PROMPT, None)
    assert key != run_key(tiny.card, PROMPT, Sampling(3))
    assert key != run_key(tiny.card, Prompt("other"), None)


def test_the_command_saves_every_prompt_once_and_goes_on_where_it_was_stopped(tiny_folders, tmp_path, capsys):
    prompts, out = tmp_path / "prompts.txt", tmp_path / "out"
    prompts.write_text("The small brown fox\nand John went\n")
    command = ["attention", str(prompts), "--out", str(out), "--model", "folder:tiny-llama", "--generate", "3"]
    assert main(command) == 0
    assert "2 saved" in capsys.readouterr().out
    first, second = saved_runs(out)[0]
    assert {first.facts.prompt.text, second.facts.prompt.text} == {"The small brown fox", "and John went"}
    assert 1 <= len(first.tokens) - first.facts.n_prompt <= 3
    kept = first.folder / MANIFEST
    before = kept.stat().st_mtime_ns
    (second.folder / MANIFEST).unlink()  # as if it had been stopped there
    assert main(command) == 0
    assert "1 saved" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == before
    assert len(saved_runs(out)[0]) == 2


def test_the_command_says_what_is_wrong_with_its_input(tiny_folders, tmp_path, capsys):
    assert main(["attention", str(tmp_path / "none.txt"), "--out", str(tmp_path)]) == 1
    assert "cannot be read" in capsys.readouterr().err
    image = tmp_path / "x.png"
    image.write_bytes(b"")
    assert main(["attention", str(image), "--out", str(tmp_path)]) == 1
    assert ".txt, .csv or .jsonl" in capsys.readouterr().err


def test_a_prompt_that_is_too_long_does_not_stop_the_others(tiny_folders, tmp_path, capsys):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("and John\n" + "word " * 2000 + "\n")
    assert main(["attention", str(prompts), "--out", str(tmp_path / "out"), "--model", "folder:tiny-llama"]) == 1
    captured = capsys.readouterr()
    assert "Prompt 2: The prompt has" in captured.err
    assert "1 saved" in captured.out
