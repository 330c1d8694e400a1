"""What a reader does with the attention picture, in Chromium, on standalone pages and on a bare host."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from interp_views.attention import Zoom, attention_focus, attention_payload, attention_selection
from interp_views.component import Component
from interp_views.pooled import pool_patterns
from interp_views.wire import header_of
from tests.views.conftest import TOKENS, as_text, attention_view, causal_patterns, mount

pytestmark = pytest.mark.browser
ABOUT = "an example"


@pytest.fixture
def attention(open_page):
    def open_(selection: dict | None = None, focus: bytes | None = None, **changes):
        parts = [attention_selection(ABOUT, **selection)] if selection else []
        payload = attention_payload(attention_view(**changes))
        return open_page(
            Component.load("attention").standalone(payload, "Attention", "light", parts + [focus] * bool(focus))
        )

    return open_


def cell_at(page, query: int, key: int, n: int = len(TOKENS)) -> tuple[float, float]:
    """Where a cell is on the screen: the square ends 1 pixel before the right edge and 4 before the bottom."""
    large = page.get_by_test_id("head-large")
    box, side = large.bounding_box(), float(large.get_attribute("data-side"))
    left, top = box["x"] + box["width"] - 1 - side, box["y"] + box["height"] - 4 - side
    return left + (key + 0.5) * side / n, top + (query + 0.5) * side / n


def pixel(page, x: float, y: float) -> tuple[int, int, int]:
    image = Image.open(io.BytesIO(page.screenshot()))
    return image.convert("RGB").getpixel((int(x), int(y)))


def post(page, part: bytes) -> None:
    """Hand a part to the page, from a sender of its own for each name."""
    page.evaluate("([name, text]) => post(name, text)", [header_of(part)["part"], as_text(part)])


def show(page, payload: bytes) -> None:
    page.evaluate("text => { window.close_ = show(text); }", as_text(payload))


def test_every_head_has_a_thumbnail_with_its_name(attention):
    thumbs = attention(n_heads=5).locator("[data-testid^=head-thumb]")
    expect(thumbs).to_have_text([f"L5H{head}" for head in range(5)])


def test_with_no_head_looked_at_the_large_picture_mixes_the_heads_by_hue(attention):
    patterns = np.zeros((2, 4, 4), np.float32)
    patterns[0, 1, 0] = patterns[1, 2, 0] = patterns[0, 3, 0] = patterns[1, 3, 0] = patterns[0, 3, 1] = 1
    patterns[1, 3, 1] = patterns[0, 3, 2] = 0.4
    page = attention(tokens=("a", "b", "c", "d"), patterns=patterns)
    labels = [page.locator(f"[data-testid=head-thumb-{head}] span") for head in (0, 1)]
    colours = [label.evaluate("node => getComputedStyle(node).backgroundColor") for label in labels]
    one, other = (np.array(re.findall(r"\d+", colour), int) for colour in colours)
    assert np.abs(one - other).max() > 60
    page.mouse.move(5, 5)
    nothing = np.array([0xF4, 0xF5, 0xF7])
    for cell, expected in {
        (1, 0): one,
        (2, 0): other,
        (3, 0): (one + other) / 2,
        (3, 1): (one + 0.4 * other) / 1.4,
        (3, 2): nothing + (one - nothing) * 0.4**0.6,
        (3, 3): nothing,
    }.items():
        assert np.abs(np.array(pixel(page, *cell_at(page, *cell, 4))) - expected).max() <= 2


def test_the_readout_of_the_mixture_lists_the_heads_with_most_weight(attention):
    patterns = np.zeros((3, 10, 10), np.float32)
    patterns[:, 7, 2] = 0.2, 0.9, 0.5
    page = attention(patterns=patterns)
    page.mouse.move(*cell_at(page, 7, 2))
    expect(page.get_by_test_id("attention-readout")).to_have_text(
        "query 7: ⏎ → key 2: ·Mary  L5H1 ≈ 0.90 L5H2 ≈ 0.50 L5H0 ≈ 0.20"
    )


def test_values_are_exact_where_the_focus_covers_the_cell_and_rounded_elsewhere(attention):
    patterns = causal_patterns(3, 10)
    focus = attention_focus(ABOUT, 1, patterns[1], causal=True)
    page = attention({"head": 1}, focus, patterns=patterns)
    readout = page.get_by_test_id("attention-readout")
    page.mouse.move(*cell_at(page, 9, 4))
    expect(readout).to_have_text(f"query 9: ·gave → key 4: ·John {patterns[1, 9, 4]:.4f}")
    page.get_by_test_id("head-thumb-2").click()
    page.mouse.move(*cell_at(page, 9, 4))
    expect(readout).to_have_text(f"query 9: ·gave → key 4: ·John ≈ {np.rint(patterns[2, 9, 4] * 255) / 255:.2f}")


def test_masked_cells_are_said_to_be_masked(attention):
    page = attention()
    page.mouse.move(*cell_at(page, 2, 6))
    expect(page.get_by_test_id("attention-readout")).to_have_text("query 2: ·Mary → key 6: , masked")


def test_a_held_head_fades_the_others_and_a_second_click_releases_it(attention):
    page = attention()
    thumb, other = page.get_by_test_id("head-thumb-2"), page.get_by_test_id("head-thumb-0")
    thumb.click()
    page.mouse.move(5, 5)
    expect(thumb).to_have_attribute("aria-pressed", "true")
    expect(other.locator("canvas")).to_have_css("opacity", "0.25")
    expect(thumb.locator("canvas")).to_have_css("opacity", "1")
    thumb.click()
    page.mouse.move(5, 5)
    expect(page.locator("[data-testid^=head-thumb][aria-pressed=true]")).to_have_count(0)
    expect(other.locator("canvas")).to_have_css("opacity", "1")


def test_with_a_token_in_focus_thumbnails_are_as_strong_as_its_largest_weight(attention):
    patterns = np.zeros((3, 10, 10), np.float32)
    patterns[0, 8, 1], patterns[1, 8, 2], patterns[2, 9, 8] = 0.6, 0.1, 0.8
    page = attention({"pos": 8}, patterns=patterns)
    strengths = [page.locator(f"[data-testid=head-thumb-{head}] canvas") for head in range(3)]
    for canvas, opacity in zip(strengths, ("0.6", "0.25", "0.25"), strict=True):
        expect(canvas).to_have_css("opacity", opacity)
    page.get_by_test_id("attention-direction-to").click()
    for canvas, opacity in zip(strengths, ("0.25", "0.25", "0.8"), strict=True):
        expect(canvas).to_have_css("opacity", opacity)


def test_a_held_token_tints_the_others_by_where_it_looks_and_the_switch_turns_that_round(attention):
    patterns = np.tile(np.eye(len(TOKENS), dtype=np.float32), (3, 1, 1))
    patterns[:, 8] = np.eye(len(TOKENS))[4]
    page = attention({"head": 1}, patterns=patterns)
    token, other, unlooked = (page.get_by_test_id(f"attention-token-{pos}") for pos in (8, 4, 3))
    token.click()
    expect(token).to_have_attribute("aria-pressed", "true")
    expect(other).to_have_css("background-color", "rgb(11, 37, 69)")
    expect(unlooked).to_have_css("background-color", "rgb(244, 245, 247)")
    page.get_by_test_id("attention-direction-to").click()
    expect(other).to_have_css("background-color", "rgba(0, 0, 0, 0)")


def test_escape_releases_the_head_and_the_token(attention):
    page = attention({"head": 1, "pos": 3})
    expect(page.locator("[aria-pressed=true][data-index]")).to_have_count(2)
    page.get_by_test_id("head-large").hover()
    page.keyboard.press("Escape")
    expect(page.locator("[aria-pressed=true][data-index]")).to_have_count(0)


def test_tokens_can_be_reached_and_held_with_the_keyboard_alone(attention):
    page = attention()
    page.get_by_test_id("attention-token-0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("attention-token-2")).to_have_attribute("aria-pressed", "true")
    assert page.locator("[data-testid^=attention-token][tabindex='0']").count() == 1


def test_the_wheel_zooms_around_the_pointer_and_reset_shows_everything_again(attention):
    page = attention()
    large = page.get_by_test_id("head-large")
    whole = large.get_attribute("aria-label")
    page.mouse.move(*cell_at(page, 9, 9))
    page.mouse.move(*cell_at(page, 8, 9))
    page.mouse.wheel(0, -100)
    expect(large).to_have_attribute("aria-label", re.compile("2 to 9; keys across, 2 to 9"))
    page.get_by_test_id("attention-reset-zoom").click()
    expect(large).to_have_attribute("aria-label", whole)


def test_dragging_a_rectangle_zooms_to_it_and_holds_nothing(attention):
    page = attention()
    page.mouse.move(*cell_at(page, 4, 1))
    page.mouse.down()
    page.mouse.move(*cell_at(page, 9, 5), steps=4)
    page.mouse.up()
    expect(page.get_by_test_id("head-large")).to_have_attribute("aria-label", re.compile("across, 1 to 5"))
    expect(page.locator("[aria-pressed=true][data-index]")).to_have_count(0)


def test_keys_zoom_and_move_the_large_picture(attention):
    page = attention({"zoom": Zoom(2, 2, 4)})
    large = page.get_by_test_id("head-large")
    page.locator(".hs-grid").focus()
    page.keyboard.press("ArrowDown")
    expect(large).to_have_attribute("aria-label", re.compile("down, 3 to 6; keys across, 2 to 5"))
    page.keyboard.press("0")
    expect(large).to_have_attribute("aria-label", re.compile("down, 10; keys across, 10"))
    page.keyboard.press("+")
    expect(large).to_have_attribute("aria-label", re.compile(r"down, 2 to 8"))


def test_a_pooled_cell_says_how_many_weights_it_is_the_largest_of(attention):
    tokens = tuple(" a" for _ in range(40))
    patterns = causal_patterns(2, 40)
    page = attention({"head": 0}, tokens=tokens, pooled=pool_patterns(patterns, most_side=10))
    page.mouse.move(*cell_at(page, 5, 2, 10))
    largest = np.rint(patterns[0, 20:24, 8:12].max() * 255) / 255
    expect(page.get_by_test_id("attention-readout")).to_have_text(
        f"query 20–23 → key 8–11 ≈ {largest:.2f} largest of 4 × 4 weights"
    )


def test_what_is_held_and_zoomed_to_is_reported_to_the_host_and_pointing_is_not(browser):
    page = mount(browser, "attention", attention_payload(attention_view()))
    page.get_by_test_id("attention-token-4").hover()
    page.get_by_test_id("head-thumb-2").click()
    page.get_by_test_id("attention-direction-to").click()
    page.get_by_test_id("attention-direction-to").click()
    page.get_by_test_id("attention-zoom-in").click()
    page.wait_for_function("sent.length === 3")
    page.get_by_test_id("attention-reset-zoom").click()
    page.wait_for_function("sent.length === 4")
    zoom = {"query": 2, "key": 2, "size": 7}
    assert [(name, value["head"], value["direction"], value["zoom"]) for name, value in page.evaluate("sent")] == [
        ("hold", 2, "from", None), ("hold", 2, "to", None), ("hold", 2, "to", zoom), ("hold", 2, "to", None),
    ]  # fmt: skip
    turns = [value["turn"] for _, value in page.evaluate("sent")]
    assert turns == sorted(set(turns))
    page.close()


def pooled_example():
    tokens = tuple(" a" for _ in range(40))
    patterns = causal_patterns(2, 40)
    return patterns, attention_view(tokens, pooled=pool_patterns(patterns, most_side=10))


def test_zooming_pooled_data_asks_for_exact_cells_and_shows_them_when_they_come(browser):
    patterns, view = pooled_example()
    page = mount(browser, "attention", attention_payload(view))
    post(page, attention_selection(ABOUT, head=1))
    page.get_by_test_id("attention-zoom-in").click()
    page.get_by_test_id("attention-zoom-in").click()
    page.wait_for_function("sent.length === 1")
    ((_, held),) = page.evaluate("sent")
    window = held["zoom"]
    assert all(window[part] % 4 == 0 for part in ("query", "key", "size"))
    note = page.locator(".hs-legend .hs-note")
    expect(note).to_have_text("Each cell: largest of 4 × 4 weights.")
    rows, columns = (slice(window[axis], window[axis] + window["size"]) for axis in ("query", "key"))
    exact = attention_focus(
        ABOUT, 1, patterns[1, rows, columns], query=window["query"], key=window["key"], causal=True
    )  # fmt: skip
    post(page, exact)
    expect(note).to_have_text("")
    page.mouse.move(*cell_at(page, 3, 1, window["size"]))
    value = patterns[1, window["query"] + 3, window["key"] + 1]
    expect(page.get_by_test_id("attention-readout")).to_contain_text(f" {value:.4f}")
    page.close()


def test_parts_may_arrive_before_the_data_and_wait_for_the_data_they_are_about(browser):
    page = mount(browser, "attention")
    post(page, attention_selection(ABOUT, head=2, pos=4))
    show(page, attention_payload(attention_view(about="older")))
    page.wait_for_selector("[data-painted]")
    expect(page.locator("[aria-pressed=true][data-index]")).to_have_count(0)
    show(page, attention_payload(attention_view()))
    expect(page.get_by_test_id("head-thumb-2")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("attention-token-4")).to_have_attribute("aria-pressed", "true")
    post(page, attention_selection("newer", head=0))
    page.wait_for_timeout(100)
    expect(page.get_by_test_id("head-thumb-2")).to_have_attribute("aria-pressed", "true")
    page.close()


def test_a_withdrawn_part_is_forgotten_and_nothing_is_left_when_all_are_gone(browser):
    page = mount(browser, "attention")
    post(page, attention_selection(ABOUT, head=2))
    page.wait_for_function("globalThis.hookscopeBoxes.size === 1")
    page.evaluate("withdraw.selection()")
    assert page.evaluate("hookscopeBoxes.size") == 0
    show(page, attention_payload(attention_view()))
    page.wait_for_selector("[data-painted]")
    expect(page.locator("[aria-pressed=true][data-index]")).to_have_count(0)
    assert page.evaluate("hookscopeBoxes.size") == 1
    page.evaluate("close_()")
    assert page.evaluate("hookscopeBoxes.size") == 0
    page.close()


def test_an_answer_to_an_older_choice_does_not_undo_a_newer_one(browser):
    page = mount(browser, "attention", attention_payload(attention_view()))
    page.get_by_test_id("head-thumb-1").click()
    page.get_by_test_id("head-thumb-2").click()
    older, newer = (value["turn"] for _, value in page.evaluate("sent"))
    post(page, attention_selection(ABOUT, head=1, turn=older))
    page.wait_for_timeout(100)
    expect(page.get_by_test_id("head-thumb-2")).to_have_attribute("aria-pressed", "true")
    post(page, attention_selection(ABOUT, head=2, turn=newer))
    page.wait_for_timeout(50)
    post(page, attention_selection(ABOUT, head=0))
    expect(page.get_by_test_id("head-thumb-0")).to_have_attribute("aria-pressed", "true")
    page.close()


def test_new_data_on_the_same_element_wins_over_data_that_is_still_unpacking(browser):
    long = attention_view(tuple(" a" for _ in range(300)), n_heads=8)
    page = mount(browser, "attention", attention_payload(long), attention_payload(attention_view()))
    expect(page.locator("[data-testid^=attention-token]")).to_have_count(len(TOKENS))
    expect(page.locator(".hs-stage")).to_have_count(1)
    page.close()


def test_the_same_bytes_in_another_array_are_not_read_again(browser):
    payload = attention_payload(attention_view())
    page = mount(browser, "attention", payload)
    page.evaluate("""() => {
        window.read = 0;
        const decode = TextDecoder.prototype.decode;
        TextDecoder.prototype.decode = function (...bytes) { window.read++; return decode.apply(this, bytes); };
    }""")
    show(page, payload)
    page.wait_for_timeout(100)
    assert page.evaluate("read") == 0
    show(page, attention_payload(attention_view(layer=6)))
    expect(page.get_by_test_id("head-thumb-0")).to_have_text("L6H0")
    assert page.evaluate("read") == 1
    page.close()


def saved(page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.get_by_test_id(f"attention-save-{button}").click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_the_png_holds_the_picture_at_twice_its_size(attention):
    page = attention({"head": 1, "pos": 4})
    name, data = saved(page, "png")
    image = Image.open(io.BytesIO(data))
    box = page.get_by_test_id("head-large").bounding_box()
    assert name == "attention-L5H1.png"
    assert image.width > 2 * box["width"] and image.height > 2 * box["height"]
    assert len(image.convert("RGB").getcolors(1 << 20)) > 20


def test_the_svg_parses_holds_hostile_tokens_as_text_and_every_cell_as_one_pixel(attention):
    hostile = ("<script>alert(1)</script>", "a\ufffeb", "\u202ex", "&amp;", *TOKENS[:6])
    patterns = causal_patterns(3, 10)
    page = attention({"head": 2}, tokens=hostile, patterns=patterns)
    name, data = saved(page, "svg")
    root = ET.fromstring(data)
    space = "{http://www.w3.org/2000/svg}"
    assert name == "attention-L5H2.svg"
    texts = [node.text for node in root.iter(f"{space}text")]
    assert any(text.startswith("0: <script>") for text in texts)
    assert "1: a\ufffdb" in texts and "3: &amp;" in texts
    assert not list(root.iter(f"{space}script"))
    (image,) = root.iter(f"{space}image")
    cells = np.array(Image.open(io.BytesIO(base64.b64decode(image.get("href").split(",")[1]))))
    assert cells.shape[:2] == (10, 10)
    np.testing.assert_array_equal(cells[..., 3] > 0, np.tri(10, dtype=bool))
    assert (cells[9, patterns[2, 9].argmax(), :3] < cells[9, patterns[2, 9].argmin(), :3]).all()


@pytest.mark.parametrize("tokens", [("a",), tuple(" a" for _ in range(1000)), ("x" * 20000, "\u05d0\u05d1", "b")])
def test_odd_prompts_are_drawn(attention, tokens):
    page = attention(tokens=tokens, n_heads=2)
    expect(page.locator("[data-testid^=attention-token]")).to_have_count(len(tokens))
    page.get_by_test_id("attention-token-0").hover()
    expect(page.get_by_test_id("attention-readout")).to_contain_text("query")


def test_the_svg_of_a_zoomed_picture_is_not_veiled_by_a_token_that_lies_outside(attention):
    veils = []
    for pos in (1, 8):
        page = attention({"head": 1, "pos": pos, "zoom": Zoom(6, 0, 4)})
        root = ET.fromstring(saved(page, "svg")[1])
        veils.append(len([node for node in root.iter() if node.get("fill-opacity")]))
    assert veils == [0, 2]


def test_tokens_of_a_long_prompt_that_are_out_of_sight_are_tinted_too(attention):
    n = 900
    patterns = np.zeros((1, n, n), np.float32)
    patterns[0, :, 0] = patterns[0, 899, 880] = 1
    page = attention({"head": 0, "pos": 899}, tokens=tuple(" a" for _ in range(n)), pooled=pool_patterns(patterns, n))
    for pos, colour in ((0, "rgb(11, 37, 69)"), (880, "rgb(11, 37, 69)"), (879, "rgb(244, 245, 247)")):
        expect(page.get_by_test_id(f"attention-token-{pos}")).to_have_css("background-color", colour)


def hatched(page, x: float, y: float, reach: int = 12) -> bool:
    """Whether there is paper with lines on it around a place, and nothing of the colour of a zero."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    cells = np.array(image.crop((int(x) - reach, int(y) - reach, int(x) + reach, int(y) + reach)))
    return bool(
        (cells == 255).all(-1).mean() > 0.3 and (cells != 255).any() and not (cells == (0xF4, 0xF5, 0xF7)).all(-1).any()
    )


def windowed(n_heads: int, n_pos: int, window: int) -> np.ndarray:
    near = np.tri(n_pos) * np.tri(n_pos, k=window - 1).T
    patterns = causal_patterns(n_heads, n_pos) * near
    return (patterns / patterns.sum(-1, keepdims=True)).astype(np.float32)


def test_what_lies_outside_a_sliding_window_is_hatched_and_said_to_be_masked(attention):
    page = attention(patterns=windowed(3, 10, 4), window=4)
    readout = page.get_by_test_id("attention-readout")
    page.mouse.move(5, 5)
    assert hatched(page, *cell_at(page, 8, 2))
    assert not hatched(page, *cell_at(page, 8, 6))
    page.mouse.move(*cell_at(page, 8, 4))
    expect(readout).to_contain_text("masked: outside the window of 4 tokens")
    page.mouse.move(*cell_at(page, 8, 5))
    expect(readout).to_contain_text("≈")
    page.mouse.move(*cell_at(page, 2, 6))
    expect(readout).to_have_text("query 2: ·Mary → key 6: , masked")
    thumb = page.get_by_test_id("head-thumb-0").locator("canvas")
    alpha = thumb.evaluate(
        "node => [...node.getContext('2d').getImageData(0, 0, node.width, node.height).data].filter((_, i) => i % 4 === 3)"
    )
    seen = np.tri(10, dtype=bool) & ~np.tri(10, k=-4, dtype=bool)
    np.testing.assert_array_equal(np.array(alpha).reshape(10, 10) > 0, seen)


def test_a_pooled_cell_is_masked_only_if_all_of_it_lies_outside_the_window(attention):
    page = attention(
        tokens=tuple(" a" for _ in range(40)), pooled=pool_patterns(windowed(2, 40, 6), most_side=10), window=6
    )
    readout = page.get_by_test_id("attention-readout")
    for column, text in ((2, "masked: outside"), (3, "≈"), (5, "≈")):
        page.mouse.move(*cell_at(page, 5, column, 10))
        expect(readout).to_contain_text(text)


def test_a_window_that_the_numbers_contradict_is_not_drawn():
    assert header_of(attention_payload(attention_view(window=4)))["window"] == 0
    assert header_of(attention_payload(attention_view(patterns=windowed(3, 10, 4), window=4)))["window"] == 4
    assert header_of(attention_payload(attention_view(patterns=windowed(3, 10, 4), window=3)))["window"] == 0


def test_a_stretched_scale_ends_where_one_cell_in_a_hundred_lies_above_and_says_so(attention):
    n = 40
    patterns = np.tri(n, dtype=np.float32)[None] / np.arange(1, n + 1)[:, None]
    page = attention({"head": 0}, tokens=tuple(" a" for _ in range(n)), patterns=patterns)
    end = page.locator(".hs-scale-end")
    expect(end).to_have_text("1")
    pale = pixel(page, *cell_at(page, 35, 5, n))
    page.get_by_test_id("attention-scale-stretched").click()
    expect(page.get_by_test_id("attention-scale-stretched")).to_have_attribute("aria-pressed", "true")
    # 820 cells: the 9 largest are those of the first three queries and most of the fourth's.
    expect(end).to_have_text("≥ 0.251")
    page.mouse.move(5, 5)
    assert sum(pixel(page, *cell_at(page, 35, 5, n))) < sum(pale) - 40
    assert pixel(page, *cell_at(page, 1, 0, n)) == (0x0B, 0x25, 0x45)
    page.get_by_test_id("attention-scale-full").click()
    expect(end).to_have_text("1")


def test_a_stretched_scale_shows_exact_weights_that_are_less_than_a_step_apart(attention):
    n = 24
    patterns = np.tri(n, dtype=np.float32)[None] * np.where(np.arange(n) < 12, 0.0004, 0.0009).astype(np.float32)
    focus = attention_focus(ABOUT, 0, patterns[0], causal=True)
    page = attention({"head": 0, "scale": "stretched"}, focus, tokens=tuple(" a" for _ in range(n)), patterns=patterns)
    page.mouse.move(5, 5)
    assert sum(pixel(page, *cell_at(page, 20, 15, n))) < sum(pixel(page, *cell_at(page, 20, 5, n))) - 60


def test_where_no_token_is_named_the_picture_takes_the_room_of_the_names(attention):
    words = tuple(f" word{pos}" for pos in range(300))
    named, bare = (attention(tokens=words[:n], n_heads=1).get_by_test_id("head-large") for n in (30, 300))
    sides = [float(large.get_attribute("data-side")) for large in (named, bare)]
    widths = [large.bounding_box()["width"] for large in (named, bare)]
    assert widths[0] - sides[0] > 70
    assert widths[1] - sides[1] < 66
    assert sides[1] > 560
