import io
import zipfile

import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.feature_pages import feature_page, write_feature_set
from tests.views.feature_views import HOSTILE, feature_view


def views():
    yield feature_view(name="L1F2/..", index=2, density=0.01, largest=3.0)
    yield feature_view(name=HOSTILE, index=5, label=HOSTILE, label_by="automatic", density=0.2, largest=9.0)
    yield feature_view(
        name="L1F9", index=9, label="", label_by="", density=np.nan, activations=None, groups=(), largest=0.0
    )


def written(**options) -> bytes:
    file = io.BytesIO()
    assert write_feature_set(file, views(), **options) == 3
    return file.getvalue()


def test_a_set_is_an_index_and_a_page_for_each_feature_under_harmless_names():
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        assert archive.namelist() == [
            "features/00000-L1F2-.html", "features/00001--img-src-x-onerror-alert-1-.html", "features/00002-L1F9.html",
            "index.html",
        ]  # fmt: skip
        assert archive.testzip() is None


def test_the_same_views_give_the_same_bytes():
    assert written() == written()


def test_a_set_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no features to write"):
        write_feature_set(io.BytesIO(), iter([]))


def test_views_are_taken_one_at_a_time():
    alive = []

    def counted():
        for i in range(5):
            alive.append(len(alive_files(file)))
            yield feature_view(name=f"L0F{i}")

    def alive_files(file):
        return file.getvalue()

    file = io.BytesIO()
    write_feature_set(file, counted())
    # Each page is in the file before the next view is asked for.
    assert alive == sorted(set(alive))


@pytest.mark.browser
def test_a_page_stands_alone_under_one_heading(open_page):
    page = open_page(feature_page(feature_view(), "light"))
    expect(page.get_by_role("heading", name="L14F231", exact=True)).to_be_visible()
    assert page.locator("h1").bounding_box()["width"] <= 1
    page.get_by_test_id("feature-example-0").locator("[data-pos='1']").hover()
    expect(page.get_by_test_id("feature-card")).to_contain_text("Activation4.000")
    # Nobody hears of a click on a row here.
    expect(page.locator("[data-feature]").first).to_have_css("pointer-events", "none")


@pytest.mark.browser
def test_the_index_is_searched_and_sorted_and_leads_to_the_pages_and_back(browser, tmp_path):
    zipfile.ZipFile(io.BytesIO(written(title="My features", theme="dark"))).extractall(tmp_path)
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "index.html").as_uri())
    links = page.get_by_test_id("index").get_by_role("link")
    expect(links).to_have_text(["L1F2/..", HOSTILE, "L1F9"])
    expect(page.get_by_test_id("index").locator("tbody tr").nth(1)).to_contain_text(f"{HOSTILE}automatic20.0 %9.000")
    expect(page.get_by_test_id("index").locator("tbody tr").nth(2)).to_contain_text("unknownnone")
    assert page.locator(".hs img").count() == 0
    page.get_by_role("button", name="Density").click()
    expect(links).to_have_text([HOSTILE, "L1F2/..", "L1F9"])
    page.get_by_role("button", name="Density").click()
    expect(links).to_have_text(["L1F2/..", HOSTILE, "L1F9"])
    page.get_by_test_id("index-search").fill("onerror")
    expect(page.get_by_test_id("index-count")).to_have_text("1 of 3 features")
    links.first.click()
    expect(page.get_by_test_id("feature-label")).to_contain_text(HOSTILE)
    page.get_by_role("link", name="All features").click()
    expect(links).to_have_count(3)
    context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "blob:"))] == []
