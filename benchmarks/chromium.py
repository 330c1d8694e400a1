"""Chromium of the system, or the one that Playwright installs; no GPU, so that machines can be compared."""

import shutil
import sys

from playwright.sync_api import Browser, BrowserContext, Error, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch(playwright: Playwright) -> Browser:
    """Start a browser; where there is none, say how to get one and exit."""
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    try:
        return playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
    except Error:
        sys.exit(
            "No Chromium found: install the package `chromium` of your system, or run `playwright install chromium`."
        )


def fresh_context(browser: Browser) -> BrowserContext:
    """A context with nothing cached.

    Our standalone pages forbid every script but their own, and what Playwright asks a page is a script; nothing else
    here depends on that policy, so it is lifted.
    """
    return browser.new_context(viewport={"width": 1440, "height": 1000}, bypass_csp=True)
