"""What the commands share: how a model is named, and how a job says how far it is."""

import argparse
import io
import sys

import pytest

from interp_core.commands import add_model_arguments, chosen_model, followed
from interp_core.errors import InterpError
from interp_core.types import ModelSpec, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def job(fails=False):
    yield Progress(0.25, "a quarter")
    if fails:
        raise InterpError("It cannot be done.")
    yield Progress(0.5, "half")
    return "made"


def test_a_job_is_followed_to_its_end_and_says_how_far_it_is(capsys):
    assert followed(job()) == "made"
    assert capsys.readouterr().err == " 25% a quarter\n"  # the next is said seconds later


def test_on_a_terminal_it_is_one_line_that_is_gone_in_the_end(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    followed(job())
    said = sys.stderr.getvalue()
    assert "\n" not in said
    assert said.startswith("\r\033[K 25% a quarter")
    assert said.endswith("\r\033[K")


def test_the_sentence_of_a_job_that_fails_has_a_line_of_its_own(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(InterpError, match="cannot be done"):
        followed(job(fails=True))
    assert sys.stderr.getvalue().endswith("\r\033[K")


def test_a_model_is_named_as_in_the_dashboard():
    parser = argparse.ArgumentParser()
    add_model_arguments(parser, dtype="bfloat16")
    spec = chosen_model(parser.parse_args(["--model", "folder:mine", "--processing", "raw", "--device", "cpu"]))
    assert spec == ModelSpec("folder", "mine", dtype="bfloat16", processing="raw", device="cpu")
