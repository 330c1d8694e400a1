"""A picture as a component: its markup, styles and script, read from the files in this folder.

The three texts go to `st.components.v2.component` as they are. Streamlit loads inline scripts from
a `blob:` address, where a relative import leads nowhere, so the shared scripts are joined with the
picture's own into one module. The same texts make a standalone page and a notebook cell.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from interp_views import theme as palette
from interp_views.theme import Theme

_FOLDER = Path(__file__).parent
_SHARED_SCRIPTS = ("wire", "mailbox", "colour", "dom", "mount", "token_text")
_LARGE_HEAD = (
    "attention_pattern", "attention_cells", "attention_hues", "attention_window", "attention_layout", "attention_marks",
    "attention_scale", "attention_gestures", "attention_grid", "attention_export", "attention_svg", "attention_legend",
    "attention_words",
)  # fmt: skip
_PARTS = {
    "attention": (
        *_LARGE_HEAD,
        "attention_tokens",
        "attention_thumbs",
        "attention_layers",
        "attention_steps",
        "attention_choice",
        "attention_look",
        "attention",
    ),
    "head_grid": (*_LARGE_HEAD, "head_grid_board", "head_grid_large", "head_grid"),
    "prompt_view": ("loss_chart", "prediction_panel", "prompt_view"),
    "token_strip": ("token_strip",),
    "generated": ("range_scale", "generated_rows", "generated_pane", "generated"),
    "head_map": ("range_scale", "cell_keys", "cell_hatching", "head_map_cells", "head_map"),
    "query_key": ("range_scale", "query_key_products", "query_key_list", "query_key_bars", "query_key"),
    "signed_text": ("range_scale", "signed_text"),
    "top_k_table": ("range_scale", "cell_keys", "top_k_table"),
    "pattern_sketch": ("cell_keys", "sketch_grid", "pattern_sketch"),
    "position_map": (
        "range_scale",
        "cell_keys",
        "cell_hatching",
        "position_map_labels",
        "position_map_cells",
        "position_map",
    ),
    "feature_dashboard": (
        "range_scale",
        "cell_keys",
        "feature_dashboard_data",
        "feature_dashboard_bars",
        "feature_dashboard_lists",
        "feature_dashboard_examples",
        "feature_dashboard_card",
        "feature_dashboard_column",
        "feature_dashboard",
    ),
    "architecture": (
        "architecture_layout",
        "architecture_shapes",
        "architecture_marks",
        "architecture_diagram",
        "architecture_flow",
        "architecture_panel",
        "architecture_captions",
        "architecture_gestures",
        "architecture",
    ),
    "feature_dashboard_index": ("range_scale", "feature_dashboard_data", "feature_dashboard_index"),
}
_NOTEBOOK_HEIGHT = {
    "attention": 960,
    "head_grid": 960,
    "prompt_view": 560,
    "token_strip": 130,
    "generated": 720,
    "head_map": 760,
    "query_key": 860,
    "signed_text": 320,
    "top_k_table": 480,
    "pattern_sketch": 760,
    "position_map": 860,
    "feature_dashboard": 900,
    "feature_dashboard_index": 720,
    "architecture": 980,
}
_START = """
function bytesIn(node) {
  const text = atob(node.textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
render({
  data: bytesIn(document.getElementById("payload")),
  parentElement: document.body,
  setTriggerValue() {},
  setStateValue() {},
});
for (const node of document.querySelectorAll("script.part")) postPart({}, bytesIn(node));
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
        parts = _PARTS[name]
        scripts = [_read(f"{part}.js") for part in (*_SHARED_SCRIPTS, *parts)]
        # A part that several pictures are made of may bring styles of its own.
        styles = [_read(f"{part}.css") for part in parts if (_FOLDER / f"{part}.css").exists()]
        return cls(
            name=name,
            # The line break tells Streamlit that this is markup and not a path.
            html=f'<div class="hs hs-{name.replace("_", "-")}"\n></div>',
            css=palette.picture_css() + _read("base.css") + "".join(styles),
            js="\n".join(scripts),
        )

    def standalone(self, payload: bytes, title: str, theme: Theme = "auto", parts: Sequence[bytes] = ()) -> str:
        """Return one HTML page that may not and need not use the network: `payload` and further `parts` are inside."""
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
            f"{''.join(map(_embedded, parts))}"
            f'<script type="module">{script}</script>\n</body>\n</html>\n'
        )

    def notebook(
        self, payload: bytes, title: str = "", theme: Theme = "auto", parts: Sequence[bytes] = ()
    ) -> "NotebookPicture":
        """Return an object that a notebook shows as this picture, in a frame of its own."""
        page = self.standalone(payload, title, theme, parts)
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
            f'<iframe sandbox="allow-scripts allow-downloads" title="{escape(self.title)}" '
            f'style="width: 100%; height: {self.height}px; border: 0" '
            f'srcdoc="{escape(self.page)}"></iframe>'
        )


def part_script() -> str:
    """Return the module of the component that carries a further message to a mounted picture: see `mailbox.js`."""
    return "\n".join(map(_read, ("wire.js", "mailbox.js", "part.js")))


def _embedded(part: bytes) -> str:
    return f'<script type="text/plain" class="part">{base64.b64encode(part).decode()}</script>\n'


def _read(filename: str) -> str:
    return (_FOLDER / filename).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
