"""Write one HTML file with inspectus. Run by its own environment: PATTERNS.npy TOKENS.json OUT.html VIEW.

It shows its picture with `IPython.display` only, so a stand-in for that module takes what a notebook would be given:
its script and styles, then the data. The file is these pieces and nothing else.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

_shown: list[str] = []
_display = ModuleType("IPython.display")
vars(_display).update(HTML=str, display=_shown.append)
sys.modules["IPython"] = ModuleType("IPython")
sys.modules["IPython.display"] = _display

import inspectus  # noqa: E402  # pyright: ignore[reportMissingImports]  after the stand-in; the peer's environment

patterns, tokens, out = sys.argv[1:4]
inspectus.attention(np.load(patterns), json.loads(Path(tokens).read_text(encoding="utf-8")), theme="light")
page = f'<!doctype html><html><head><meta charset="utf-8"></head><body>{"".join(_shown)}</body></html>'
Path(out).write_text(page, encoding="utf-8")
