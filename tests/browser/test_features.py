"""Features in Chromium: a deep link, clicks in the dashboard, and the way back."""

import re

import pytest
from playwright.sync_api import expect

from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.plan import HarvestPlan
from interp_core.jobs import finish
from interp_core.sae.features import held_sae
from tests.browser.conftest import Server
from tests.browser.test_app import TINY, settled
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import write_sae

pytestmark = pytest.mark.browser
HOSTILE_LABEL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    """A server whose SAE folder holds one SAE, with a harvest."""
    root = tmp_path_factory.mktemp("features")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SAES", "HARVESTS", "LABELS"):
            patch.setenv(f"HOOKSCOPE_{name}", str(root / name.lower()))
        write_sae(root / "saes" / "one", tiny, "topk")
        (root / "harvests").mkdir()
        tiny.saes.clear()
        plan = HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, held_sae(tiny, "folder:one"), Texts(TEXTS), plan, root / "harvests" / "one"))
        tiny.saes.clear()
        made = Server()
        yield made
        made.stop()


def dashboard(page):
    return page.locator(".hs-feature-dashboard")


def test_a_feature_opens_by_its_link_and_an_example_by_a_click_and_back_again(server, page):
    page.goto(f"{server.url}/feature?{TINY}&prompt=a+b+c+a+b&sae=folder:one&feature=7")
    expect(dashboard(page).get_by_text("L1F7", exact=True)).to_be_visible(timeout=60_000)
    settled(page)
    page.wait_for_timeout(1200)  # a step back within a second is taken for an echo of the click
    dashboard(page).locator("[data-testid^=feature-example-]").first.click()
    page.wait_for_url(re.compile("example="))
    settled(page)
    expect(page.get_by_role("button", name="Put it on the bench")).to_be_visible()
    page.wait_for_timeout(1200)
    page.go_back()
    page.wait_for_url(lambda url: "example=" not in url)
    settled(page)
    expect(page.get_by_role("button", name="Put it on the bench")).to_have_count(0)


def test_a_label_that_is_markup_stays_text_in_the_dashboard(server, page):
    page.goto(f"{server.url}/feature?{TINY}&prompt=a+b+c&sae=folder:one&feature=5")
    expect(dashboard(page).get_by_text("L1F5", exact=True)).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Label").click()
    box = page.get_by_role("textbox", name="Your label")
    box.fill(HOSTILE_LABEL)
    box.press("Enter")
    expect(dashboard(page).get_by_text(HOSTILE_LABEL)).to_be_visible()
    assert dashboard(page).locator("img").count() == 0


def test_a_column_of_the_prompt_s_features_leads_to_its_dashboard(server, page):
    page.goto(f"{server.url}/prompt_features?{TINY}&prompt=a+b+c+a+b&sae=folder:one&pos=2")
    expect(dashboard(page).first).to_be_visible(timeout=60_000)
    settled(page)
    dashboard(page).get_by_role("button", name=re.compile("L1F[0-9]+")).first.click()
    page.wait_for_url(re.compile("feature="))
    settled(page)
    page.get_by_role("link", name=re.compile("Open L1F")).click()
    page.wait_for_url(re.compile("/feature[?]"))
    expect(page.get_by_role("heading", name="Act on it")).to_be_visible(timeout=60_000)
