"""What a reader does with the head grid, in Chromium."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from interp_views.component import Component
from interp_views.head_grid import head_grid_payload, head_grid_selection
from tests.views.conftest import TOKENS, as_text, causal_patterns, mount
from tests.views.test_head_grid_payload import grid_view

pytestmark = pytest.mark.browser

# Light theme: panel, then the stops of the attention scale.
STOPS = np.array([[0xF4, 0xF5, 0xF7], [0x9F, 0xC4, 0xE4], [0x1F, 0x6F, 0xB2], [0x12, 0x46, 0x80], [0x0B, 0x25, 0x45]])
# Six heads in two rows: pitch 96, of which 92 are pixels; 36 for the names of layers, 20 for those of heads.
PITCH, SIZE, LEFT, TOP = 96, 92, 36, 20


def colour_of(levels: np.ndarray) -> np.ndarray:
    place = levels / 255 * 4
    low = np.minimum(place.astype(int), 3)
    return STOPS[low] + (STOPS[low + 1] - STOPS[low]) * (place - low)[..., None]


@pytest.fixture
def grid(open_page):
    def open_(parts=(), **changes):
        html = Component.load("head_grid").standalone(head_grid_payload(grid_view(**changes)), "Heads", "light", parts)
        return open_page(html)

    return open_


def point_at(page, layer: int, head: int) -> None:
    position = {"x": LEFT + head * PITCH + SIZE / 2, "y": TOP + layer * PITCH + SIZE / 2}
    page.get_by_test_id("head-grid-canvas").hover(position=position)


def test_every_thumbnail_shows_its_head_within_a_255th(grid):
    patterns = causal_patterns(6, len(TOKENS))
    page = grid(patterns=patterns)
    shot = Image.open(io.BytesIO(page.get_by_test_id("head-grid-canvas").screenshot())).convert("RGB")
    pixels = np.array(shot).astype(float)
    n = len(TOKENS)
    middles = ((np.arange(n) + 0.5) * SIZE / n).astype(int)
    for layer in range(2):
        for head in range(3):
            square = pixels[TOP + layer * PITCH + middles][:, LEFT + head * PITCH + middles]
            shown = np.tril_indices(n)
            truth = patterns[3 * layer + head][shown]
            nearest = np.abs(square[shown][:, None] - colour_of(np.arange(256))[None]).sum(-1).argmin(-1)
            assert np.abs(nearest / 255 - truth).max() <= 1.5 / 255
    masked = pixels[TOP + 5 : TOP + 25, LEFT + 60 : LEFT + 85]
    is_paper = (masked == 255).all(-1)
    assert 0.7 < is_paper.mean() < 0.9, "what is masked is hatched paper"
    expect(page.get_by_test_id("head-grid-note")).to_have_text("Thumbnails: every weight has its own cell.")


def test_pointing_at_a_head_names_it_with_its_score(grid):
    scores = np.float32([[0.1, 0.2, 0.3], [0.4, np.nan, 0.75]])
    page = grid(scores=scores, score_label="previous-token score")
    point_at(page, 1, 2)
    readout = page.get_by_test_id("head-grid-readout")
    expect(readout).to_have_text("L1H2 previous-token score 0.75")
    point_at(page, 1, 1)
    expect(readout).to_have_text("L1H1 previous-token score –")
    expect(page.get_by_test_id("head-grid-summary")).to_contain_text(
        "Highest previous-token score: L1H2 0.75, L1H0 0.40"
    )


def test_a_click_opens_a_head_and_the_keyboard_does_too(browser):
    page = mount(browser, "head_grid", head_grid_payload(grid_view()))
    point_at(page, 0, 1)
    page.mouse.down()
    page.mouse.up()
    page.keyboard.press("Tab")
    page.mouse.move(2, 2)
    page.get_by_test_id("head-grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate("sent") == [["open", {"layer": 0, "head": 1}], ["open", {"layer": 0, "head": 2}]]
    page.close()


def test_an_order_draws_its_heads_only_and_in_that_order(browser):
    view = grid_view(order=((1, 2), (0, 1)), scores=np.ones((2, 3), np.float32), score_label="score")
    page = mount(browser, "head_grid", head_grid_payload(view))
    canvas = page.get_by_test_id("head-grid-canvas")
    canvas.click(position={"x": 40, "y": 40})
    canvas.click(position={"x": 130, "y": 40})
    assert page.evaluate("sent") == [["open", {"layer": 1, "head": 2}], ["open", {"layer": 0, "head": 1}]]
    assert canvas.bounding_box()["width"] < 200
    page.close()


def test_a_selection_names_its_head_unless_it_is_about_other_data(browser):
    page = mount(browser, "head_grid", head_grid_payload(grid_view()))
    readout = page.get_by_test_id("head-grid-readout")
    page.evaluate("text => post('s', text)", as_text(head_grid_selection("an example", layer=1, head=0)))
    expect(readout).to_have_text("L1H0")
    page.evaluate("text => post('s', text)", as_text(head_grid_selection("another", layer=0, head=0)))
    page.wait_for_timeout(100)
    expect(readout).to_have_text("L1H0")
    page.close()


def test_a_page_that_holds_every_head_shows_the_clicked_one_large_with_its_values(grid):
    patterns = causal_patterns(6, len(TOKENS))
    page = grid(patterns=patterns, opens=True)
    large = page.get_by_test_id("head-large")
    expect(large).to_be_hidden()
    point_at(page, 1, 1)
    page.mouse.down()
    page.mouse.up()
    expect(large).to_be_visible()
    box, side = large.bounding_box(), float(large.get_attribute("data-side"))
    page.mouse.move(box["x"] + box["width"] - 1 - side * 0.95, box["y"] + box["height"] - 4 - side * 0.05)
    value = np.rint(patterns[4, 9, 0] * 255) / 255
    expect(page.get_by_test_id("attention-readout")).to_have_text(f"query 9: ·gave → key 0: <|im_start|> ≈ {value:.2f}")


def test_a_hundred_layers_of_sixty_four_heads_are_one_canvas(grid):
    n = len(TOKENS)
    levels = np.zeros((100, 64, n * (n + 1) // 2), np.uint8)
    page = grid(levels=levels)
    assert page.locator(".hs-board canvas").count() == 2
    assert page.locator(".hs *").count() < 100
    page.get_by_test_id("head-grid-canvas").hover(position={"x": 36 + 16 * 63, "y": 20 + 16 * 99})
    expect(page.get_by_test_id("head-grid-readout")).to_contain_text("L")


def test_thumbnails_hatch_what_lies_outside_a_window(grid):
    patterns = causal_patterns(6, len(TOKENS))
    patterns[:3] *= ~np.tri(len(TOKENS), k=-4, dtype=bool)
    page = grid(patterns=patterns, windows=(4, 0))
    pixels = np.array(Image.open(io.BytesIO(page.get_by_test_id("head-grid-canvas").screenshot())).convert("RGB"))
    for layer, hatched in ((0, True), (1, False)):
        corner = pixels[TOP + layer * PITCH + 75 : TOP + layer * PITCH + 90, LEFT + 2 : LEFT + 20]
        assert ((corner == 255).all(-1).mean() > 0.5) == hatched


def test_a_stretched_scale_is_each_head_s_own_and_the_host_hears_of_it(browser):
    n = 30
    diffuse = np.tri(n, dtype=np.float32) / np.arange(1, n + 1)[:, None]
    patterns = np.stack([diffuse, np.eye(n, dtype=np.float32)] * 3)
    view = grid_view(tokens=(" a",) * n, special=(False,) * n, n_pos=n, patterns=patterns)
    page = mount(browser, "head_grid", head_grid_payload(view))
    canvas = page.get_by_test_id("head-grid-canvas")

    def darkness() -> np.ndarray:
        pixels = np.array(Image.open(io.BytesIO(canvas.screenshot())).convert("L")).astype(float)
        return np.array([pixels[TOP + 60 : TOP + 90, LEFT + at : LEFT + at + 30].mean() for at in (2, PITCH + 2)])

    before = darkness()
    page.get_by_test_id("attention-scale-stretched").first.click()
    page.mouse.move(5, 5)
    after = darkness()
    assert after[0] < before[0] - 10
    assert abs(after[1] - before[1]) < 2
    expect(page.get_by_test_id("head-grid-scale-end")).to_contain_text("1 %")
    assert page.evaluate("sent") == []
    text = as_text(head_grid_selection(view.about, scale="full"))
    page.evaluate("text => post('selection', text)", text)
    page.get_by_test_id("attention-scale-stretched").first.click()
    page.wait_for_function("sent.length === 1")
    assert page.evaluate("sent") == [["scale", {"scale": "stretched"}]]
    page.close()
