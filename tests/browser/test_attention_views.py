"""The attention page's views in Chromium: clicks that lead on, links that restore, work that is stopped."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_app import at_rest, painted, settled, type_prompt

pytestmark = pytest.mark.browser
TINY = "model=folder:tiny-llama"
REPEATS = "prompt=and+John+went+and+John+went"


def view(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).or_(
        page.get_by_role("radio", name=name, exact=True)
    ).first.click()


def test_a_click_in_the_grid_opens_that_head_and_back_returns(server, page):
    page.goto(f"{server.url}/attention?{TINY}&{REPEATS}&view=heads")
    painted(page, "head-grid")
    settled(page)
    page.locator("[data-testid=head-grid-canvas]").click(position={"x": 60, "y": 60})
    page.wait_for_url(re.compile(r"layer=\d|head=\d"))
    painted(page, "attention")
    settled(page)
    assert "view" not in page.evaluate("location.search")
    page.wait_for_timeout(1200)  # a step back within a second is taken for an echo of the click
    page.go_back()
    page.wait_for_url(re.compile("view=heads"))
    painted(page, "head-grid")
    page.go_forward()
    painted(page, "attention")


def test_views_keep_the_head_that_was_chosen(server, page):
    page.goto(f"{server.url}/attention?{TINY}&{REPEATS}&layer=2&head=3")
    painted(page, "attention")
    settled(page)
    for name, picture in (("Similar heads", "head-grid"), ("Query and key", "query-key"), ("Head scores", "head-map")):
        view(page, name)
        painted(page, picture)
        settled(page)
        assert re.search("layer=2.*head=3|head=3.*layer=2", page.evaluate("location.search"))
    view(page, "One layer")
    painted(page, "attention")
    expect(page.locator("[data-testid=head-thumb-3]")).to_have_attribute("aria-pressed", "true")


def title(page: Page):
    return page.locator(".hs-attention .hs-title")


def open_layer(server, page: Page, link: str) -> None:
    page.goto(f"{server.url}/attention?{link}")
    painted(page, "attention")
    settled(page)
    expect(page.locator("[data-testid=attention-layer-after]")).to_be_visible()


@pytest.mark.default_model
def test_keys_pressed_faster_than_the_page_is_drawn_are_all_counted(server, page):
    open_layer(server, page, "layer=3")
    page.evaluate("""() => { for (const key of "kkkkkkkjnnn")
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true })); }""")
    expect(page.locator("[data-testid=attention-layer]")).to_have_text(re.compile("^Layer 9"))
    page.wait_for_url(re.compile("layer=9.*head=2|head=2.*layer=9"))
    settled(page)
    expect(title(page)).to_have_text("L9H2")
    expect(page.get_by_role("combobox").first).to_have_value("Layer 9")
    for _ in range(6):
        page.keyboard.press("k", delay=15)
    page.wait_for_url(re.compile("layer=15"))
    settled(page)
    expect(title(page)).to_have_text("L15H2")
    expect(page.locator("[data-testid=attention-readout]")).not_to_contain_text("≈")


def test_a_neighbouring_layer_is_on_screen_while_the_server_cannot_answer(server, page):
    open_layer(server, page, f"{TINY}&{REPEATS}&layer=1")
    page.wait_for_function(
        "() => [...(globalThis.hookscopeBoxes ?? [])].some(([, box]) => box.parts.has('ahead-2') && box.parts.has('ahead-0'))"
    )
    page.context.set_offline(True)
    page.keyboard.press("k")
    expect(title(page)).to_have_text("All 4 heads of layer 2", timeout=1000)


def test_back_returns_to_the_former_layer_and_forward_to_the_later(server, page):
    open_layer(server, page, f"{TINY}&{REPEATS}")
    for layer in (1, 2):
        page.keyboard.press("k")
        page.wait_for_url(re.compile(f"layer={layer}"))
        settled(page)
        page.wait_for_timeout(1200)  # a step back within a second is taken for an echo
    page.keyboard.press("k")  # there is no layer 3
    page.wait_for_timeout(300)
    assert "layer=2" in page.evaluate("location.search")
    page.go_back()
    page.wait_for_url(re.compile("layer=1"))
    expect(title(page)).to_have_text("All 4 heads of layer 1")
    page.wait_for_timeout(1200)
    page.go_back()
    expect(title(page)).to_have_text("All 4 heads of layer 0")
    page.wait_for_timeout(1200)
    page.go_forward()
    expect(title(page)).to_have_text("All 4 heads of layer 1")
    page.keyboard.press("k")
    page.wait_for_url(re.compile("layer=2"))


def test_layer_and_head_are_chosen_by_button_and_by_list_alike(server, page):
    open_layer(server, page, f"{TINY}&{REPEATS}")
    page.locator("[data-testid=attention-layer-after]").click()
    page.locator("[data-testid=attention-head-before]").click()
    page.wait_for_url(re.compile("layer=1.*head=3|head=3.*layer=1"))
    settled(page)
    expect(title(page)).to_have_text("L1H3")
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="Layer 0").click()
    expect(title(page)).to_have_text("L0H3")
    page.keyboard.type("k")  # the list has the focus: a key there looks for a layer
    page.wait_for_timeout(300)
    expect(title(page)).to_have_text("L0H3")


def test_the_scale_stands_in_the_url_of_both_pictures(server, page):
    open_layer(server, page, f"{TINY}&{REPEATS}&layer=1")
    page.locator("[data-testid=attention-scale-stretched]").click()
    page.wait_for_url(re.compile("scale=stretched"))
    expect(page.locator(".hs-scale-end")).to_contain_text("≥")
    view(page, "All heads")
    painted(page, "head-grid")
    switch = page.locator(".hs-head-grid [data-testid=attention-scale-stretched]").first
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.locator(".hs-head-grid [data-testid=attention-scale-full]").first.click()
    page.wait_for_url(lambda url: "scale" not in url)


def test_cells_outside_a_sliding_window_say_so(server, page):
    open_layer(server, page, "model=folder:tiny-gemma2&prompt=" + "+".join(["and+John+went"] * 8) + "&head=1")
    large = page.locator("[data-testid=head-large]")
    large.scroll_into_view_if_needed()
    box = large.bounding_box()
    page.mouse.move(box["x"] + 70, box["y"] + box["height"] - 20)
    page.mouse.move(box["x"] + 72, box["y"] + box["height"] - 20)
    expect(page.locator("[data-testid=attention-readout]")).to_contain_text("masked: outside the window of 16 tokens")


def test_a_held_head_shows_four_digits_and_another_about_two(server, page):
    page.goto(f"{server.url}/attention?{TINY}&{REPEATS}&layer=1&head=2&pos=3")
    painted(page, "attention")
    readout = page.locator("[data-testid=attention-readout]")
    expect(readout).to_contain_text(re.compile(r"\d\.\d{4}"))
    page.locator("[data-testid=head-thumb-0]").hover()
    expect(readout).to_contain_text(re.compile(r"≈ \d\.\d\d"))


def test_a_generation_is_frozen_by_double_click_and_the_link_restores_it(server, page):
    page.goto(f"{server.url}/attention?{TINY}&{REPEATS}&view=generated&tokens=6")
    painted(page, "generated")
    settled(page)
    page.locator("[data-testid=observed-token-2]").dblclick()
    page.wait_for_url(re.compile("observed=2"))
    settled(page)
    address = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(address)
    painted(page, "generated")
    expect(page.locator(".hs-generated")).to_contain_text("frozen")


@pytest.mark.default_model
def test_a_generation_is_stopped_and_what_there_is_is_looked_at(server, page):
    page.goto(f"{server.url}/attention?view=generated&tokens=400&temperature=1&prompt=Once+upon+a+time")
    page.get_by_role("button", name="Stop").click(timeout=90_000)
    painted(page, "generated")
    settled(page)
    expect(page.get_by_text("Stopped.")).to_be_visible()
    assert page.locator("[data-testid^=observed-token-]").count() < 300
    type_prompt(page, "The engine still answers")
    page.wait_for_url(re.compile("prompt=The"))


def test_a_saved_run_is_opened_from_the_list(server, page):
    page.goto(f"{server.url}/attention?{TINY}&prompt=the+frozen+river&layer=1")
    painted(page, "attention")
    settled(page)
    page.get_by_role("button", name="Save this run").click()
    page.get_by_role("button", name="Saved: open it").click()
    page.wait_for_url(re.compile("saved=[0-9a-f]{16}"))
    expect(page.get_by_text("read-only")).to_be_visible()
    painted(page, "attention")
    settled(page)
    page.locator("[data-testid=head-thumb-1]").click()
    page.wait_for_url(re.compile("head=1"))
    page.get_by_role("link", name="Saved runs").click()
    expect(page.get_by_role("link", name="the frozen river", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Take along").first.click()
    assert download.value.suggested_filename.endswith(".zip")


def test_a_pattern_is_drawn_and_searched_for(server, page):
    page.goto(f"{server.url}/attention?{TINY}&{REPEATS}&view=search&pattern=drawn")
    painted(page, "pattern-sketch")
    settled(page)
    canvas = page.locator(".hs-pattern-sketch canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.85)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.9, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("cells="))
    painted(page, "head-grid")
    expect(page.get_by_text("heads that fit best")).to_be_visible()


@pytest.mark.default_model
def test_a_thousand_identical_tokens_are_a_right_picture(server, page):
    page.goto(f"{server.url}/attention?layer=18")
    painted(page, "attention")
    settled(page)
    type_prompt(page, "a " * 1000)
    expect(page.get_by_text(re.compile(r"1,0\d\d tokens of|1,00\d tokens"))).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile("are more than any screen shows at once"))).to_be_visible(timeout=90_000)
    assert not page.locator("[data-testid=stException]").count()


def test_downloads_of_the_picture_hold_the_tokens(server, page):
    page.goto(f"{server.url}/attention?{TINY}&{REPEATS}&layer=1&head=2")
    painted(page, "attention")
    settled(page)
    with page.expect_download() as download:
        page.locator("[data-testid=attention-save-svg]").click()
    text = download.value.path().read_text()
    assert text.startswith("<svg") or text.startswith("<?xml")
    labels = page.locator("[data-testid^=attention-token-]").all_inner_texts()
    assert all(f"{pos}: {label}" in text for pos, label in enumerate(labels) if label.isalpha())
    with page.expect_download() as download:
        page.locator("[data-testid=attention-save-png]").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


@pytest.mark.default_model
def test_heads_of_a_long_prompt_are_on_screen_while_the_pass_goes_on(server, page):
    page.goto(f"{server.url}/attention?head=1")
    painted(page, "attention")
    settled(page)
    type_prompt(page, "several words that go on and on, and never repeat " * 80)
    expect(page.get_by_text("are more than any screen shows at once")).to_be_visible(timeout=60_000)
    under_way = page.get_by_text(re.compile(r"Surveying attention: layer \d+ of 30"))
    expect(under_way).to_be_visible()
    expect(page.locator("[data-testid=attention-token-880]")).to_be_attached()  # the picture is that of this prompt
    expect(under_way).to_be_visible()
    at_rest(page)
    view(page, "All heads")  # from the same survey: no second pass
    painted(page, "head-grid")
    expect(under_way).to_have_count(0)
