"""Labels of a user's own survive, do not overwrite each other, and refuse what cannot be shown in one line."""

import json
import subprocess
import sys

import pytest

from interp_core.errors import DiskError, LabelError
from interp_core.labels import clear_label, labels_of, set_label

SAE = "5" * 64
WRITER = """
import sys
from interp_core.labels import set_label
for step in range(25):
    set_label("5" * 64, int(sys.argv[1]) + step, f"of {sys.argv[1]}", sae="mine")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_LABELS", str(tmp_path / "labels"))
    return tmp_path / "labels"


def test_a_label_is_kept_until_it_is_replaced_or_taken_away():
    assert labels_of(SAE) == {}
    kept = set_label(SAE, 7, "  names of rivers ", sae="mine")
    assert kept.text == "names of rivers" and labels_of(SAE) == {7: kept}
    set_label(SAE, 3, "lakes", sae="mine")
    set_label(SAE, 7, "rivers", sae="mine")
    assert {index: label.text for index, label in labels_of(SAE).items()} == {3: "lakes", 7: "rivers"}
    clear_label(SAE, 7, sae="mine")
    clear_label(SAE, 8, sae="mine")
    assert list(labels_of(SAE)) == [3]
    assert labels_of("6" * 64) == {}


def test_processes_that_write_at_once_lose_no_label():
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(first)]) for first in (0, 1000, 2000)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    expected = {first + step: f"of {first}" for first in (0, 1000, 2000) for step in range(25)}
    assert {index: label.text for index, label in labels_of(SAE).items()} == expected


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1)>", "'; drop table features; --", "ünï · 日本 👩‍👩‍👧", "x" * 200]
)
def test_markup_and_letters_of_any_script_come_back_as_they_were(text):
    set_label(SAE, 1, text, sae="mine")
    assert labels_of(SAE)[1].text == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("x" * 201, "201 characters"),
        ("a\nb", r"U\+000A"),
        ("a\x00b", r"U\+0000"),
        ("a\u202eb", r"U\+202E"),
        ("a\ud800b", r"U\+D800"),
        ("a\u2028b", r"U\+2028"),
    ],
)
def test_what_cannot_be_a_label_is_refused(text, reason):
    with pytest.raises(LabelError, match=reason):
        set_label(SAE, 1, text, sae="mine")
    assert labels_of(SAE) == {}


def test_no_feature_has_a_number_below_0():
    with pytest.raises(LabelError, match="no feature -1"):
        set_label(SAE, -1, "x", sae="mine")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"format": "hookscope feature labels", "version": 2}', '{"labels": 3}', "[" * 100_000]
    + [
        json.dumps({"format": "hookscope feature labels", "version": 1, "labels": labels})
        for labels in (
            [],
            {"x": {}},
            {"1": 5},
            {"1": {"text": "a\nb", "written": ""}},
            {"-1": {"text": "a", "written": ""}},
        )
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_left_alone(folder, content):
    folder.mkdir()
    (folder / f"{SAE}.json").write_text(content)
    with pytest.raises(LabelError, match="cannot be used"):
        labels_of(SAE)
    with pytest.raises(LabelError, match="cannot be used"):
        set_label(SAE, 1, "x", sae="mine")
    assert (folder / f"{SAE}.json").read_text() == content


def test_a_folder_that_cannot_be_made_is_said(folder):
    folder.write_text("a file is in the way")
    with pytest.raises(DiskError, match="cannot be written"):
        set_label(SAE, 1, "x", sae="mine")
