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
    stopwatch.stop?.();
    stopwatch.pending = new Promise((resolve) => {
      const look = () => {
        if (began === null || !root.dataset.painted) return;
        stopwatch.last = performance.now() - began;
        if (over || !holds(root)) return;
        over = true;
        requestAnimationFrame(() => resolve(performance.now() - began));
      };
      const observer = new MutationObserver(look);
      let stopped = false;
      stopwatch.stop = () => { stopped = true; observer.disconnect(); };
      // Pictures may be mounted anew: watch the one that is there.
      const follow = () => {
        if (stopped) return;
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
    stopwatch.pending, new Promise((_, fail) => setTimeout(() => fail(new Error("the picture did not answer")), limit)),
  ]);
  window.stopwatch = { find, arm, answer };
})()"""
# Asked once a frame.
_IDLE_FOR = """(rest) => {
  const isIdle = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning";
  stopwatch.idleSince = isIdle ? stopwatch.idleSince ?? performance.now() : null;
  return isIdle && performance.now() - stopwatch.idleSince >= rest;
}"""


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

    def last(self) -> float:
        """Milliseconds to the start of the last painting so far."""
        return self.page.evaluate("stopwatch.last")

    def settle(self, rest_ms: float = 400) -> None:
        """Wait until Streamlit has been idle for so long: what a page draws next would be in the way."""
        self.page.wait_for_timeout(rest_ms / 2)
        self.page.evaluate("stopwatch.idleSince = null")
        self.page.wait_for_function(_IDLE_FOR, arg=rest_ms, timeout=TIMEOUT_MS)

    def open(self, url: str, picture: str) -> None:
        """Go to a page of the app and wait for its picture."""
        self.page.goto(url, wait_until="commit")
        self.page.wait_for_function(f"() => stopwatch.find('.hs-{picture}[data-painted]')")
        self.settle()


def text_changes(inside: str) -> str:
    """A test for `arm`: what the elements of that selector say is no longer what it is now."""
    return f"""(() => {{
      const text = (root) => [...root.querySelectorAll({inside!r})].slice(0, 12).map((node) => node.textContent).join("|");
      const before = text(stopwatch.find(".hs:has({inside})"));
      return (root) => text(root) !== before;
    }})()"""


def title_has(name: str) -> str:
    """A test for `arm`: the title that stands above the large pattern, which is written when that is painted."""
    return f"""(root) => root.querySelector(".hs-title").textContent.endsWith({name!r})"""


def layer_in_title(layer: int) -> str:
    """The same for a layer, whether all of its heads or one is shown."""
    return f"""(root) => /(layer |^L){layer}(H\\d+)?$/.test(root.querySelector(".hs-title").textContent)"""


def head_held(head: int) -> str:
    """A test for `arm`: that head is marked as held."""
    return (
        f"""(root) => root.querySelector("[data-testid=head-thumb-{head}]").getAttribute("aria-pressed") === "true" """
    )
