"""The architecture page in the real app: from a part to an intervention, and to the page that shows it."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_head_is_ablated_and_opened_from_the_diagram(server, page):
    page.goto(f"{server.url}/architecture?model=folder:tiny-llama")
    head = page.locator("[data-layer='0'] [data-head='2']")
    head.click()
    panel = page.get_by_test_id("architecture-panel")
    expect(panel).to_contain_text("head L0H2")
    page.get_by_test_id("act-ablate").click()
    expect(page.get_by_test_id("architecture-legend")).to_contain_text("zero z L0 H2")
    expect(head.locator(".is-marked")).to_be_visible()
    # What was kept is still kept, and now says what stands on it.
    expect(panel).to_contain_text("zero z L0 H2 on blocks.0.attn.hook_z, heads 2")
    page.get_by_test_id("act-open").click()
    page.wait_for_url(re.compile(r"/attention\?.*head=2"))
    expect(page.get_by_test_id("head-thumb-2")).to_be_visible()


def test_a_pasted_configuration_stands_beside_the_loaded_model(server, page):
    page.goto(f"{server.url}/architecture?model=folder:tiny-llama")
    page.get_by_test_id("architecture").wait_for()
    page.get_by_role("button", name="Paste a configuration").click()
    box = page.get_by_label("Configuration as JSON")
    box.fill(
        '{"model_name": "mine", "n_layers": 2, "d_model": 64, "n_heads": 4, "d_head": 16, "d_mlp": 0, "d_vocab": 100}'
    )
    box.press("Control+Enter")
    expect(page.get_by_test_id("architecture-compared")).to_contain_text("mine")
    expect(page.locator(".hs-arch-svg")).to_have_count(2)
    page.wait_for_url(re.compile(r"config="))


def test_another_model_is_named_by_typing(server, page):
    page.goto(f"{server.url}/architecture?model=folder:tiny-llama")
    page.get_by_test_id("architecture").wait_for()
    page.get_by_role("combobox", name="Models, side by side").fill("folder:tiny-gemma2")
    page.keyboard.press("Enter")
    expect(page.locator(".hs-arch-svg")).to_have_count(2)
    page.wait_for_url(re.compile(r"models="))
    page.reload()
    expect(page.locator(".hs-arch-svg")).to_have_count(2)
