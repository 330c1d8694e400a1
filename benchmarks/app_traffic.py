"""What the running app sends for its attention views, and how long until they are painted.

The app shows the default model, all 30 layers x 9 heads of it, with the run in its cache. A page lies idle; a view or a
head is chosen. Counted from then on: every WebSocket frame that the server sends, as payload bytes (Streamlit does not
compress them); those of them that carry the picture, which hold its data, script and styles; and apart from these, what
the browser fetches over HTTP, which is Streamlit's own code and stays in the browser's cache.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, Request, WebSocket

from benchmarks import chromium
from benchmarks.report import ROOT
from benchmarks.server import Server
from benchmarks.stopwatch import Stopwatch, title_has
from benchmarks.texts import texts
from pages.ui.text_code import encode_text

_PICTURES = (b"hookscope_attention", b"hookscope_head_grid", b"hookscope_part")
LAYER = 18
WHAT = {"heads": "all 270 heads, small", "layer": "one layer, 9 heads", "head": "a head held: exact values"}


@dataclass(frozen=True)
class Sending:
    """What one choice made the server send."""

    picture_bytes: int
    """WebSocket frames that carry the picture or a part of it."""
    websocket_bytes: int
    """All WebSocket frames from the server."""
    http_bytes: int
    """Bodies of HTTP responses, as sent."""
    painted: float
    """Seconds from the click until the picture shows it."""


class _Traffic:
    """What a page receives."""

    def __init__(self, page: Page) -> None:
        self.frames: list[bytes] = []
        self.http_bytes = 0
        page.on("websocket", self._listen)
        page.on("requestfinished", self._count)

    def forget(self) -> None:
        self.frames.clear()
        self.http_bytes = 0

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: self.frames.append(data if isinstance(data, bytes) else data.encode()))

    def _count(self, request: Request) -> None:
        if request.url.startswith("http"):  # a component's own script is a blob: address
            self.http_bytes += request.sizes()["responseBodySize"]


def measure(browser: Browser, lengths: tuple[int, ...], runs: int) -> dict[int, dict[str, list[Sending]]]:
    """For each length, `runs` times in a fresh context: what each choice sends."""
    found: dict[int, dict[str, list[Sending]]] = {n_pos: {what: [] for what in WHAT} for n_pos in lengths}
    with Server(ROOT / "app.py") as server:
        for n_pos in lengths:
            url = f"{server.url}/attention?layer={LAYER}&prompt={encode_text(texts(n_pos, 1)[0])}"
            for run in range(runs + 1):
                for what, sending in (_to_heads(browser, url) | _to_layer(browser, url)).items():
                    found[n_pos][what] += [sending] if run else []  # the first fills the server's cache
    return found


def _to_heads(browser: Browser, url: str) -> dict[str, Sending]:
    with chromium.fresh_context(browser) as context:
        page = context.new_page()
        watch, traffic = Stopwatch(page), _Traffic(page)
        watch.open(url, "attention")
        choose = page.get_by_role("radio", name="All heads").click
        return {"heads": _choose(watch, traffic, "pointerdown", "head-grid", "() => true", choose)}


# A context of its own: what Streamlit has sent once to a session it does not send again.
def _to_layer(browser: Browser, url: str) -> dict[str, Sending]:
    with chromium.fresh_context(browser) as context:
        page = context.new_page()
        watch, traffic = Stopwatch(page), _Traffic(page)
        watch.open(f"{url}&view=heads", "head-grid")
        choose = page.get_by_role("radio", name="One layer").click
        layer = _choose(watch, traffic, "pointerdown", "attention", "() => true", choose)
        held = _choose(
            watch, traffic, "keydown", "attention", title_has(f"L{LAYER}H0"), lambda: page.keyboard.press("n")
        )
        return {"layer": layer, "head": held}


def _choose(
    watch: Stopwatch, traffic: _Traffic, event: str, picture: str, shows: str, act: Callable[[], object]
) -> Sending:
    traffic.forget()
    watch.arm(event, picture, shows)
    act()
    painted = watch.answer() / 1000
    watch.settle()
    of_picture = [len(frame) for frame in traffic.frames if any(name in frame for name in _PICTURES)]
    assert of_picture, "no WebSocket frame carried the picture"
    return Sending(sum(of_picture), sum(map(len, traffic.frames)), traffic.http_bytes, painted)
