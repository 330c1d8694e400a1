import pytest
from playwright.sync_api import expect

from interp_views.pattern_sketch import MAX_CELLS, PatternSketchView, pattern_sketch_payload
from tests.views.conftest import TOKENS, first_is_special
from tests.views.reading import unpack
from tests.views.stage import sent, show, stage

# Where the first cell begins and how large a cell of this small prompt is; see sketch_grid.js.
MARGIN, CELL = 110, 34


def view(cells: tuple[tuple[int, int], ...] = (), tokens: tuple[str, ...] = TOKENS, **changes) -> PatternSketchView:
    return PatternSketchView(tokens, first_is_special(len(tokens)), cells, **({"about": "a"} | changes))


def drag(page, *cells: tuple[int, int]) -> None:
    """Press at the first (query, key), move through the others without stops in between, let go."""
    box = page.locator("canvas").bounding_box()
    for i, (query, key) in enumerate(cells):
        page.mouse.move(box["x"] + MARGIN + (key + 0.5) * CELL, box["y"] + MARGIN + (query + 0.5) * CELL)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def last_sketch(page) -> list:
    name, value = sent(page)[-1]
    assert name == "sketch"
    return value["cells"]


def test_cells_travel_in_their_order():
    header, arrays = unpack(pattern_sketch_payload(view(((3, 1), (2, 2)))))
    assert arrays["cells"].tolist() == [[3, 1], [2, 2]]
    assert header["max_cells"] == MAX_CELLS
    assert unpack(pattern_sketch_payload(view()))[1]["cells"].shape == (0, 2)


@pytest.mark.parametrize("cell", [(1, 2), (10, 0), (3, -1)])
def test_a_cell_outside_the_triangle_is_refused(cell):
    with pytest.raises(ValueError, match=f"query {cell[0]} and key {cell[1]}: give keys from 0 to their query"):
        pattern_sketch_payload(view((cell,)))


def test_a_cell_that_is_given_twice_is_refused():
    with pytest.raises(ValueError, match="each cell once"):
        pattern_sketch_payload(view(((1, 1), (1, 1))))


def test_a_prompt_that_is_too_long_to_draw_on_is_refused():
    with pytest.raises(ValueError, match="up to 256 tokens and this one has 257"):
        pattern_sketch_payload(view(tokens=tuple("a" * 257)))


def test_more_cells_than_a_sketch_holds_are_refused():
    cells = tuple((query, key) for query in range(100) for key in range(query + 1))[: MAX_CELLS + 1]
    with pytest.raises(ValueError, match="2001 cells: give at most 2000"):
        pattern_sketch_payload(view(cells, tuple("a" * 100)))


@pytest.mark.browser
def test_a_drag_draws_every_cell_on_its_way_and_tells_the_host_once(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view())) as page:
        drag(page, (2, 1), (6, 5), (6, 3))
        assert sent(page) == [["sketch", {"cells": [[2, 1], [3, 2], [4, 3], [5, 4], [6, 3], [6, 4], [6, 5]]}]]
        expect(page.get_by_test_id("sketch-count")).to_have_text("7 cells drawn")


@pytest.mark.browser
def test_erasing_takes_only_what_the_drag_passes_and_clear_takes_all(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view(((5, 1), (5, 2), (5, 3))))) as page:
        page.get_by_test_id("sketch-erase").click()
        drag(page, (5, 2), (5, 4))
        assert last_sketch(page) == [[5, 1]]
        page.get_by_test_id("sketch-clear").click()
        assert last_sketch(page) == []
        expect(page.get_by_test_id("sketch-count")).to_have_text("0 cells drawn")


@pytest.mark.browser
def test_nothing_is_drawn_above_the_diagonal(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view())) as page:
        drag(page, (2, 5), (2, 6))
        assert sent(page) == []
        # A stroke that leaves the triangle and lets go beside the canvas still counts, as far as it was inside.
        drag(page, (3, 3), (3, 25))
        assert last_sketch(page) == [[3, 3]]


@pytest.mark.browser
def test_pointing_names_both_tokens(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view())) as page:
        page.locator("canvas").hover(position={"x": MARGIN + 2.5 * CELL, "y": MARGIN + 7.5 * CELL})
        expect(page.get_by_test_id("sketch-readout")).to_have_text("query 7: ⏎ → key 2: ·Mary")


@pytest.mark.browser
def test_cells_can_be_drawn_by_keyboard_alone(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view())) as page:
        page.get_by_test_id("sketch").focus()
        # The first step leaves (0, 0); a step right along the diagonal's cell stays on it.
        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
            page.keyboard.press(key)
        expect(page.get_by_test_id("sketch-readout")).to_have_text("query 2: ·Mary → key 2: ·Mary")
        page.keyboard.press("Space")
        assert last_sketch(page) == [[2, 2]]
        page.keyboard.press("Space")
        assert last_sketch(page) == []


@pytest.mark.browser
def test_a_full_sketch_takes_no_more_and_says_so(browser):
    tokens = tuple("a" * 70)
    cells = tuple((query, key) for query in range(70) for key in range(query + 1))[: MAX_CELLS - 1]
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view(cells, tokens))) as page:
        full = page.get_by_test_id("sketch-full")
        page.get_by_test_id("sketch").focus()
        page.keyboard.press("ArrowDown")
        for _ in range(70):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        assert len(last_sketch(page)) == MAX_CELLS
        expect(full).to_have_text("")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        assert len(last_sketch(page)) == MAX_CELLS
        expect(full).to_contain_text("at most 2000 cells")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Space")
        expect(full).to_have_text("")


@pytest.mark.browser
def test_a_late_answer_of_the_host_does_not_undo_what_was_drawn_since(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view())) as page:
        count = page.get_by_test_id("sketch-count")
        drag(page, (2, 1), (2, 1))
        drag(page, (4, 1), (4, 1))
        show(page, pattern_sketch_payload(view(((2, 1),))))
        page.wait_for_timeout(100)
        expect(count).to_have_text("2 cells drawn")
        show(page, pattern_sketch_payload(view(((2, 1), (4, 1)))))
        page.wait_for_timeout(100)
        # All answers are in: now the host may well show an earlier sketch.
        show(page, pattern_sketch_payload(view(((2, 1),))))
        expect(count).to_have_text("1 cell drawn")


@pytest.mark.browser
def test_another_prompt_throws_the_sketch_away(browser):
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view())) as page:
        drag(page, (2, 1), (2, 1))
        show(page, pattern_sketch_payload(view(tokens=TOKENS[:5], about="b")))
        expect(page.get_by_test_id("sketch-count")).to_have_text("0 cells drawn")


@pytest.mark.browser
def test_the_largest_prompt_can_be_drawn_on_to_its_last_cell(browser):
    tokens = tuple(f"<b>{i}" for i in range(256))
    with stage(browser, "pattern_sketch", pattern_sketch_payload(view(tokens=tokens))) as page:
        box = page.locator("canvas").bounding_box()
        page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2)
        assert last_sketch(page) == [[255, 255]]
        expect(page.get_by_test_id("sketch-readout")).to_have_text("query 255: <b>255 → key 255: <b>255")
