import re

import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views import theme
from interp_views.component import Component
from interp_views.signed_text import SignedTextView, signed_text_payload
from tests.views.conftest import TOKENS, first_is_special
from tests.views.reading import unpack
from tests.views.stage import sent, show, stage

VALUES = np.float32([np.nan, 0.5, -1, 0, 0.25, 0.1, -0.1, 0.2, 0.3, 1e-6])


def view(values: np.ndarray = VALUES, tokens: tuple[str, ...] = TOKENS, **changes) -> SignedTextView:
    fields = {"name": "L5N123", "unit": "activation"}
    return SignedTextView(tokens, first_is_special(len(tokens)), values, **(fields | changes))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK])
def test_signed_colours_leave_paper_evenly_on_both_sides(palette):
    stops = palette.signed
    assert len(stops) % 2 == 1
    assert stops[len(stops) // 2] == palette.paper
    away = [abs(luminance(stop) - luminance(palette.paper)) for stop in stops]
    middle = len(stops) // 2
    # Every step away from 0 is a step away from paper: the size of a number can be told without its hue.
    assert away[: middle + 1] == sorted(away[: middle + 1], reverse=True)
    assert away[middle:] == sorted(away[middle:])


def test_values_travel_as_they_are():
    header, arrays = unpack(signed_text_payload(view()))
    np.testing.assert_array_equal(arrays["values"], VALUES)
    assert (header["name"], header["unit"]) == ("L5N123", "activation")


def test_another_number_of_values_than_tokens_is_refused():
    with pytest.raises(ValueError, match=r"shape \(9,\) but there are 10 tokens"):
        signed_text_payload(view(VALUES[:9]))


def test_an_infinite_value_is_refused_by_its_position():
    with pytest.raises(ValueError, match="position 3 is infinite"):
        signed_text_payload(view(np.where(np.arange(10) == 3, np.inf, VALUES).astype(np.float32)))


@pytest.mark.browser
def test_tokens_are_tinted_by_sign_and_by_share_of_the_largest_size(browser):
    with stage(browser, "signed_text", signed_text_payload(view(VALUES * 4))) as page:
        tints = {0: "rgba(0, 0, 0, 0)", 2: "rgb(11, 63, 115)", 3: "rgb(255, 255, 255)", 1: "rgb(240, 148, 77)"}
        for pos, tint in tints.items():
            expect(page.get_by_test_id(f"signed-token-{pos}")).to_have_css("background-color", tint)
        expect(page.get_by_text("activation, linear, by the largest absolute value")).to_be_visible()
        expect(page.get_by_text("−4.00000", exact=True)).to_be_visible()


@pytest.mark.browser
def test_the_title_says_largest_and_smallest_to_five_digits(browser):
    with stage(browser, "signed_text", signed_text_payload(view())) as page:
        title = page.get_by_test_id("signed-title")
        expect(title).to_have_text("L5N123 · largest 0.50000 · smallest −1.00000")
        # Values of one sign: the smallest is not 0.
        show(page, signed_text_payload(view(np.full(10, 0.25, np.float32))))
        expect(title).to_have_text("L5N123 · largest 0.25000 · smallest 0.25000")
        show(page, signed_text_payload(view(np.full(10, np.nan, np.float32))))
        expect(title).to_have_text("L5N123 · no token has a value")


@pytest.mark.browser
def test_pointing_reads_a_value_and_choosing_keeps_it_without_a_word_to_the_host(browser):
    with stage(browser, "signed_text", signed_text_payload(view())) as page:
        readout = page.get_by_test_id("signed-readout")
        page.get_by_test_id("signed-token-4").click()
        page.get_by_test_id("signed-token-2").hover()
        expect(readout).to_have_text("2: ·Mary −1.00000 activation")
        page.mouse.move(5, 500)
        expect(readout).to_have_text("4: ·John 0.25000 activation")
        expect(page.get_by_test_id("signed-token-0")).to_have_attribute("title", "0: <|im_start|> · no value")
        expect(page.get_by_test_id("signed-token-2")).to_have_attribute("title", "2: ·Mary · −1.00000")
        assert sent(page) == []


@pytest.mark.browser
def test_tokens_and_names_with_markup_stay_text(open_page):
    token = "<img src=x onerror=alert(1)>"
    payload = signed_text_payload(view(np.float32([1, -1]), (token, token), name=token, unit=token))
    page = open_page(Component.load("signed_text").standalone(payload, "Text", "dark"))
    expect(page.get_by_test_id("signed-token-1")).to_have_text(token.replace(" ", "·"))
    expect(page.get_by_test_id("signed-title")).to_contain_text(re.compile(re.escape(token)))
    assert page.locator(".hs img").count() == 0
