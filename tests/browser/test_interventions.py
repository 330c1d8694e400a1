"""Interventions in Chromium: links, reload and back, clicks on the maps, hostile text."""

import re
from urllib.parse import quote, quote_plus

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_app import HOSTILE, TINY, painted, settled

pytestmark = pytest.mark.browser
PAIR = "prompt=a+b+c+a+b&corrupted=a+b+d+a+b&answers=a&foils=b"
ZERO = "zero z L1 H2"


def chip(page: Page):
    return page.get_by_test_id("stMain").get_by_text(ZERO, exact=True)


def test_a_link_with_an_intervention_survives_a_reload(server, page):
    page.goto(f"{server.url}/ablate?{TINY}&{PAIR}&do={quote_plus(ZERO)}")
    painted(page, "head-map")
    settled(page)
    expect(chip(page)).to_be_visible()
    figures = page.get_by_test_id("stMetricValue")
    expect(figures).to_have_count(3, timeout=60_000)
    shown = figures.all_inner_texts()
    page.reload()
    painted(page, "head-map")
    settled(page)
    expect(chip(page)).to_be_visible()
    expect(figures).to_have_text(shown, timeout=60_000)


def test_a_click_on_the_ablation_map_leads_to_an_intervention_and_back_takes_it_away(server, page):
    page.goto(f"{server.url}/ablate?{TINY}&{PAIR}")
    painted(page, "head-map")
    settled(page)
    expect(page.get_by_text("Nothing is changed yet")).to_be_visible()
    page.locator("[data-testid=head-map] canvas").scroll_into_view_if_needed()
    box = page.locator("[data-testid=head-map] canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] - 12, box["y"] + box["height"] - 8)
    page.wait_for_url(re.compile("layer=2.*mlp=1|mlp=1.*layer=2"))
    settled(page)
    page.wait_for_timeout(1200)  # a step back within a second is taken for an echo of the click
    page.get_by_role("button", name="Ablate it (zero)").click()
    page.wait_for_url(re.compile("do=zero"))
    settled(page)
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text("zero mlp_out L2", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("zero mlp_out L2", exact=True)).to_be_visible()
    page.wait_for_timeout(1200)
    page.go_back()
    page.wait_for_url(lambda url: "do=" not in url)
    settled(page)
    expect(page.get_by_text("Nothing is changed yet")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("zero mlp_out L2", exact=True)).to_have_count(0)


def test_a_click_on_the_patching_map_selects_layer_and_position(server, page):
    page.goto(f"{server.url}/patching?{TINY}&{PAIR}")
    painted(page, "position-map")
    settled(page)
    canvas = page.locator("[data-testid=position-map] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] - 12, box["y"] + box["height"] - 12)
    page.wait_for_url(re.compile("layer=2"))
    settled(page)
    assert "pos=" in page.evaluate("location.search")
    expect(page.get_by_role("button", name="Add as intervention")).to_be_visible()


def test_a_walk_back_through_a_circuit_by_clicks_and_back_again(server, page):
    page.goto(f"{server.url}/patching?{TINY}&{PAIR}&view=paths")
    painted(page, "head-map")
    settled(page)
    canvas = page.locator("[data-testid=head-map] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    page.mouse.click(box["x"] + 60, box["y"] + box["height"] - 8)
    page.wait_for_url(re.compile("head=0"))
    settled(page)
    page.wait_for_timeout(1200)  # a step back within a second is taken for an echo of the click
    page.get_by_role("button", name="What feeds its query").click()
    page.wait_for_url(re.compile("receivers=q.2.0"))
    settled(page)
    expect(page.get_by_role("button", name="To: L2H0 q")).to_be_visible()
    page.wait_for_timeout(1200)
    page.go_back()
    page.wait_for_url(lambda url: "receivers=" not in url)
    settled(page)
    expect(page.get_by_role("button", name="To: logits")).to_be_visible()


def test_pairs_are_uploaded_swept_and_one_is_opened(server, page):
    page.goto(f"{server.url}/patching?{TINY}&{PAIR}&over=set&site=z&set=uploaded")
    settled(page)
    expect(page.get_by_text("a link does not carry them")).to_be_visible()
    page.get_by_role("button", name="Use your own pairs").click()
    rows = "clean,corrupted,answer,foil\na b c a b,a b d a b,a,b\nb a d b a,b a c b a,c,b\na,b c,a,b\n"
    page.locator("input[type=file]").last.set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.get_by_role("button", name="Use these pairs").click()
    painted(page, "head-map")
    settled(page)
    expect(page.get_by_text("2 of 3 pairs can be used on this model")).to_be_visible()
    expect(page.get_by_text("2 of 2 pairs swept")).to_be_visible()
    page.get_by_text("Standard error", exact=True).click()
    page.wait_for_url(re.compile("statistic=error"))
    settled(page)
    expect(page.get_by_text("standard error of the mean over 2 pairs")).to_be_visible()


def test_hostile_text_is_shown_as_text(server, page):
    page.goto(
        f"{server.url}/patching?{TINY}&prompt={quote_plus(HOSTILE + 'a')}&corrupted={quote_plus(HOSTILE + 'b')}&answers={quote_plus(HOSTILE)}&foils=b"
        f"&do={quote_plus('patch resid_pre L1 from:' + quote(HOSTILE, safe=''))}"
    )
    painted(page, "token-strip")
    settled(page)
    expect(page.get_by_text("tokens of this model")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.get_by_text("Not applied.")).to_be_visible()
    expect(page.get_by_test_id("stMain").locator("img[src='x']")).to_have_count(0)
    expect(page.get_by_test_id("stSidebar").locator("img[src='x'], img[src*=evil]")).to_have_count(0)
    page.get_by_role("textbox", name="Answers").fill("a")
    page.get_by_role("textbox", name="Answers").press("Enter")
    painted(page, "position-map")
    expect(page.get_by_role("textbox", name="Corrupted prompt")).to_have_value(HOSTILE + "b")
