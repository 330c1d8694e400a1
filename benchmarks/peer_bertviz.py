"""Write one HTML file with bertviz. Run by its own environment: PATTERNS.npy TOKENS.json OUT.html head_view|model_view.

Its page fetches three scripts from the web; they are put into the file instead, defined under the names by which the
page asks for them. Of IPython it needs only the two classes that hold a page's text, so a stand-in gives those.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch


class _Text:
    def __init__(self, data: str) -> None:
        self.data = data


_display = ModuleType("IPython.display")
vars(_display).update(HTML=_Text, Javascript=_Text, display=print)
sys.modules["IPython"] = ModuleType("IPython")
sys.modules["IPython.display"] = _display

import bertviz  # noqa: E402  # pyright: ignore[reportMissingImports]  after the stand-in; the peer's environment

_FROM_WEB = '<script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"></script>'
_FILES = ("d3/dist/d3.min.js", "jquery/dist/jquery.min.js", "requirejs/require.js")


def _local_scripts() -> str:
    folder = Path(sys.prefix) / "node_modules"
    # d3 and jQuery come before require.js, so that they define globals and no modules without a name.
    scripts = [(folder / name).read_text(encoding="utf-8") for name in _FILES]
    scripts.append('define("d3", [], () => d3); define("jquery", [], () => jQuery);')
    return "".join(f"<script>{script}</script>" for script in scripts)


patterns, tokens, out, view = sys.argv[1:]
layers = [torch.from_numpy(layer)[None] for layer in np.load(patterns)]
show = getattr(bertviz, view)
made = show(layers, json.loads(Path(tokens).read_text(encoding="utf-8")), html_action="return").data
assert _FROM_WEB in made
with Path(out).open("w", encoding="utf-8") as file:
    file.write(f'<!doctype html><html><head><meta charset="utf-8">{_local_scripts()}</head><body>')
    file.write(made.replace(_FROM_WEB, "", 1))
    file.write("</body></html>")
