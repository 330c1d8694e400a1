"""Answers of a picture that is on screen: to the pointer, to another head, to another layer, to a new prompt."""

import random

from playwright.sync_api import Page

from benchmarks.stopwatch import Stopwatch, head_held, layer_in_title, text_changes, title_has

FIRST_LAYER = 3
_MARGIN = 0.02


def hover(watch: Stopwatch, runs: int) -> dict[str, list[float]]:
    """Milliseconds from a movement of the pointer to the frame that answers it: in the large pattern, text, heads."""
    page = watch.page
    return {
        "cell": [_move(watch, *point) for point in _cells(page, runs)],
        "token": [_move(watch, *_middle(page, f"attention-token-{1 + 7 * run % 40}")) for run in range(runs)],
        "head": [_move(watch, *_middle(page, f"head-thumb-{run % 9}")) for run in range(runs)],
    }


def _move(watch: Stopwatch, x: float, y: float) -> float:
    watch.arm("pointermove", "attention")
    watch.page.mouse.move(x, y)
    took = watch.answer()
    watch.page.wait_for_timeout(150)  # what a long prompt tints when the pointer rests
    return took


def _cells(page: Page, count: int) -> list[tuple[float, float]]:
    large = page.get_by_test_id("head-large")
    large.scroll_into_view_if_needed()
    box, side = large.bounding_box(), float(large.get_attribute("data-side") or 0)
    assert box and side
    left, top = box["x"] + box["width"] - side, box["y"] + box["height"] - side
    draw = random.Random(0)
    queries = [draw.uniform(0.2, 1 - _MARGIN) for _ in range(count)]
    return [(left + side * draw.uniform(_MARGIN, query - _MARGIN), top + side * query) for query in queries]


def _middle(page: Page, testid: str) -> tuple[float, float]:
    place = page.get_by_test_id(testid)
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def other_layers(watch: Stopwatch, runs: int) -> list[float]:
    """Milliseconds from K to the next layer on screen, all heads mixed; each layer for the first time."""
    return [_press(watch, "k", f"layer {FIRST_LAYER + 1 + run}") for run in range(runs)]


def other_layers_held(watch: Stopwatch, runs: int, head: int) -> list[float]:
    """Milliseconds from J to the layer before on screen, with a head held."""
    return [_press(watch, "j", f"L{FIRST_LAYER + runs - 1 - run}H{head}") for run in range(runs)]


def other_heads(watch: Stopwatch, runs: int) -> list[float]:
    """Milliseconds from N to the next head large on screen, of one layer."""
    return [_press(watch, "n", f"H{run % 9}") for run in range(runs)]


def clicked_heads(watch: Stopwatch, runs: int) -> list[float]:
    """Milliseconds from a click on a small head to that head held; the pointer has come a while before."""
    return [_click(watch, f"head-thumb-{run % 9}", head_held(run % 9)) for run in range(runs)]


def clicked_layers(watch: Stopwatch, runs: int, layer: int) -> list[float]:
    """Milliseconds from a click on the button for the next layer to that layer; the first comes after `layer`."""
    return [_click(watch, "attention-layer-after", layer_in_title(layer + 1 + run)) for run in range(runs)]


def _click(watch: Stopwatch, testid: str, shows: str) -> float:
    watch.page.mouse.move(*_middle(watch.page, testid))
    watch.settle()
    watch.arm("pointerdown", "attention", shows)
    watch.page.mouse.down()
    watch.page.mouse.up()
    took = watch.answer()
    watch.settle()
    return took


def _press(watch: Stopwatch, key: str, title: str) -> float:
    watch.arm("keydown", "attention", title_has(title))
    watch.page.keyboard.press(key)
    took = watch.answer()
    watch.settle()
    return took


def new_prompt(watch: Stopwatch, text: str) -> float:
    """Milliseconds from Ctrl+Enter to the first picture of another prompt, which has been put into the box."""
    send_prompt(watch, text, text_changes("[data-testid^=attention-token-]"), "attention")
    took = watch.answer()
    watch.settle()
    return took


def send_prompt(watch: Stopwatch, text: str, shows: str, picture: str) -> None:
    """Put a prompt into the box and press Ctrl+Enter, from which the clock runs."""
    box = watch.page.get_by_role("textbox", name="Prompt", exact=True)
    box.fill(text)
    watch.page.wait_for_timeout(300)
    watch.page.keyboard.down("Control")
    watch.arm("keydown", picture, shows)
    watch.page.keyboard.press("Enter")
    watch.page.keyboard.up("Control")
