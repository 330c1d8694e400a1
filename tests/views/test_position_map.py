"""Numbers by row and position: what is sent, what is drawn, what a click says."""

import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.component import Component
from interp_views.position_map import CellWords, PositionMapView, position_map_payload, position_map_selection
from tests.views.reading import unpack
from tests.views.stage import post, sent, show, stage

TOKENS = ("<s>", " When", " Mary", "\n")
VALUES = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
WORDS = CellWords(
    np.arange(24).reshape(3, 4, 2) % 5,
    {0: " the", 1: "<img src=x onerror=alert(1)>", 2: "\n", 3: " Mary", 4: "\u202e"},
    np.tile(np.float32([0.75, 0.125]), (3, 4, 1)),
    "probability",
)


def view(**changes) -> PositionMapView:
    fields = {
        "values": VALUES, "rows": ("0", "1", "final"), "tokens": TOKENS, "special": (True, False, False, False),
        "name": "Top probability", "unit": "probability", "low": 0.0, "high": 1.0, "about": "a",
    }  # fmt: skip
    return PositionMapView(**(fields | changes))


def payload(**changes) -> bytes:
    return position_map_payload(view(**changes))


# Of a map of four tokens and three rows; see POSMAP in position_map_cells.js.
WIDTH, HEIGHT, TOP = 96, 22, 34


def left(page) -> float:
    """Where the first column begins: it depends on the width of the row labels."""
    box = page.locator("canvas").bounding_box()
    return box["width"] - 2 - WIDTH * len(TOKENS)


def middle(page, row: int, pos: int) -> dict:
    return {"x": left(page) + (pos + 0.5) * WIDTH, "y": TOP + (row + 0.5) * HEIGHT}


def colour_at(page, row: int, pos: int) -> list[int]:
    at = [left(page) + pos * WIDTH + 4, TOP + row * HEIGHT + 18]
    read = (
        "([x, y]) => [...document.querySelector('canvas').getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"
    )
    return page.evaluate(read, at)


def colours_in(page, row: int, pos: int) -> int:
    at = [left(page) + pos * WIDTH + 2, TOP + row * HEIGHT + 2]
    read = """([x, y]) => {
      const { data } = document.querySelector("canvas").getContext("2d").getImageData(x, y, 12, 16);
      return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return page.evaluate(read, at)


def test_values_and_words_travel_as_they_are_and_every_word_once():
    values = VALUES.copy()
    values[1, 2] = np.nan
    header, arrays = unpack(payload(values=values, words=WORDS))
    np.testing.assert_array_equal(arrays["values"], values)
    assert header["words"] == ["·the", "<img·src=x·onerror=alert(1)>", "⏎", "·Mary", "⟨U+202E⟩"]
    np.testing.assert_array_equal(arrays["word_places"], WORDS.ids)
    assert header["tokens"] == ["<s>", "·When", "·Mary", "⏎"]


def test_signed_colours_are_centred_on_zero():
    header, _ = unpack(payload(low=-0.5, high=2.0, signed=True))
    assert (header["low"], header["high"]) == (-2, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((3, 5), np.float32)}, r"shape \(3, 5\) for 3 row labels and 4 tokens"),
        ({"values": np.full((3, 4), np.inf, np.float32)}, "row 0, position 0 is infinite"),
        ({"low": 1.0}, "from 1 to 1: give two finite numbers, low below high"),
        ({"log": True, "low": -1.0}, "values of 0 or more"),
        ({"log": True, "signed": True}, "values of 0 or more"),
        ({"decimals": 9}, "0 to 8"),
        ({"words": CellWords(WORDS.ids[:2], WORDS.words, WORDS.values[:2], "p")}, "give .rows, positions, k. twice"),
    ],
)
def test_what_makes_no_map_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        payload(**changes)


@pytest.mark.parametrize(("row", "pos"), [(1, None), (-1, 0), (None, -1)])
def test_half_a_selection_and_a_negative_one_are_refused(row, pos):
    with pytest.raises(ValueError, match=r"without a position|count from 0"):
        position_map_selection("a", row=row, pos=pos)


@pytest.mark.browser
def test_pointing_reads_a_cell_with_its_words_and_a_click_selects_it(browser):
    with stage(browser, "position_map", payload(words=WORDS)) as page:
        readout = page.get_by_test_id("position-map-readout")
        grid = page.get_by_test_id("position-map")
        grid.hover(position=middle(page, 2, 1))
        expect(readout).to_have_text("layer final · 1: ·When · 0.82 probability · ·Mary 0.750, ⟨U+202E⟩ 0.125")
        tip = page.get_by_test_id("position-map-tip")
        expect(tip).to_contain_text("layer final · 1: ·When0.82 probability")
        assert page.locator(".hs img").count() == 0
        grid.click(position=middle(page, 1, 3))
        assert sent(page) == [["open", {"row": 1, "pos": 3}]]
        page.mouse.move(5, 700)
        expect(readout).to_contain_text("layer 1 · 3: ⏎ · 0.64")
        expect(tip).to_be_hidden()


@pytest.mark.browser
def test_arrows_move_within_the_map_and_enter_selects(browser):
    with stage(browser, "position_map", payload(), position_map_selection("a", row=1, pos=1)) as page:
        page.get_by_test_id("position-map").focus()
        for key in ("ArrowDown", "ArrowDown", "End", "ArrowRight"):
            page.keyboard.press(key)
        expect(page.get_by_test_id("position-map-readout")).to_have_text("layer final · 3: ⏎ · 1.00 probability")
        page.keyboard.press("Enter")
        assert sent(page) == [["open", {"row": 2, "pos": 3}]]


@pytest.mark.browser
def test_a_selection_is_shown_and_one_for_other_data_is_not(browser):
    with stage(browser, "position_map", payload()) as page:
        readout = page.get_by_test_id("position-map-readout")
        post(page, position_map_selection("b", row=0, pos=2))
        expect(readout).to_contain_text("Point at a cell")
        post(page, position_map_selection("a", row=0, pos=2))
        expect(readout).to_contain_text("layer 0 · 2: ·Mary · 0.18")
        # A position alone is a column, which has no one value; a cell that is not there is none.
        for part in ({"row": None, "pos": 2}, {"row": 9, "pos": 2}, {"row": None, "pos": None}):
            post(page, position_map_selection("a", **part))
            expect(readout).to_contain_text("Point at a cell")


@pytest.mark.browser
def test_a_cell_that_is_not_there_is_hatched_and_says_so(browser):
    values = np.zeros((3, 4), np.float32)
    values[1, 1] = np.nan
    with stage(browser, "position_map", payload(values=values, words=WORDS, missing="not swept yet")) as page:
        page.get_by_test_id("position-map-write-none").click()
        page.wait_for_timeout(100)
        page.get_by_test_id("position-map").hover(position=middle(page, 1, 1))
        expect(page.get_by_test_id("position-map-readout")).to_have_text("layer 1 · 1: ·When · not swept yet")
        expect(page.get_by_text("not swept yet (1)")).to_be_visible()
        page.mouse.move(5, 700)
        page.wait_for_timeout(100)
        assert colours_in(page, 1, 1) > 1
        assert colours_in(page, 1, 0) == 1
        assert colour_at(page, 1, 0) == [244, 245, 247]


@pytest.mark.browser
def test_colours_run_from_low_to_high_and_what_lies_beyond_is_counted(browser):
    values = np.float32([[0, 1, 2, 0.5]])
    one_row = {"rows": ("0",)}
    with stage(browser, "position_map", payload(values=values, **one_row)) as page:
        assert colour_at(page, 0, 0) == [244, 245, 247]
        assert colour_at(page, 0, 1) == colour_at(page, 0, 2) == [11, 37, 69]
        expect(page.get_by_text("▲ beyond the last colour: 1")).to_be_visible()
        show(page, payload(values=np.float32([[-2, 2, 0, 1]]), low=-2.0, signed=True, **one_row))
        expect(page.get_by_text("▲")).to_have_count(0)
        wanted = [[11, 63, 115], [150, 41, 10], [255, 255, 255], [240, 148, 77]]
        for _ in range(100):  # words change at once, colours with the next frame
            colours = [colour_at(page, 0, pos) for pos in range(4)]
            if colours == wanted:
                break
            page.wait_for_timeout(50)
        assert colours == wanted


@pytest.mark.browser
def test_logarithmic_colours_say_so(browser):
    values = np.float32([[0, 9, 99, 999]])
    with stage(browser, "position_map", payload(values=values, rows=("0",), high=999.0, log=True)) as page:
        expect(page.get_by_text("probability, colours by log(1 + value)")).to_be_visible()
        # 9 is a third of the way, 99 two thirds.
        assert colour_at(page, 0, 3) == [11, 37, 69]
        assert colour_at(page, 0, 1) == [116, 168, 211]


@pytest.mark.browser
@pytest.mark.parametrize("shape", [(31, 16), (31, 2048), (81, 300)])
@pytest.mark.parametrize("way", ["words", "values", "none"])
def test_the_last_cell_of_a_large_map_can_be_reached_and_clicked(browser, shape, way):
    values = np.zeros(shape, np.float32)
    values[-1, -1] = 1
    words = CellWords(np.zeros((*shape, 1), np.int64), {0: " word"}, np.ones((*shape, 1), np.float32), "probability")
    large = {
        "values": values, "rows": tuple(map(str, range(shape[0]))), "tokens": (" t",) * shape[1],
        "special": (False,) * shape[1], "words": words,
    }  # fmt: skip
    with stage(browser, "position_map", payload(**large)) as page:
        page.set_viewport_size({"width": 900, "height": 1700})
        page.get_by_test_id(f"position-map-write-{way}").click()
        readout = page.get_by_test_id("position-map-readout")
        name = f"layer {shape[0] - 1} · {shape[1] - 1}: ·t · 1.00"
        for _ in range(20):  # a busy machine may lay the map out anew after the first scroll
            page.get_by_test_id("position-map").evaluate("(node) => node.scrollTo(1e6, 0)")
            page.wait_for_timeout(200)
            box = page.locator("canvas").bounding_box()
            page.mouse.move(box["x"] + box["width"] - 7, box["y"] + box["height"] - 6)
            page.mouse.move(box["x"] + box["width"] - 6, box["y"] + box["height"] - 6)
            if name in readout.inner_text():
                break
        expect(readout).to_contain_text(name)
        page.mouse.click(box["x"] + box["width"] - 6, box["y"] + box["height"] - 6)
        assert sent(page) == [["open", {"row": shape[0] - 1, "pos": shape[1] - 1}]]
        assert box["x"] + box["width"] <= 900


@pytest.mark.browser
def test_a_selection_out_of_sight_is_brought_into_view_once(browser):
    large = {
        "values": np.zeros((2, 500), np.float32), "rows": ("0", "1"), "tokens": (" t",) * 500, "special": (False,) * 500,
    }  # fmt: skip
    with stage(browser, "position_map", payload(**large), position_map_selection("a", row=1, pos=400)) as page:
        grid = page.get_by_test_id("position-map")
        expect(page.get_by_test_id("position-map-readout")).to_contain_text("layer 1 · 400: ·t")
        page.wait_for_timeout(100)
        assert grid.evaluate("(node) => node.scrollLeft") > 2000
        grid.evaluate("(node) => node.scrollTo(0, 0)")
        page.wait_for_timeout(200)
        assert grid.evaluate("(node) => node.scrollLeft") == 0


@pytest.mark.browser
def test_columns_that_are_no_positions_have_no_numbers(browser):
    heads = {"tokens": ("H0", "H1", "H2", "H3"), "numbered": False, "written": "values"}
    with stage(browser, "position_map", payload(**heads)) as page:
        page.get_by_test_id("position-map").hover(position=middle(page, 1, 2))
        expect(page.get_by_test_id("position-map-readout")).to_have_text("layer 1 · H2 · 0.55 probability")
        expect(page.get_by_test_id("position-map-write-values")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_text("scroll sideways")).to_be_hidden()


@pytest.mark.browser
def test_by_keyboard_a_cell_comes_into_view(browser):
    shape = (2, 500)
    large = {
        "values": np.zeros(shape, np.float32), "rows": ("0", "1"), "tokens": (" t",) * 500, "special": (False,) * 500,
    }  # fmt: skip
    with stage(browser, "position_map", payload(**large), position_map_selection("a", row=0, pos=0)) as page:
        grid = page.get_by_test_id("position-map")
        grid.focus()
        page.keyboard.press("End")
        expect(page.get_by_test_id("position-map-readout")).to_contain_text("499: ·t")
        expect(page.get_by_text("500 columns: scroll sideways for the rest")).to_be_visible()
        assert grid.evaluate("(node) => node.scrollLeft + node.clientWidth >= node.scrollWidth - 12")
        page.keyboard.press("Home")
        assert grid.evaluate("(node) => node.scrollLeft") == 0


@pytest.mark.browser
def test_text_with_markup_stays_text(open_page):
    text = "<img src=x onerror=alert(1)>"
    bare = Component.load("position_map").standalone(
        payload(name=text, unit=text, missing=text, row_name=text, tokens=(text,) * 4, rows=(text,) * 3, words=WORDS),
        text,
    )
    page = open_page(bare)
    expect(page.locator(".hs-title")).to_have_text(text)
    assert page.locator(".hs img").count() == 0
