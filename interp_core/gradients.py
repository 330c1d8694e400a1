"""Gradients of a score with respect to activations: one forward and one backward pass."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.attached import attached
from interp_core.hooks import Edit, HookedModel, as_hooks


def score_gradients(
    model: HookedModel,
    tokens: Int[Tensor, "1 pos"],
    edits: Sequence[Edit],
    names: Sequence[str],
    score: Callable[[Float[Tensor, "pos d_vocab"]], Float[Tensor, ""]],
) -> dict[str, Tensor]:
    """The gradient of a score of the logits at every named activation; 0 where the score does not depend on it.

    The model's parameters take no gradient. Costs about three forward passes.
    """
    activations: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., Tensor]:
        def see(activation: Tensor, hook: object) -> Tensor:
            activations[name] = activation
            return activation  # queries and the like are shown reshaped: only what a hook returns lies on the path

        return see

    def begin(embedding: Tensor, hook: object) -> Tensor:
        return embedding.detach().requires_grad_(True)

    hooks = [("hook_embed", begin), *as_hooks(edits), *((name, keep(name)) for name in names)]
    with torch.enable_grad(), attached(model, hooks):
        value = score(model(tokens)[0])
        kept = [activations[name] for name in names]
        gradients = torch.autograd.grad(value, kept, allow_unused=True)
    return {
        name: torch.zeros_like(activation) if gradient is None else gradient
        for name, activation, gradient in zip(names, kept, gradients, strict=True)
    }
