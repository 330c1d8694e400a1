"""Hookscope in a notebook: one call from a model and a prompt to a picture.

import hookscope

model = hookscope.load()                      # the default model; or a name, or "folder:NAME"
hookscope.show_attention(model, hookscope.Prompt("When Mary and John went"), layer=18, head=6)
"""

import numpy as np

from interp_core.attention import attention_patterns
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.predictions import predict
from interp_core.prompts import Prompt
from interp_core.types import Dtype, ModelSpec, Processing, Run
from interp_views.attention import AttentionView, attention_payload
from interp_views.component import Component, NotebookPicture
from interp_views.prompt_view import PromptView, prompt_payload

__all__ = ["Prompt", "load", "show_attention", "show_prompt"]


def load(
    name: str = "", *, dtype: Dtype = "float32", processing: Processing = "compatibility", device: str = "auto"
) -> LoadedModel:
    """Load a model by the name that the dashboard's URLs use; empty for the default.

    Raises:
        InterpError: It cannot be had; the text says why and what to do.
    """
    spec = ModelSpec.parse(name).held_as(dtype, processing, device)
    return load_model(spec, find_folder(spec))


def show_prompt(model: LoadedModel, prompt: Prompt | str) -> NotebookPicture:
    """Loss and predictions at every position of a prompt. Costs one forward pass."""
    tokens = model.tokenizer.tokenise(Prompt(prompt) if isinstance(prompt, str) else prompt)
    found = predict(model, Run(model.spec, tokens.ids))
    view = PromptView(
        tokens=tokens.str_tokens,
        ids=np.asarray(tokens.ids, np.int64),
        special=tokens.special,
        loss=found.loss,
        probability=found.probability,
        rank=found.rank,
        top_ids=found.top_ids,
        top_tokens=found.top_tokens,
        top_probability=found.top_probability,
        pos=None,
    )
    return Component.load("prompt_view").notebook(prompt_payload(view), f"Prompt, {model.card.name}")


def show_attention(model: LoadedModel, prompt: Prompt | str, *, layer: int, head: int = 0) -> NotebookPicture:
    """Every head of one layer, one of them large. Costs one forward pass up to that layer."""
    tokens = model.tokenizer.tokenise(Prompt(prompt) if isinstance(prompt, str) else prompt)
    patterns = attention_patterns(model, Run(model.spec, tokens.ids), range(layer, layer + 1)).layer(layer)
    view = AttentionView(
        tokens=tokens.str_tokens,
        layer=layer,
        patterns=patterns,
        head=head,
        head_locked=True,
        pos=None,
        direction="from",
        special=tokens.special,
    )
    return Component.load("attention").notebook(attention_payload(view), f"Attention, layer {layer}, {model.card.name}")
