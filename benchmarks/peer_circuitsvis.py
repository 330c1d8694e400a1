"""Write one HTML file with circuitsvis. Run by its own environment: PATTERNS.npy TOKENS.json OUT.html."""

import json
import sys
from pathlib import Path

import numpy as np
from circuitsvis.attention import attention_patterns  # pyright: ignore[reportMissingImports]  the peer's environment

patterns, tokens, out = sys.argv[1:]
rendered = attention_patterns(tokens=json.loads(Path(tokens).read_text(encoding="utf-8")), attention=np.load(patterns))
# `local_src` is what it shows when google.com cannot be reached; the other form loads its script from unpkg.com.
page = f'<!doctype html><html><head><meta charset="utf-8"></head><body>{rendered.local_src}</body></html>'
Path(out).write_text(page, encoding="utf-8")
