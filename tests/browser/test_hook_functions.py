"""The user's hook functions in the real app: applied by a click, read again on change, stopped when they do not end."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.browser.test_app import painted

GOOD = """from hookscope import hook

@hook("z", heads=[1])
def halve(activation, hook):
    '''Half of <b>head 1</b>.'''
    return activation * 0.5
"""
ENDLESS = """from hookscope import hook

@hook("z")
def halve(activation, hook):
    while True:
        pass
"""


@pytest.fixture
def hooks(tmp_path) -> Path:
    (tmp_path / "mine.py").write_text(GOOD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def hooked(tiny_folders, hooks) -> Iterator[Server]:
    made = Server(HOOKSCOPE_HOOKS=str(hooks), HOOKSCOPE_HOOK_SECONDS="1")
    yield made
    made.stop()


def open_list(page: Page) -> None:
    expect(page.get_by_text("Your hook functions")).to_be_visible(timeout=60_000)  # the model is loaded
    page.get_by_text("Your hook functions").click()


def test_a_function_is_applied_by_a_click_and_a_changed_file_is_read_again(hooked, hooks, page):
    page.goto(f"{hooked.url}/prompt?model=folder%3Atiny-llama&prompt=When+Mary")
    open_list(page)
    expect(page.get_by_text("Half of <b>head 1</b>. At z; heads 1.")).to_be_visible()  # text, never markup
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("do=hook"))
    expect(page.get_by_text("Under")).to_be_visible()
    page.wait_for_timeout(1200)
    page.go_back()
    expect(page).not_to_have_url(re.compile("do=hook"))
    expect(page.get_by_text("None: the model runs as it is.")).to_be_visible()
    page.go_forward()
    expect(page).to_have_url(re.compile("do=hook"))
    (hooks / "mine.py").write_text(GOOD.replace("* 0.5", "* undefined"), encoding="utf-8")
    page.get_by_role("button", name="Read the files again").click()
    expect(
        page.get_by_text("mine.py, line 6: mine.halve at blocks.0.attn.hook_z raised NameError").first
    ).to_be_visible()


def test_a_function_that_does_not_end_is_stopped_and_the_page_goes_on(hooked, hooks, page):
    (hooks / "mine.py").write_text(ENDLESS, encoding="utf-8")
    page.goto(f"{hooked.url}/prompt?model=folder%3Atiny-llama&prompt=When+Mary&do=hook+fn%3Amine.halve")
    expect(page.get_by_text("took longer than 1 seconds and was stopped").first).to_be_visible(timeout=60_000)
    page.locator("[data-testid=stSidebar] label", has_text="hook mine.halve").click()
    painted(page, "prompt-view")
    (hooks / "mine.py").write_text(GOOD, encoding="utf-8")
    page.goto(f"{hooked.url}/prompt?model=folder%3Atiny-llama&prompt=When+Mary&do=hook+fn%3Amine.halve")
    painted(page, "prompt-view")
    expect(page.get_by_text("was stopped")).to_have_count(0)
