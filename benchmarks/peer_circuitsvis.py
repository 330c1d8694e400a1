"""Write one HTML file with circuitsvis. Run by its own environment: PATTERNS.npy TOKENS.json OUT.html VIEW."""

import json
import sys
from pathlib import Path

import numpy as np
from circuitsvis.attention import attention_heads  # pyright: ignore[reportMissingImports]  the peer's environment

patterns, tokens, out = sys.argv[1:4]
attention = np.load(patterns)
n_layers, n_heads, n_pos, _ = attention.shape
rendered = attention_heads(
    attention=attention.reshape(-1, n_pos, n_pos),
    tokens=json.loads(Path(tokens).read_text(encoding="utf-8")),
    attention_head_names=[f"L{layer}H{head}" for layer in range(n_layers) for head in range(n_heads)],
    mask_upper_tri=True,
)
# `local_src` is what it shows when google.com cannot be reached; the other form loads its script from unpkg.com.
page = f'<!doctype html><html><head><meta charset="utf-8"></head><body>{rendered.local_src}</body></html>'
Path(out).write_text(page, encoding="utf-8")
