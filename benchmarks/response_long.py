"""A prompt of 2,048 tokens in the All-heads view: when heads appear, what else is answered meanwhile, and memory."""

import time
from dataclasses import dataclass

import psutil
from playwright.sync_api import Browser, Page

from benchmarks import chromium
from benchmarks.memory import MemoryWatch, resident
from benchmarks.response_quick import send_prompt
from benchmarks.server import Server
from benchmarks.stopwatch import Stopwatch, title_has
from pages.ui.text_code import encode_text

LONG = 2048
_SHOWS_LONG = (
    f'(root) => root.querySelector("[data-testid=head-grid-summary]").textContent.includes("on {LONG} tokens")'
)
_REST_MS = 3000
"""The page is drawn anew several times while heads come in: so long it must be idle to be done."""
_UNDER_WAY = "Surveying attention"


@dataclass(frozen=True)
class LongRun:
    """One new long prompt that is left alone."""

    first: float
    """Seconds from Ctrl+Enter until the first heads are on screen."""
    all_heads: float
    """Seconds until the last of them are."""
    memory_before: int
    memory_peak: int
    memory_after: int
    """Resident bytes of the server's process."""


@dataclass(frozen=True)
class Meanwhile:
    """What was answered while a long prompt was computed, in milliseconds."""

    hover: float
    """The pointer over the heads that are there already."""
    other_tab: float
    """Another session's next layer, of a run in the cache."""
    other_page: float
    """A click on a link to another page, until that page's heading is on screen."""
    still_under_way: bool
    """Whether the long prompt was still being computed at the last of these clicks."""


def long_run(server: Server, browser: Browser, short: str, text: str) -> LongRun:
    """Ask for a long prompt and wait until all of it is shown."""
    process = psutil.Process(server.pid)
    with chromium.fresh_context(browser) as context, MemoryWatch(pid=server.pid) as memory:
        watch = _asked(context.new_page(), server, short)
        before = resident(process)
        memory.peak = before
        _send(watch, text)
        first = watch.answer()
        watch.settle(_REST_MS)
        return LongRun(first / 1000, watch.last() / 1000, before, memory.peak, resident(process))


def meanwhile(server: Server, browser: Browser, short: str, text: str) -> Meanwhile:
    """Ask for a long prompt, and while it is computed for other things."""
    with chromium.fresh_context(browser) as context, chromium.fresh_context(browser) as other_context:
        other = Stopwatch(other_context.new_page())
        other.open(f"{server.url}/attention?layer=1&prompt={encode_text(short)}", "attention")
        watch = _asked(context.new_page(), server, short)
        _send(watch, text)
        watch.answer()
        page = watch.page
        grid = page.get_by_test_id("head-grid-canvas").bounding_box()
        assert grid
        watch.arm("pointermove", "head-grid")
        page.mouse.move(grid["x"] + 60, grid["y"] + 60)
        hover = watch.answer()
        other.arm("keydown", "attention", title_has("layer 2"))
        other.page.keyboard.press("k")
        other_tab = other.answer()
        still = page.get_by_text(_UNDER_WAY).count() > 0
        link = page.get_by_role("link", name="Settings")
        began = time.monotonic()
        link.click()
        page.get_by_role("heading", name="Settings", exact=True).first.wait_for()
        return Meanwhile(hover, other_tab, (time.monotonic() - began) * 1000, still)


def _asked(page: Page, server: Server, short: str) -> Stopwatch:
    watch = Stopwatch(page)
    watch.open(f"{server.url}/attention?view=heads&prompt={encode_text(short)}", "head-grid")
    return watch


def _send(watch: Stopwatch, text: str) -> None:
    send_prompt(watch, text, _SHOWS_LONG, "head-grid")
