"""The feature browser in Chromium: a deep link, a click on a row or a point, and the way back."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.plan import HarvestPlan
from interp_core.jobs import finish
from interp_core.labels import set_label
from interp_core.sae.atlas import make_atlas
from interp_core.sae.features import held_sae
from interp_core.types import Progress
from tests.browser.conftest import Server
from tests.browser.test_app import TINY, settled
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import write_sae

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)>"
LINK = f"{TINY}&prompt=a+b+c+a+b&sae=folder:one"


def _quick(rows):
    yield Progress(0.5, "Laying out")
    return rows[:, :2].astype(np.float32)


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    """A server with one SAE, a harvest and an atlas of it, and a label that is markup."""
    root = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SAES", "HARVESTS", "LABELS"):
            patch.setenv(f"HOOKSCOPE_{name}", str(root / name.lower()))
        patch.setattr("interp_core.sae.atlas.layout_steps", _quick)
        write_sae(root / "saes" / "one", tiny, "topk")
        (root / "harvests").mkdir()
        tiny.saes.clear()
        sae = held_sae(tiny, "folder:one")
        plan = HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, sae, Texts(TEXTS), plan, root / "harvests" / "one"))
        finish(make_atlas(tiny, "folder:one"))
        set_label(sae.checksum, 5, HOSTILE, sae="folder:one")
        tiny.saes.clear()
        made = Server()
        yield made
        made.stop()


def card(page: Page):
    return page.locator(".st-key-features-selected")


def test_a_row_is_selected_by_a_click_and_back_returns(server, page):
    page.goto(f"{server.url}/features?{LINK}&feature=3")
    expect(card(page)).to_contain_text("L1F3", timeout=60_000)
    settled(page)
    page.wait_for_timeout(1200)  # a step back within a second is taken for an echo of the click
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.click(box["x"] + 30, box["y"] + 35 * 6.5)  # below the heading, the sixth row
    page.wait_for_url(re.compile("feature=5"))
    expect(card(page)).to_contain_text(HOSTILE)
    assert card(page).locator("img").count() == 0
    settled(page)
    page.wait_for_timeout(1200)
    page.go_back()
    expect(card(page)).to_contain_text("L1F3")
    page.go_forward()
    expect(card(page)).to_contain_text("L1F5")


def test_a_point_of_the_map_is_selected_by_a_click_and_its_dashboard_opens(server, page):
    page.goto(f"{server.url}/features?{LINK}&view=map")
    plot = page.locator(".js-plotly-plot")
    expect(plot.locator(".nsewdrag").first).to_be_visible(timeout=60_000)
    settled(page)
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    x, y, feature = page.evaluate(
        """() => {
          const plot = document.querySelector(".js-plotly-plot"), {xaxis, yaxis} = plot._fullLayout;
          const trace = plot._fullData.find((one) => one.customdata?.length > 5), at = 2;
          return [xaxis.l2p(trace.x[at]) + xaxis._offset, yaxis.l2p(trace.y[at]) + yaxis._offset, trace.customdata[at]];
        }"""
    )
    box = plot.bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(plot.locator(".hovertext")).to_contain_text(f"L1F{feature}")
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_url(re.compile(f"feature={feature}(&|$)"))
    expect(card(page)).to_contain_text(f"L1F{feature}")
    settled(page)
    card(page).get_by_role("link", name="Open its dashboard").click()
    expect(page.locator(".hs-feature-dashboard").get_by_text(f"L1F{feature}", exact=True)).to_be_visible(timeout=60_000)


def test_pages_of_the_table_are_turned_and_searched(server, page):
    page.goto(f"{server.url}/features?{LINK}")
    expect(page.get_by_text("Features 1 to 40 of 40 found")).to_be_visible(timeout=60_000)
    box = page.get_by_role("textbox", name="Find")
    box.fill("img ONERROR")
    box.press("Enter")
    expect(page.get_by_text("Features 1 to 1 of 1 found of 40")).to_be_visible()
    page.wait_for_url(re.compile("find=img"))
