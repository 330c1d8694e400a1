"""A picture as a component: its markup, styles and script, read from the files in this folder.

The three texts go to `st.components.v2.component` as they are. Streamlit loads inline scripts from
a `blob:` address, where a relative import leads nowhere, so the shared scripts are joined with the
picture's own into one module. The same texts make a standalone page and a notebook cell.
"""

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from pathlib import Path

from interp_views import theme as palette
from interp_views.theme import Theme

_FOLDER = Path(__file__).parent
_SHARED_SCRIPTS = ("wire", "colour", "dom", "mount", "token_text")
_PARTS = {
    "attention": ("attention_pattern", "attention_grid", "attention"),
    "prompt_view": ("loss_chart", "prediction_panel", "prompt_view"),
    "token_strip": ("token_strip",),
}
_NOTEBOOK_HEIGHT = {"attention": 860, "prompt_view": 560, "token_strip": 130}
_START = """
const text = document.getElementById("payload").textContent;
render({
  data: Uint8Array.from(atob(text), (character) => character.charCodeAt(0)),
  parentElement: document.body,
  setTriggerValue() {},
  setStateValue() {},
});
"""


@dataclass(frozen=True)
class Component:
    """One interactive picture: what a host needs to mount it."""

    name: str
    html: str
    css: str
    js: str
    """One module whose default export, `render`, takes what Streamlit gives a component."""

    @classmethod
    def load(cls, name: str) -> "Component":
        """Read the files of one picture.

        Raises:
            ValueError: There is no picture of that name.
        """
        if name not in _PARTS:
            raise ValueError(f"There is no picture {name!r}: choose one of {', '.join(_PARTS)}.")
        scripts = [_read(f"{part}.js") for part in (*_SHARED_SCRIPTS, *_PARTS[name])]
        return cls(
            name=name,
            # The line break tells Streamlit that this is markup and not a path.
            html=f'<div class="hs hs-{name.replace("_", "-")}"\n></div>',
            css=palette.picture_css() + _read("base.css") + _read(f"{name}.css"),
            js="\n".join(scripts),
        )

    def standalone(self, payload: bytes, title: str, theme: Theme = "auto") -> str:
        """Return one HTML page with the data inside that may not and need not use the network."""
        style = f"{palette.host_css(theme)}{_read('standalone.css')}{self.css}"
        script = self.js + _START
        # Hashes let this one script and this one style through, and nothing that data could add.
        policy = (
            f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
            "base-uri 'none'; form-action 'none'"
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
            f"<h1>{escape(title)}</h1>\n{self.html}\n"
            f'<script type="text/plain" id="payload">{base64.b64encode(payload).decode()}</script>\n'
            f'<script type="module">{script}</script>\n</body>\n</html>\n'
        )

    def notebook(self, payload: bytes, title: str = "", theme: Theme = "auto") -> "NotebookPicture":
        """Return an object that a notebook shows as this picture, in a frame of its own."""
        page = self.standalone(payload, title, theme)
        return NotebookPicture(page, title or self.name, _NOTEBOOK_HEIGHT[self.name])


@dataclass(frozen=True)
class NotebookPicture:
    """A standalone page as the value of a notebook cell."""

    page: str
    title: str
    height: int
    """Height of the frame in CSS pixels; what does not fit scrolls."""

    def _repr_html_(self) -> str:
        # The sandbox gives each frame an origin of its own, so pictures cannot reach one another.
        return (
            f'<iframe sandbox="allow-scripts" title="{escape(self.title)}" '
            f'style="width: 100%; height: {self.height}px; border: 0" '
            f'srcdoc="{escape(self.page)}"></iframe>'
        )


def _read(filename: str) -> str:
    return (_FOLDER / filename).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
