"""The prompt picture in a notebook."""

import numpy as np

from hookscope.models import Asked, run_of, tokenised
from interp_core.models import LoadedModel
from interp_core.predictions import predict
from interp_views.component import Component, NotebookPicture
from interp_views.prompt_view import PromptView, prompt_payload


def show_prompt(model: LoadedModel, prompt: Asked) -> NotebookPicture:
    """Loss and predictions at every position of a prompt. Costs one forward pass."""
    tokens = tokenised(model, prompt)
    found = predict(model, run_of(model, prompt))
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
