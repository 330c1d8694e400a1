"""What a reader does with the pictures, in Chromium, on standalone pages."""

import base64

import pytest
from playwright.sync_api import expect

from interp_views.component import Component
from interp_views.prompt_view import prompt_payload
from interp_views.token_strip import StripView, strip_payload
from tests.views.conftest import MOUNT, TOKENS, first_is_special, mount, prompt_view

pytestmark = pytest.mark.browser


def background(locator) -> str:
    return locator.evaluate("node => getComputedStyle(node).backgroundColor")


def test_a_token_of_the_prompt_and_its_bar_and_the_panel_follow_one_another(open_page):
    page = open_page(Component.load("prompt_view").standalone(prompt_payload(prompt_view()), "Prompt"))
    panel = page.get_by_test_id("prompt-panel")
    expect(panel).to_contain_text("Last token of the prompt.")
    page.get_by_test_id("prompt-token-3").hover()
    expect(panel).to_contain_text("103")
    expect(page.get_by_test_id("prediction-1")).to_contain_text("actual next")
    chart = page.get_by_test_id("loss-chart")
    chart.hover(position={"x": 42, "y": 80})
    expect(page.get_by_test_id("prompt-token-0")).to_have_class("hs-token is-special is-pointed")
    expect(panel).to_contain_text("first token: nothing predicts it")


def test_the_prompt_can_be_coloured_by_probability(open_page):
    page = open_page(Component.load("prompt_view").standalone(prompt_payload(prompt_view()), "Prompt", "dark"))
    token = page.get_by_test_id("prompt-token-9")
    by_loss = background(token)
    assert by_loss == "rgb(255, 122, 77)"
    page.get_by_test_id("prompt-colour-probability").click()
    expect(page.get_by_text("probability, linear")).to_be_visible()
    assert background(token) != by_loss


def test_a_strip_shows_the_selected_token_and_makes_the_prompt_bold(open_page):
    view = StripView(TOKENS, first_is_special(len(TOKENS)), pos=2, bold_until=4)
    page = open_page(Component.load("token_strip").standalone(strip_payload(view), "Strip"))
    expect(page.get_by_test_id("strip-token-2")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("strip-token-3")).to_have_css("font-weight", "700")
    expect(page.get_by_test_id("strip-token-4")).to_have_css("font-weight", "400")
    page.get_by_test_id("strip-token-5").click()
    expect(page.get_by_test_id("strip-token-5")).to_have_attribute("aria-pressed", "true")


def test_cleaning_up_an_overtaken_call_leaves_the_picture_and_the_last_one_removes_it(browser):
    view = prompt_view()
    page = mount(browser, "prompt_view", prompt_payload(view), prompt_payload(view))
    page.evaluate("cleanups[0]()")
    page.get_by_test_id("prompt-token-2").click()
    assert page.evaluate("sent") == [["select", {"pos": 2}]]
    page.evaluate("cleanups[1]()")
    assert page.evaluate("root.childElementCount") == 0
    page.keyboard.press("Escape")
    assert len(page.evaluate("sent")) == 1
    page.close()


def test_data_that_cannot_be_read_is_said_and_later_data_still_shows(browser):
    page = browser.new_page()
    component = Component.load("token_strip")
    strip = strip_payload(StripView(("a", "b"), (False, False)))
    broken = base64.b64encode(b"\x02\x00\x00\x00no").decode()
    page.evaluate(MOUNT, [component.js, component.css, component.html, [broken]])
    expect(page.get_by_role("alert")).to_contain_text("could not be drawn")
    page.evaluate("document.body.replaceChildren()")
    page.evaluate(MOUNT, [component.js, component.css, component.html, [broken, base64.b64encode(strip).decode()]])
    expect(page.get_by_test_id("strip-token-1")).to_have_text("b")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()
