"""Documentation is tested: a page that the README does not name is not finished."""

import re
from pathlib import Path

import pytest

from pages.ui.examples import example_link, examples
from pages.ui.shell import GROUPS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("title", [title for members in GROUPS.values() for title, _ in members.values()])
def test_every_page_has_a_row_and_a_heading_in_the_readme(title):
    assert f"| {title} |" in README
    assert f"### {title}\n" in README


def test_every_picture_of_the_readme_is_there_and_small():
    pictures = re.findall(r"\]\((docs/pictures/[^)]+)\)", README)
    assert len(pictures) >= 4
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 300_000, picture


def test_every_page_file_is_in_the_navigation():
    assert {path.stem for path in (ROOT / "pages").glob("*.py")} == {
        name for members in GROUPS.values() for name in members
    }


def test_every_environment_variable_is_documented():
    used = set()
    for path in (ROOT / "interp_core").glob("*.py"):
        used |= set(re.findall(r"HOOKSCOPE_[A-Z]+", path.read_text()))
    assert used
    assert all(name in README for name in used)


def test_requirements_are_exact_pins_and_constraints_agree():
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] not in "#-"]
    constraints = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin), pin
        assert pin.lower().replace("_", "-") in constraints, pin


@pytest.mark.parametrize("example", examples(), ids=lambda example: example["name"])
def test_every_example_opens_a_page_that_there_is(example):
    assert (ROOT / "pages" / f"{example['page']}.py").is_file()
    assert example_link(example) or example["name"] == "Indirect object identification"


def test_the_tree_is_whole():
    for name in (
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        ".ci/run",
        ".streamlit/config.toml",
        "data/PROVENANCE.md",
        "docs/decisions",
    ):
        assert (ROOT / name).exists(), name
