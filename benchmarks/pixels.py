"""Seconds from opening a file to its picture on screen, measured alike for every tool.

Chromium's compositor reports each new frame with its time (a screencast), and a script in the page looks at the
document once a frame. The picture is on screen when its cells exist and neither the document nor the pixels of the
window have changed for half a second in which the page drew frames (a page that is busy is not done, although nothing
changes). The half second is not counted.
"""

import base64
import contextlib
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Error, Page, Playwright, TimeoutError, sync_playwright

from benchmarks import chromium
from benchmarks.memory import MemoryWatch, end_tree
from benchmarks.report import ROOT
from interp_core.settings import GIB

TIMEOUT_S = 180
_QUIET_S = 0.5
_ANSWER_S = 3
_START_S = 20
_WATCH = """(() => {
  const seen = window.benchmark = { cells: false, elements: 0, changed: 0, painted: null, restless: 0 };
  let before = 0;
  const look = () => {
    const now = performance.now() / 1000;
    if (now - before > 0.1) seen.restless = now;
    before = now;
    const elements = document.getElementsByTagName("*").length;
    if (elements !== seen.elements) Object.assign(seen, { elements, changed: now });
    if (!seen.cells && document.querySelector("CELLS")) Object.assign(seen, { cells: true, changed: now });
    if (seen.painted === null && document.querySelector("[data-painted]")) seen.painted = now;
    requestAnimationFrame(look);
  };
  look();
})()"""
_QUIET = f"""() => benchmark.cells
  && performance.now() / 1000 - Math.max(benchmark.changed, benchmark.restless) >= {_QUIET_S}"""


@dataclass(frozen=True)
class Opening:
    """Seconds since the navigation began, in one fresh browser."""

    pixels: float
    """Last change of the document or of the window's pixels."""
    painted: float | None
    """When our own picture says that it is painted; None for the others."""
    elements: int
    """Elements of the document then, without those in shadow trees."""
    memory: int
    """Peak bytes of all processes of the browser."""


class NoPictureError(Exception):
    """A file showed nothing; the text says how, in a few words."""


class _Frames:
    """Watches the window's pixels."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self._pixels = ""
        self.changed = 0.0
        """When a frame last differed from the one before, in seconds since 1970."""
        session.on("Page.screencastFrame", self._take)
        session.send("Page.startScreencast", {"format": "png"})

    def stop(self) -> None:
        self._session.send("Page.stopScreencast")
        self._session.remove_listener("Page.screencastFrame", self._take)

    def _take(self, frame: dict) -> None:
        pixels = hashlib.sha256(base64.b64decode(frame["data"])).hexdigest()
        if pixels != self._pixels:
            self._pixels, self.changed = pixels, frame["metadata"]["timestamp"]
        self._session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})


def open_file(path: Path, cells: str, screenshot: Path | None = None) -> Opening:
    """Open a file in a browser of its own and wait for its picture.

    Args:
        path: Of the HTML file.
        cells: Selector of what the picture is drawn with.
        screenshot: Where to keep what was on screen at the end.

    Raises:
        NoPictureError: There is none in time, or the browser breaks down.
    """
    # A page that is too much for the browser can leave its driver waiting for ever: a process apart can be ended.
    command = [sys.executable, "-m", "benchmarks.pixels", str(path.absolute()), cells]
    command += [str(screenshot.absolute())] if screenshot else []
    with MemoryWatch() as memory, subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            answer = process.communicate(timeout=TIMEOUT_S + _START_S)[0]
        except subprocess.TimeoutExpired:
            end_tree(process.pid)
            answer = json.dumps(f"no answer in {TIMEOUT_S} s")
    found = json.loads(answer) if answer else "the browser broke down"
    if isinstance(found, str):
        gib = f"{memory.peak / GIB:.1f} GiB of memory by then"
        raise NoPictureError(memory.words if memory.ended else f"{found}; {gib}")
    return Opening(**found, memory=memory.peak)


def _open_here(playwright: Playwright, path: Path, cells: str, screenshot: Path | None) -> dict[str, Any] | str:
    """What `Opening` is made of, or why there is no picture."""
    with chromium.launch(playwright) as browser:
        page = chromium.fresh_context(browser).new_page()
        page.add_init_script(_WATCH.replace("CELLS", cells))
        frames = _Frames(page.context.new_cdp_session(page))
        try:
            page.goto(path.as_uri(), wait_until="commit", timeout=TIMEOUT_S * 1000)
            opening = _wait(page, frames)
        except TimeoutError:
            return _why_not(page)
        except Error as error:
            return f"the page broke down ({error.message.splitlines()[0]})"
        frames.stop()
        if screenshot:
            # A page may take longer for this than for its picture, which counts all the same.
            with contextlib.suppress(Error):
                page.screenshot(path=screenshot)
        return opening


def _why_not(page: Page) -> str:
    try:
        page.wait_for_function("() => true", timeout=_ANSWER_S * 1000)
        elements, cells = page.evaluate("[document.getElementsByTagName('*').length, benchmark.cells]")
    except Error:
        return f"no answer in {TIMEOUT_S} s"
    if cells:
        return f"still changing after {TIMEOUT_S} s ({elements:,} elements)"
    return f"blank after {TIMEOUT_S} s ({elements:,} elements, none of a picture)"


def _wait(page: Page, frames: _Frames) -> dict[str, Any]:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        page.wait_for_function(_QUIET, timeout=max(1.0, (deadline - time.monotonic()) * 1000))
        origin, now, changed, painted, elements = page.evaluate(
            "[performance.timeOrigin / 1000, performance.now() / 1000, benchmark.changed, benchmark.painted, "
            "benchmark.elements]"
        )
        pixels = max(changed, frames.changed - origin)
        if frames.changed > origin and now - pixels >= _QUIET_S:
            return {"pixels": pixels, "painted": painted, "elements": elements}
        page.wait_for_timeout(50)


if __name__ == "__main__":
    file, selector, *shots = sys.argv[1:]
    with sync_playwright() as started:
        seen = _open_here(started, Path(file), selector, Path(shots[0]) if shots else None)
    print(json.dumps(seen))
