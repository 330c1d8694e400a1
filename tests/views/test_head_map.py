import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.component import Component
from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from tests.views.reading import unpack
from tests.views.stage import post, sent, show, stage

VALUES = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
# Where the first cell begins and how large cells of a small map are; see head_map_cells.js.
LEFT, TOP, WIDTH, HEIGHT = 52, 34, 52, 22


def view(**changes) -> HeadMapView:
    fields = {"values": VALUES, "name": "Induction score", "unit": "probability", "low": 0.0, "high": 1.0, "about": "a"}
    return HeadMapView(**(fields | changes))


def middle(layer: int, head: int, width: int = WIDTH, height: int = HEIGHT) -> dict:
    return {"x": LEFT + (head + 0.5) * width, "y": TOP + (layer + 0.5) * height}


def colour_at(page, layer: int, head: int) -> list[int]:
    """Colour near the left edge of a cell, where no number stands."""
    at = [LEFT + head * WIDTH + 3, TOP + layer * HEIGHT + 18]
    read = (
        "([x, y]) => [...document.querySelector('canvas').getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"
    )
    return page.evaluate(read, at)


def colours_in(page, layer: int, head: int) -> int:
    at = [LEFT + head * WIDTH + 2, TOP + layer * HEIGHT + 2]
    read = """([x, y]) => {
      const { data } = document.querySelector("canvas").getContext("2d").getImageData(x, y, 8, 18);
      return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return page.evaluate(read, at)


def test_values_travel_as_they_are_with_the_holes():
    values = VALUES.copy()
    values[1, 2] = np.nan
    header, arrays = unpack(head_map_payload(view(values=values)))
    np.testing.assert_array_equal(arrays["values"], values)
    assert (header["n_layers"], header["n_heads"], header["low"], header["high"]) == (3, 4, 0, 1)


def test_signed_colours_are_centred_on_zero():
    header, _ = unpack(head_map_payload(view(low=-0.5, high=2.0, signed=True)))
    assert (header["low"], header["high"]) == (-2, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((0, 4), np.float32)}, r"shape \(0, 4\)"),
        ({"values": np.full((1, 2), np.inf, np.float32)}, "L0H0 is infinite"),
        ({"low": 1.0}, "from 1 to 1: give two finite numbers, low below high"),
        ({"high": np.nan}, "low below high"),
        ({"decimals": 9}, "0 to 8"),
    ],
)
def test_what_makes_no_map_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        head_map_payload(view(**changes))


def test_half_a_selection_is_refused():
    for half in (
        {"layer": 1, "head": None},
        {"layer": None, "head": None, "mlp": True},
        {"layer": 1, "head": 2, "mlp": True},
    ):
        with pytest.raises(ValueError, match="give the layer and one of the others"):
            head_map_selection("a", **half)


def test_a_negative_selection_is_refused():
    with pytest.raises(ValueError, match="count from 0"):
        head_map_selection("a", layer=-1, head=0)


@pytest.mark.browser
def test_pointing_reads_a_head_and_a_click_opens_it(browser):
    with stage(browser, "head_map", head_map_payload(view())) as page:
        readout = page.get_by_test_id("head-map-readout")
        grid = page.get_by_test_id("head-map")
        grid.hover(position=middle(2, 1))
        expect(readout).to_have_text("L2H1 0.82")
        grid.click(position=middle(1, 3))
        assert sent(page) == [["open", {"layer": 1, "head": 3}]]
        page.mouse.move(5, 5)
        # The opened head stays in sight.
        expect(readout).to_have_text("L1H3 0.64")


@pytest.mark.browser
def test_arrows_move_within_the_map_and_enter_opens(browser):
    with stage(browser, "head_map", head_map_payload(view()), head_map_selection("a", layer=1, head=1)) as page:
        page.get_by_test_id("head-map").focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "End", "ArrowRight"):
            page.keyboard.press(key)
        expect(page.get_by_test_id("head-map-readout")).to_have_text("L2H3 1.00")
        page.keyboard.press("Enter")
        assert sent(page) == [["open", {"layer": 2, "head": 3}]]


@pytest.mark.browser
def test_a_selection_is_shown_and_one_for_other_data_is_not(browser):
    with stage(browser, "head_map", head_map_payload(view())) as page:
        readout = page.get_by_test_id("head-map-readout")
        post(page, head_map_selection("b", layer=0, head=2))
        expect(readout).to_contain_text("Point at a cell")
        post(page, head_map_selection("a", layer=0, head=2))
        expect(readout).to_have_text("L0H2 0.18")
        expect(page.locator(".hs-map-box.is-selected")).to_be_visible()
        post(page, head_map_selection("a", layer=None, head=None))
        expect(page.locator(".hs-map-box.is-selected")).to_be_hidden()
        # A head that this model does not have is none.
        post(page, head_map_selection("a", layer=7, head=2))
        expect(page.locator(".hs-map-box.is-selected")).to_be_hidden()


@pytest.mark.browser
def test_a_head_without_a_number_says_so_and_does_not_look_like_zero(browser):
    values = np.zeros((3, 4), np.float32)
    values[1, 1] = np.nan
    with stage(browser, "head_map", head_map_payload(view(values=values))) as page:
        page.get_by_test_id("head-map").hover(position=middle(1, 1))
        expect(page.get_by_test_id("head-map-readout")).to_have_text("L1H1 not defined on this prompt")
        expect(page.get_by_text("not defined on this prompt (1)")).to_be_visible()
        # To the left of the numbers one colour fills a cell; hatching has several.
        assert colours_in(page, 1, 1) > 1
        assert colours_in(page, 1, 0) == 1
        assert colour_at(page, 1, 0) == [244, 245, 247]


@pytest.mark.browser
def test_colours_run_from_low_to_high_and_what_lies_beyond_is_counted(browser):
    values = np.float32([[0, 1, 2, 0.5]])
    with stage(browser, "head_map", head_map_payload(view(values=values))) as page:
        assert colour_at(page, 0, 0) == [244, 245, 247]
        assert colour_at(page, 0, 1) == colour_at(page, 0, 2) == [11, 37, 69]
        expect(page.get_by_text("▲ beyond the last colour: 1")).to_be_visible()
        show(page, head_map_payload(view(values=np.float32([[-2, 2, 0, 1]]), low=-2.0, signed=True)))
        expect(page.get_by_text("▲")).to_have_count(0)
        wanted = [[11, 63, 115], [150, 41, 10], [255, 255, 255], [240, 148, 77]]
        for _ in range(100):  # words change at once, colours with the next frame
            colours = [colour_at(page, 0, head) for head in range(4)]
            if colours == wanted:
                break
            page.wait_for_timeout(50)
        assert colours == wanted


@pytest.mark.browser
@pytest.mark.parametrize("shape", [(30, 9), (100, 64)])
def test_the_last_head_of_a_large_map_can_be_pointed_at(browser, shape):
    values = np.zeros(shape, np.float32)
    values[-1, -1] = 1
    with stage(browser, "head_map", head_map_payload(view(values=values))) as page:
        page.set_viewport_size({"width": 900, "height": 1000})
        page.wait_for_timeout(100)
        box = page.locator("canvas").bounding_box()
        page.mouse.move(box["x"] + box["width"] - 6, box["y"] + box["height"] - 5)
        expect(page.get_by_test_id("head-map-readout")).to_have_text(f"L{shape[0] - 1}H{shape[1] - 1} 1.00")
        assert box["x"] + box["width"] <= 900


@pytest.mark.browser
def test_a_name_with_markup_stays_text(open_page):
    name = "<img src=x onerror=alert(1)>"
    page = open_page(Component.load("head_map").standalone(head_map_payload(view(name=name, unit=name)), name))
    expect(page.locator(".hs-title")).to_have_text(name)
    assert page.locator(".hs img").count() == 0
