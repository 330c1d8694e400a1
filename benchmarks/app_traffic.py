"""What crosses the wire when the real component appears in a Streamlit page, and how long that takes.

A page lies idle; a button is clicked; the script runs and mounts the picture. Counted from the click on: every WebSocket
frame that the server sends, as payload bytes (Streamlit does not compress them); those of them that name the component,
which carry its data, script and styles; and apart from these, what the browser fetches over HTTP, which is Streamlit's
own code for components and stays in the browser's cache.
"""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, WebSocket

from benchmarks import chromium
from benchmarks.server import Server

_SCRIPT = Path(__file__).parent / "mounted_page.py"
_COMPONENT = b"hookscope_attention"
_TIMEOUT_MS = 60_000
_IDLE_MS = 1500
# The click's own time stamp and the page's clock are the same.
_WATCH = """window.addEventListener("click", (event) => { window.clicked = event.timeStamp / 1000; }, true)"""
_PAINTED_S = """() => [...document.querySelectorAll("*")].some((host) =>
  host.shadowRoot?.querySelector(".hs-attention[data-painted]")) ? performance.now() / 1000 - window.clicked : null"""


@dataclass(frozen=True)
class Mounting:
    """One appearance of the component."""

    component_bytes: int
    """WebSocket frames that carry the component: data, script, styles, markup, and Streamlit's envelope."""
    websocket_bytes: int
    """All WebSocket frames from the server since the click."""
    http_bytes: int
    """Bodies of HTTP responses since the click, as sent."""
    painted: float
    """Seconds from the click until the picture says that it is painted."""


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
        if request.url.startswith("http"):  # the component's own script is a blob: address
            self.http_bytes += request.sizes()["responseBodySize"]


def mount(browser: Browser, payload: Path) -> Mounting:
    """Start a server, show the picture of a payload once, end the server."""
    with Server(_SCRIPT, str(payload)) as server, chromium.fresh_context(browser) as context:
        page = context.new_page()
        page.add_init_script(_WATCH)
        traffic = _Traffic(page)
        page.goto(server.url, timeout=_TIMEOUT_MS)
        button = page.get_by_role("button", name="show")
        button.wait_for(timeout=_TIMEOUT_MS)
        page.wait_for_timeout(_IDLE_MS)
        traffic.forget()
        button.click()
        painted = page.wait_for_function(_PAINTED_S, timeout=_TIMEOUT_MS).json_value()
        page.wait_for_timeout(_IDLE_MS)
        sizes = [len(frame) for frame in traffic.frames]
        of_component = [len(frame) for frame in traffic.frames if _COMPONENT in frame]
        assert of_component, "no WebSocket frame carried the component"
        return Mounting(sum(of_component), sum(sizes), traffic.http_bytes, painted)
