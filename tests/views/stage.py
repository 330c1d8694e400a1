"""A page that mounts one picture as a host does, and keeps what the picture tells the host."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from interp_views.component import Component

_MOUNT = """
async ([source, css, markup, exports]) => {
  const text = source + `\\nexport { ${["postPart", ...exports].join(", ")} };`;
  const module = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const host = document.createElement("main");
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  document.body.append(host);
  host.append(document.createRange().createContextualFragment(markup));
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const sender = {};
  window.module = module;
  window.sent = [];
  window.show = (text) => void module.default({
    parentElement: host, data: bytes(text), setTriggerValue: (name, value) => window.sent.push([name, value]),
  });
  window.post = (text) => module.postPart(sender, bytes(text));
}
"""


@contextmanager
def stage(browser: Browser, name: str, payload: bytes, *parts: bytes, exports: tuple[str, ...] = ()) -> Iterator[Page]:
    """Show a picture, then each part, and fail on any script error.

    The page has `sent`, a list of [trigger, value], and `module`, with what the picture's script calls `exports`.
    """
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    component = Component.load(name)
    page.evaluate(_MOUNT, [component.js, component.css, component.html, list(exports)])
    show(page, payload)
    page.wait_for_selector("[data-painted]")
    for part in parts:
        post(page, part)
    yield page
    page.close()
    assert errors == []


def show(page: Page, payload: bytes) -> None:
    """Give the picture other data, as a host does that draws its page again."""
    page.evaluate("show", base64.b64encode(payload).decode())


def post(page: Page, part: bytes) -> None:
    """Give the picture a further message, and wait until it has read it."""
    page.evaluate("post", base64.b64encode(part).decode())


def sent(page: Page) -> list:
    return page.evaluate("sent")
