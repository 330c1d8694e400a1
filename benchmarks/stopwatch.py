"""Times answers of the app's pictures inside the page: from an event's own time stamp to the frame that shows it.

A picture counts its paintings in `data-painted`. The clock stops at the start of the animation frame after the one in
which the picture was painted and showed what was waited for: that painted frame has been handed over for display.
"""

from typing import Self

from playwright.sync_api import Page

TIMEOUT_MS = 120_000
_SCRIPT = """(() => {
  const find = (selector) => {
    for (const host of document.querySelectorAll("*")) {
      const found = host.shadowRoot?.querySelector(selector);
      if (found) return found;
    }
    return null;
  };
  const arm = (type, selector, holds) => {
    let began = null, root = null, over = false;
    window.addEventListener(type, (event) => { began ??= event.timeStamp; }, { capture: true, once: true });
    stopwatch.answer = new Promise((resolve) => {
      const look = () => {
        if (over || began === null || !root.dataset.painted || !holds(root)) return;
        over = true;
        observer.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - began));
      };
      const observer = new MutationObserver(look);
      // Pictures may be mounted anew: watch the one that is there.
      const follow = () => {
        if (over) return;
        if (!root?.isConnected && (root = find(selector))) {
          observer.observe(root, { attributeFilter: ["data-painted"] });
          look();
        }
        requestAnimationFrame(follow);
      };
      follow();
    });
  };
  const answer = (limit) => Promise.race([
    stopwatch.answer, new Promise((_, fail) => setTimeout(() => fail(new Error("the picture did not answer")), limit)),
  ]);
  window.stopwatch = { find, arm, answer };
})()"""
_SETTLED = """() => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning" """
_REST_MS = 400


class Stopwatch:
    """Measures one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(TIMEOUT_MS)
        page.add_init_script(_SCRIPT)

    def arm(self, event: str, picture: str, shows: str = "() => true") -> Self:
        """Start at the next `event`; stop when the picture of that CSS class is painted and `shows(root)` holds."""
        self.page.evaluate(f"stopwatch.arm({event!r}, '.hs-{picture}', {shows})")
        return self

    def answer(self) -> float:
        """Milliseconds that it took."""
        return self.page.evaluate(f"stopwatch.answer({TIMEOUT_MS})")

    def settle(self) -> None:
        """Wait until Streamlit is idle, and a little longer: what a page draws next would be in the way."""
        self.page.wait_for_timeout(_REST_MS / 2)
        self.page.wait_for_function(_SETTLED, timeout=TIMEOUT_MS)
        self.page.wait_for_timeout(_REST_MS)

    def open(self, url: str, picture: str) -> None:
        """Go to a page of the app and wait for its picture."""
        self.page.goto(url, wait_until="commit")
        self.page.wait_for_function(f"() => stopwatch.find('.hs-{picture}[data-painted]')")
        self.settle()


def title_has(name: str) -> str:
    """A test for `arm`: the title that stands above the large pattern, which is written when that is painted."""
    return f"""(root) => root.querySelector(".hs-title").textContent.endsWith({name!r})"""
