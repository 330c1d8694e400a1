"""The lens page in Chromium: deep links, clicks that select, back that returns, the way on to attention."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_app import painted, settled

pytestmark = pytest.mark.browser
TINY = "model=folder:tiny-llama"
REPEATS = "prompt=and+John+went+and+John+went"


def click_cell(page: Page, right: int, up: int) -> None:
    """Click a cell of the map, counted from its lower right corner in pixels."""
    box = page.locator("[data-testid=position-map] canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] - right, box["y"] + box["height"] - up)


def test_a_click_in_the_lens_selects_a_cell_and_back_returns(server, page):
    page.goto(f"{server.url}/lens?{TINY}&{REPEATS}")
    painted(page, "position-map")
    settled(page)
    click_cell(page, 12, 30)  # the row in front of the output, last position
    page.wait_for_url(re.compile("row=2"))
    settled(page)
    address = page.evaluate("location.href")
    assert "pos=" in address
    assert "layer=2" in address
    readout = page.get_by_test_id("position-map-readout")
    page.mouse.move(5, 5)
    expect(readout).to_contain_text("layer 2 · ")
    shown = readout.inner_text()
    page.wait_for_timeout(1200)  # a step back within a second is taken for an echo of the click
    page.go_back()
    page.wait_for_url(lambda url: "row" not in url)
    expect(readout).to_contain_text("Point at a cell")
    page.goto("about:blank")
    page.goto(address)
    painted(page, "position-map")
    expect(readout).to_have_text(shown)


def test_a_head_that_writes_is_held_and_opened_in_attention(server, page):
    page.goto(f"{server.url}/lens?{TINY}&{REPEATS}&view=heads")
    painted(page, "position-map")
    settled(page)
    click_cell(page, 12, 12)
    page.wait_for_url(re.compile("layer=2.*head=3|head=3.*layer=2"))
    settled(page)
    expect(page.get_by_text("writes a vector of norm")).to_be_visible()
    page.get_by_role("link", name="See where L2H3 looks on this prompt").click()
    painted(page, "attention")
    expect(page.locator("[data-testid=head-thumb-3]")).to_have_attribute("aria-pressed", "true")


def test_a_bar_leads_to_the_heads_of_its_layer(server, page):
    page.goto(f"{server.url}/lens?{TINY}&{REPEATS}&view=attribution")
    bars = page.locator(".js-plotly-plot .barlayer .trace").first.locator(".point")
    bars.nth(2).wait_for(state="attached")
    settled(page)
    page.locator(".js-plotly-plot").scroll_into_view_if_needed()
    box = bars.nth(2).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile("by=head"))
    assert "layer=2" in page.evaluate("location.search")
    painted(page, "head-map")


@pytest.mark.default_model
def test_the_first_visit_shows_the_worked_example(server, page):
    page.goto(f"{server.url}/lens?view=attribution")
    expect(page.get_by_text("logit(·Mary) − logit(·John)")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("textbox", name="Answer")).to_have_attribute("placeholder", "·Mary")
    expect(page.locator("[data-testid=stMetricValue]").first).to_have_text(re.compile(r"5\.\d{4}"))


@pytest.mark.default_model
def test_a_lens_over_a_long_prompt_shows_its_progress_and_can_be_left(server, page):
    text = "+".join(["several+words+that+go+on"] * 180)
    page.goto(f"{server.url}/lens?prompt={text}")
    expect(page.get_by_text(re.compile(r"Reading out every layer: row \d+ of 31"))).to_be_visible(timeout=60_000)
    page.get_by_role("radio", name="Residual stream").or_(
        page.get_by_role("button", name="Residual stream")
    ).first.click()
    painted(page, "position-map")
    expect(page.locator(".hs-title").last).to_contain_text("stream leaving the layer")
