"""Hookscope in a notebook: one call from a model and a prompt to a picture.

import hookscope

model = hookscope.load()                      # the default model; or a name, or "folder:NAME"
hookscope.show_attention(model, "When Mary and John went", layer=18, head=6)

What looks at attention takes a saved run in the model's place, and no prompt: `hookscope.open_run(folder)`.
"""

from hookscope.attention import (
    head_scores,
    query_key,
    search_heads,
    show_attention,
    show_generated,
    show_heads,
    similar_heads,
)
from hookscope.models import load, open_run
from hookscope.prompts import show_prompt
from hookscope.values import show_top_k, show_values
from interp_core.generation import Sampling
from interp_core.prompts import Prompt

__all__ = [
    "Prompt",
    "Sampling",
    "head_scores",
    "load",
    "open_run",
    "query_key",
    "search_heads",
    "show_attention",
    "show_generated",
    "show_heads",
    "show_prompt",
    "show_top_k",
    "show_values",
    "similar_heads",
]
