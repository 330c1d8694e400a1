import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from interp_views.component import Component
from interp_views.feature_dashboard import ExampleGroup, feature_dashboard_payload, features_payload
from tests.views.feature_views import HOSTILE, example, feature_view, losses
from tests.views.stage import sent, show, stage

pytestmark = pytest.mark.browser


def shown(browser, **changes):
    return stage(browser, "feature_dashboard", feature_dashboard_payload(feature_view(**changes)))


def token(page: Page, number: int, pos: int):
    return page.get_by_test_id(f"feature-example-{number}").locator(f"[data-pos='{pos}']")


def line(page: Page, histogram: str):
    return page.get_by_test_id(f"feature-{histogram}-line")


def left_of(locator) -> float:
    return locator.bounding_box()["x"]


def test_a_reader_sees_name_label_facts_tables_and_titles(browser):
    with shown(browser) as page:
        expect(page.get_by_role("heading", name="L14F231")).to_be_visible()
        expect(page.get_by_test_id("feature-label")).to_have_text("days of the weekby a reader")
        expect(page.get_by_role("heading", name="Activations, density 0.312 %")).to_be_visible()
        expect(page.get_by_text("tokens by activation, SAE units, log2 axis")).to_be_visible()
        expect(page.get_by_test_id("feature-promoted").locator("li")).to_have_text(
            ["·Monday2.000", "·Friday1.500", "day1.000"]
        )
        expect(page.get_by_test_id("feature-suppressed").locator("li")).to_have_text(["·of−1.000", "·the−0.500"])
        rows = page.get_by_role("table", name="Correlated features").locator("tbody tr")
        expect(rows).to_have_text(["990.510none", "70.3000.20"])
        expect(page.get_by_role("heading", name="Correlated features")).to_have_attribute("title", "over all tokens")
        expect(page.get_by_text("contains 3.2 % of activations")).to_be_visible()
        legend = page.get_by_test_id("feature-legend")
        expect(legend).to_contain_text("underline, loss effect: hurts−0.7500.750nats, helps")
        expect(legend).to_contain_text("bold: the token an example was chosen for")
        expect(page.get_by_test_id("feature-activations")).to_have_attribute(
            "aria-label", "Activations, density 0.312 %: 14 tokens in 3 bins from 1.000 to 8.000; highest bin 2.000 to 4.000: 8 tokens"
        )  # fmt: skip


def test_who_wrote_a_label_can_be_told(browser):
    with shown(browser, label_by="automatic") as page:
        expect(page.get_by_test_id("feature-label")).to_have_text("days of the weekautomatic")
        show(page, feature_dashboard_payload(feature_view(label="", label_by="")))
        expect(page.get_by_test_id("feature-label")).to_have_text("no label")


def test_tokens_are_shaded_by_activation_and_underlined_by_their_effect_on_the_loss(browser):
    with shown(browser) as page:
        darkest, clear = "rgb(232, 133, 15)", "rgba(0, 0, 0, 0)"
        expect(token(page, 0, 5)).to_have_css("background-color", darkest)
        expect(token(page, 0, 1)).to_have_css("background-color", "rgb(251, 203, 146)")
        expect(token(page, 0, 0)).to_have_css("background-color", clear)
        expect(token(page, 0, 5)).to_have_css("font-weight", "700")
        # The largest effect of all helps: it is the bluest. Half of it, against: half way to red.
        expect(token(page, 0, 2)).to_have_css("border-bottom-color", "rgb(15, 76, 138)")
        expect(token(page, 0, 4)).to_have_css("border-bottom-color", re.compile(r"rgb\(2\d\d, 1\d\d, \d+\)"))
        for pos in (0, 1, 5):
            expect(token(page, 0, pos)).to_have_css("border-bottom-color", clear)
        expect(token(page, 1, 2)).to_have_css("border-bottom-color", clear)


def test_in_the_dark_tokens_are_shaded_for_the_dark_and_can_be_read(browser):
    with shown(browser) as page:
        page.evaluate("document.documentElement.style.setProperty('--st-background-color', '#10141A')")
        expect(page.locator(".hs-feature-dashboard")).to_have_attribute("data-theme", "dark")
        expect(token(page, 0, 5)).to_have_css("background-color", "rgb(255, 166, 61)")
        expect(token(page, 0, 5)).to_have_css("color", "rgb(16, 20, 26)")


def test_pointing_at_a_token_says_all_that_is_known_about_it(browser):
    with shown(browser) as page:
        card = page.get_by_test_id("feature-card")
        token(page, 0, 2).hover()
        expect(card).to_have_text(
            "⏎id 102Activationleft out of the harvestExampledocument 3, token 0Token3 of 6"
            "Feature removed at the token before"
            "Loss effect+0.750 nats (helps)Direct approximation+0.500 nats"
            "Probability50.0 % to 23.6 %"
            "It raises·Monday+0.500·Friday+0.250day+0.125·week+0.063ly+0.030"
            "It lowers·Monday−0.500·Friday−0.250day−0.125·week−0.063ly−0.030"
            "Contributions to log-probabilities, nats."
        )
        token(page, 0, 4).hover()
        expect(card).to_contain_text("Loss effect−0.375 nats (hurts)")
        token(page, 0, 5).hover()
        expect(card).to_contain_text("Activation8.000")
        expect(card).to_contain_text("6 of 6, the peakThe feature was silent on the token before.")
        token(page, 0, 0).hover()
        expect(card).to_contain_text("First token: nothing here predicts it.")
        token(page, 1, 1).hover()
        expect(card).to_have_text("·Mondayid 101Activation4.000Exampledocument 3, token 1Token2 of 6")
        page.mouse.move(5, 5)
        expect(card).to_be_hidden()


def test_where_attention_took_it_from_is_framed_and_told(browser):
    attributed = example(0, sources=np.float32([0.1, 2, 0, -3, 0, 0]))
    with shown(browser, groups=(ExampleGroup("Top", "", (attributed,)),)) as page:
        expect(page.get_by_test_id("feature-legend")).to_contain_text("strongest source token")
        assert page.locator(".is-source").all_inner_texts() == ["·Monday"]
        token(page, 0, 3).hover()
        expect(page.get_by_test_id("feature-card")).to_contain_text("Direct attribution−3.000")


def test_a_line_stands_in_the_histograms_where_the_token_is(browser):
    with shown(browser) as page:
        for name in ("activations", "logits"):
            expect(line(page, name)).to_have_attribute("visibility", "hidden")
        token(page, 1, 1).hover()
        # 4 is two of the three octaves from 1 to 8, and " Monday" is promoted by 2, the end of the axis.
        expect(line(page, "activations")).to_have_text("4.000")
        box = page.get_by_test_id("feature-activations").bounding_box()
        at = left_of(line(page, "activations").locator("line")) - box["x"]
        assert abs(at - (38 + 2 / 3 * (box["width"] - 46))) < 1.5
        expect(line(page, "logits")).to_have_attribute("visibility", "visible")
        expect(line(page, "logits")).to_have_text("2.000")
        # No activation, and a token that is in no list.
        token(page, 1, 0).hover()
        for name in ("activations", "logits"):
            expect(line(page, name)).to_have_attribute("visibility", "hidden")
        page.get_by_test_id("feature-suppressed").locator("li").first.hover()
        expect(line(page, "logits")).to_have_attribute("visibility", "visible")
        expect(line(page, "logits")).to_have_text("−1.000")


def test_a_bar_says_what_it_counts(browser):
    with shown(browser) as page:
        page.get_by_test_id("feature-activations").hover(position={"x": 60, "y": 80})
        expect(page.get_by_test_id("feature-activations-readout")).to_have_text("1.000 to 2.000: 4 tokens")
        fills = (
            page.get_by_test_id("feature-logits")
            .locator("rect")
            .evaluate_all("(all) => all.map((r) => r.getAttribute('fill'))")
        )
        assert fills[0] == fills[1] != fills[2] == fills[3]
        red, blue = [list(map(int, re.findall(r"\d+", fill))) for fill in (fills[0], fills[3])]
        assert red[0] > red[2] and blue[2] > blue[0]


def test_clicks_tell_the_host_which_example_and_which_feature(browser):
    with shown(browser) as page:
        token(page, 11, 3).click()
        expect(page.get_by_test_id("feature-example-11")).to_have_class(re.compile("is-chosen"))
        page.get_by_role("button", name="Open feature 7", exact=True).click()
        page.get_by_role("table", name="In the second SAE").locator("td").first.click()
        page.get_by_role("table", name="Neuron alignment").locator("td").first.click()
        assert sent(page) == [
            ["example", {"number": 11}],
            ["choose", {"kind": "feature", "index": 7}],
            ["choose", {"kind": "second", "index": 77}],
        ]


def test_by_keyboard_tokens_are_read_and_an_example_is_opened(browser):
    with shown(browser) as page:
        page.get_by_test_id("feature-wrapped").focus()
        for _ in range(5):  # the tables' links stand before the lists of tokens, and those before the examples
            page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        card = page.get_by_test_id("feature-card")
        expect(card).to_contain_text("document 3, token 0")
        expect(card).to_contain_text("6 of 6, the peak")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        expect(card).to_contain_text("·Mondayid 101")
        expect(line(page, "activations")).to_have_text("4.000")
        page.keyboard.press("ArrowDown")
        expect(card).to_contain_text("document 3, token 1")
        page.keyboard.press("Enter")
        assert sent(page) == [["example", {"number": 1}]]
        page.keyboard.press("Escape")
        expect(card).to_be_hidden()


def test_a_long_group_is_unfolded_and_stays_so_with_new_data_of_the_same_feature(browser):
    with shown(browser) as page:
        expect(page.locator(".hs-fd-example")).to_have_count(7)
        page.get_by_role("button", name="Show 7 more of 12").click()
        expect(page.locator(".hs-fd-example")).to_have_count(14)
        token(page, 1, 3).click()
        richer = ExampleGroup("Top activations", "max 8.00", (example(0), example(1, losses=losses())))
        show(page, feature_dashboard_payload(feature_view(groups=(richer, *feature_view().groups[1:]))))
        expect(token(page, 1, 2)).to_have_css("border-bottom-color", "rgb(15, 76, 138)")
        expect(page.locator(".hs-fd-example")).to_have_count(14)
        expect(page.get_by_test_id("feature-example-1")).to_have_class(re.compile("is-chosen"))
        expect(token(page, 1, 3)).to_be_focused()
        show(page, feature_dashboard_payload(feature_view(about="another feature")))
        expect(page.locator(".hs-fd-example")).to_have_count(7)
        expect(page.locator(".is-chosen")).to_have_count(0)


def test_peaks_stand_below_one_another_until_lines_are_wrapped(browser):
    texts = [example(i, peak=i, tokens=tuple(f" {'a' * 12}{pos}" for pos in range(6))) for i in range(6)]
    with shown(browser, groups=(ExampleGroup("Top", "", tuple(texts)),)) as page:
        page.wait_for_timeout(200)
        peaks = [left_of(token(page, i, i)) for i in range(6)]
        assert max(peaks) - min(peaks) < 3
        page.get_by_test_id("feature-wrapped").click()
        page.wait_for_timeout(200)
        starts = [left_of(token(page, i, 0)) for i in range(6)]
        assert max(starts) - min(starts) < 1.5
        heights = page.locator(".hs-fd-example").evaluate_all("(all) => all.map((line) => line.clientHeight)")
        assert min(heights) > 35


def test_columns_become_fewer_as_the_room_does(browser):
    parts = (".hs-fd-side", ".hs-fd-middle", ".hs-fd-examples")
    with shown(browser) as page:
        for width, columns in ((1200, 3), (800, 2), (500, 1)):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(150)
            assert len({round(left_of(page.locator(part))) for part in parts}) == columns
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": 0.0, "activations": None, "groups": ()}, "Dead feature: it never fired on the sample."),
        ({"density": np.nan, "activations": None, "groups": ()}, "Nothing was harvested for this feature yet."),
        ({"density": 0.0, "activations": None, "groups": ()}, "No examples: no activation was seen."),
        ({"groups": ()}, "No examples are stored for this feature."),
        ({"groups": (ExampleGroup("Top", "", ()),)}, "No examples in this group."),
        ({"logits": None}, "No decoder logits were computed for this feature."),
        ({"promoted": None, "suppressed": None}, "No logits here."),
    ],
)
def test_what_is_not_there_is_said(browser, changes, message):
    with shown(browser, **changes) as page:
        expect(page.get_by_text(message).first).to_be_visible()


def test_compact_columns_stand_side_by_side_and_their_heads_open_a_feature(browser):
    views = [feature_view(name=f"L1F{i}", index=i, score=f"activation {i}.25") for i in range(6)]
    with stage(browser, "feature_dashboard", features_payload(views)) as page:
        columns = page.get_by_test_id("feature")
        expect(columns).to_have_count(6)
        expect(columns.nth(1)).to_contain_text("activation 1.25")
        expect(columns.nth(1).locator(".hs-fd-example")).to_have_count(2)
        assert columns.nth(5).bounding_box()["width"] == 380
        assert page.evaluate("document.documentElement.scrollWidth") <= 1200
        columns.nth(1).get_by_test_id("feature-open").click()
        columns.nth(1).get_by_test_id("feature-example-1").locator("[data-pos='1']").click()
        assert sent(page) == [["choose", {"kind": "feature", "index": 1}], ["example", {"number": 1, "index": 1}]]
        expect(columns.nth(1).get_by_test_id("feature-activations-line")).to_have_attribute("visibility", "visible")
        expect(columns.nth(0).get_by_test_id("feature-activations-line")).to_have_attribute("visibility", "hidden")
        show(page, features_payload([]))
        expect(page.get_by_text("No features to show.")).to_be_visible()


def test_texts_with_markup_stay_text(open_page):
    bad = {name: HOSTILE for name in ("name", "sae", "label", "score")}
    groups = (ExampleGroup(HOSTILE, HOSTILE, (example(0, place=HOSTILE),)),)
    view = feature_view(**bad, groups=groups, facts=((HOSTILE, HOSTILE),))
    for payload in (feature_dashboard_payload(view), features_payload([view])):
        page = open_page(Component.load("feature_dashboard").standalone(payload, HOSTILE, "dark"))
        token(page, 0, 4).hover()
        expect(page.get_by_test_id("feature-card")).to_contain_text(HOSTILE.replace(" ", "·"))
        expect(page.get_by_test_id("feature-label")).to_contain_text(HOSTILE)
        assert page.locator(".hs img").count() == 0
