"""What a reader does with the pictures, in Chromium, on standalone pages."""

import base64

import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.attention import attention_payload
from interp_views.component import Component
from interp_views.prompt_view import prompt_payload
from interp_views.token_strip import StripView, strip_payload
from tests.views.conftest import TOKENS, attention_view, first_is_special, prompt_view

pytestmark = pytest.mark.browser

MOUNT = """
async ([source, css, markup, payloads]) => {
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const host = document.createElement("main");
  document.body.append(host);
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  host.append(document.createRange().createContextualFragment(markup));
  window.sent = [];
  window.root = host.firstElementChild;
  window.cleanups = payloads.map((text) => module.default({
    parentElement: host,
    data: Uint8Array.from(atob(text), (character) => character.charCodeAt(0)),
    setTriggerValue: (name, value) => window.sent.push([name, value]),
  }));
}
"""


def mount(browser, name: str, *payloads: bytes):
    """Mount a picture as Streamlit does, once per payload on the same element and without waiting in between."""
    page = browser.new_page()
    component = Component.load(name)
    texts = [base64.b64encode(payload).decode() for payload in payloads]
    page.evaluate(MOUNT, [component.js, component.css, component.html, texts])
    page.wait_for_selector("[data-painted]")
    return page


def background(locator) -> str:
    return locator.evaluate("node => getComputedStyle(node).backgroundColor")


@pytest.fixture
def attention(open_page):
    def open_(**changes):
        view = attention_view(**changes)
        return view, open_page(Component.load("attention").standalone(attention_payload(view), "Attention"))

    return open_


def test_every_head_has_a_thumbnail_with_its_name(attention):
    _, page = attention(n_heads=5)
    thumbs = page.locator("[data-testid^=head-thumb]")
    expect(thumbs).to_have_text([f"L5H{head}" for head in range(5)])


def test_pointing_at_a_cell_reads_its_exact_value_in_the_head_in_focus(attention):
    view, page = attention(head=1)
    box = page.get_by_test_id("head-large").bounding_box()
    # Cells fill the square at the bottom right: the last cell of the last row is just inside the corner.
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + box["height"] - 16)
    exact = f"{view.patterns[1, -1, -1]:.4f}"
    expect(page.get_by_test_id("attention-readout")).to_have_text(f"query 9: ·gave → key 9: ·gave {exact}")


def test_pointing_at_another_head_shows_it_for_a_moment_with_rounded_values(attention):
    view, page = attention(head=1, pos=5)
    readout = page.get_by_test_id("attention-readout")
    expect(readout).to_contain_text(f"{view.patterns[1, 5].max():.4f}")
    page.get_by_test_id("head-thumb-2").hover()
    expect(readout).to_contain_text(f"≈ {view.patterns[2, 5].max():.2f}")
    page.mouse.move(5, 5)
    expect(readout).to_contain_text(f"{view.patterns[1, 5].max():.4f}")


def test_a_click_locks_a_head_and_a_second_click_releases_it(attention):
    _, page = attention()
    thumb = page.get_by_test_id("head-thumb-2")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("head-thumb-0").click()
    expect(thumb).to_have_attribute("aria-pressed", "false")
    page.get_by_test_id("head-thumb-0").click()
    expect(page.locator("[data-testid^=head-thumb][aria-pressed=true]")).to_have_count(0)


def test_pointing_at_a_token_tints_the_others_by_where_it_looks_and_the_switch_turns_that_round(attention):
    patterns = np.tile(np.eye(len(TOKENS), dtype=np.float32), (3, 1, 1))
    patterns[:, 8] = np.eye(len(TOKENS))[4]
    _, page = attention(patterns=patterns)
    token = page.get_by_test_id("attention-token-8")
    other = page.get_by_test_id("attention-token-4")
    unlooked = page.get_by_test_id("attention-token-3")
    token.click()
    expect(token).to_have_attribute("aria-pressed", "true")
    expect(other).to_have_css("background-color", "rgb(11, 37, 69)")
    expect(unlooked).to_have_css("background-color", "rgb(244, 245, 247)")
    page.get_by_test_id("attention-direction-to").click()
    expect(other).to_have_css("background-color", "rgba(0, 0, 0, 0)")


def test_escape_releases_the_head_and_the_token(attention):
    _, page = attention(head_locked=True, pos=3)
    page.get_by_test_id("head-large").hover()
    page.keyboard.press("Escape")
    expect(page.locator("[aria-pressed=true][data-index]")).to_have_count(0)


def test_tokens_can_be_reached_and_locked_with_the_keyboard_alone(attention):
    _, page = attention()
    page.get_by_test_id("attention-token-0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("attention-token-2")).to_have_attribute("aria-pressed", "true")
    assert page.locator("[data-testid^=attention-token][tabindex='0']").count() == 1


def test_more_tokens_than_pixels_are_pooled_and_the_picture_says_so(attention):
    n_pos = 700
    tokens = tuple(" a" for _ in range(n_pos))
    patterns = np.tril(np.ones((1, n_pos, n_pos), np.float32))
    patterns /= patterns.sum(-1, keepdims=True)
    _, page = attention(tokens=tokens, patterns=patterns, head=0)
    expect(page.get_by_text("max-pooled 2×2")).to_be_visible()


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


def test_locks_are_reported_to_the_host_and_pointing_is_not(browser):
    page = mount(browser, "attention", attention_payload(attention_view()))
    page.get_by_test_id("attention-token-4").hover()
    page.get_by_test_id("head-thumb-2").click()
    page.get_by_test_id("attention-direction-to").click()
    page.get_by_test_id("attention-direction-to").click()
    assert page.evaluate("sent") == [
        ["lock", {"head": 2, "head_locked": True, "pos": None, "direction": "from"}],
        ["lock", {"head": 2, "head_locked": True, "pos": None, "direction": "to"}],
    ]
    page.close()


def test_new_data_on_the_same_element_wins_over_data_that_is_still_unpacking(browser):
    long = attention_view(tuple(" a" for _ in range(300)), n_heads=8)
    page = mount(browser, "attention", attention_payload(long), attention_payload(attention_view(pos=4)))
    expect(page.locator("[data-testid^=attention-token]")).to_have_count(len(TOKENS))
    expect(page.get_by_test_id("attention-token-4")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".hs-stage")).to_have_count(1)
    page.close()


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
