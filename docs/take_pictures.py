"""Take the README's screenshots from the running app: `python docs/take_pictures.py http://127.0.0.1:8501 [name ...]`."""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

LARGEST = 250_000
"""Bytes; the README's pictures stay under 300 kB each."""
FOLDER = Path(__file__).parent / "pictures"
INDUCTION = "prompt=The+small+brown+fox+crossed+the+frozen+river.+The+small+brown+fox+crossed+the+frozen"
FEATURE = 4032
PICTURES = {
    "home": ("", "light", "text=135 M parameters"),
    "prompt": ("prompt", "light", "[data-testid=prediction-0]"),
    "attention": (f"attention?layer=18&head=6&{INDUCTION}&pos=12", "light", "[data-testid=head-thumb-8]"),
    "heads": (f"attention?view=heads&layer=18&head=6&{INDUCTION}", "dark", "[data-testid=head-grid-canvas]"),
    "generated": ("attention?view=generated&layer=18&head=6&observer=24", "light", "[data-testid=observed-token-20]"),
    "scores": ("attention?view=scores&on=repeated&layer=18&head=6", "light", "[data-testid=head-map]"),
    "similar": (f"attention?view=similar&layer=18&head=6&{INDUCTION}", "light", ".js-plotly-plot"),
    "query_key": (f"attention?view=query_key&layer=18&head=6&{INDUCTION}", "light", "[data-testid=query-key-list]"),
    "lens": ("lens?row=29&pos=14", "light", "[data-testid=position-map]"),
    "attribution": ("lens?view=attribution", "light", ".js-plotly-plot .barlayer"),
    "head_writes": ("lens?view=heads&layer=29&head=1", "dark", "[data-testid=position-map]"),
    "ablate": ("ablate?do=zero+z+L23+H3&layer=23&head=3", "light", "text=300 of 300 parts ablated"),
    "patching": ("patching?layer=17&pos=10", "light", "text=450 of 450 cells are exact"),
    "paths": ("patching?view=paths&layer=23&head=3", "light", "text=300 of 300 cells are exact"),
    "pairs": ("patching?over=set&site=z&layer=23&head=3", "dark", "text=40 of 40 pairs swept"),
    "features": ("features", "light", "[data-testid=stDataFrame]"),
    "feature_map": ("features?view=map", "dark", ".js-plotly-plot"),
    "feature": (f"feature?feature={FEATURE}&losses=top", "light", ".hs-feature-dashboard"),
    "prompt_features": ("prompt_features?pos=12", "light", ".hs-feature-dashboard"),
    "prompt_tokens": ("prompt_features?picture=tokens&count=20", "dark", "[data-testid=position-map]"),
    "saes": ("saes", "light", "text=Cross-entropy recovered"),
    "interventions": ("prompt?do=zero+mlp_out+L11|off+zero+z+L23+H3", "light", "[data-testid=prediction-0]"),
    "saved": ("saved", "light", "text=Take along"),
    "architecture": ("architecture?do=zero+z+L0+H3|zero+mlp_out+L11", "light", "[data-testid=architecture] svg"),
    "model": ("model", "dark", "text=positions"),
    "settings": ("settings", "light", "text=135 M parameters"),
}
"""Name to path, theme and what must be on screen before the picture is taken."""


def main(address: str, *names: str) -> None:
    """Save every picture, or those that are named, as a PNG of the page's whole height, 1440 pixels wide."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, (path, theme, wanted) in PICTURES.items():
            if names and name not in names:
                continue
            page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=theme)  # pyright: ignore
            page.goto(f"{address}/{path}")
            page.locator(wanted).first.wait_for(timeout=300_000)
            page.wait_for_timeout(1500)
            height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
            page.set_viewport_size({"width": 1440, "height": min(int(height), 1700)})
            page.wait_for_timeout(800)
            page.screenshot(path=FOLDER / f"{name}.png")
            _shrink(FOLDER / f"{name}.png")
            page.close()
        browser.close()


def _shrink(path: Path) -> None:
    """Few colours will do for a picture that would be too large."""
    if path.stat().st_size > LARGEST:
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(256)
        few.save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
