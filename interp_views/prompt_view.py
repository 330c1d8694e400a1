"""The prompt as the model reads it: what each token cost it, and what it expected to come next.

The picture's script is `prompt_view.js`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interp_views.tokens import check_pos, token_header, visible
from interp_views.wire import pack


@dataclass(frozen=True)
class PromptView:
    """What the prompt picture shows. At position 0 nothing predicts the token."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    ids: Int[np.ndarray, " pos"]
    """Token ids."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    loss: Float[np.ndarray, " pos"]
    """Loss of the token at each position given those before it, nats; 0 best; NaN at position 0."""
    probability: Float[np.ndarray, " pos"]
    """Probability of that token, 0 to 1; NaN at position 0."""
    rank: Int[np.ndarray, " pos"]
    """How many tokens were thought likelier; 0 is the model's first choice; -1 at position 0."""
    top_ids: Int[np.ndarray, "pos k"]
    """The model's likeliest next tokens after each position, likeliest first."""
    top_tokens: dict[int, str]
    """The text of every id in `top_ids`."""
    top_probability: Float[np.ndarray, "pos k"]
    """Their probabilities, 0 to 1."""
    pos: int | None
    """The locked token, if any."""


def prompt_payload(view: PromptView) -> bytes:
    """Check a view and pack it for `prompt_view.js`.

    Raises:
        ValueError: Arrays that do not fit the tokens, a position that does not exist, a predicted
            id without a text, or values that are missing or out of range after position 0.
    """
    header = token_header(view.tokens, view.special)
    _check(view)
    texts = {str(int(token)): visible(view.top_tokens[int(token)]) for token in np.unique(view.top_ids)}
    header |= {"texts": texts, "k": view.top_ids.shape[1], "pos": view.pos}
    arrays = {
        "ids": view.ids.astype(np.int32),
        "loss": view.loss.astype(np.float32),
        "probability": view.probability.astype(np.float32),
        "rank": view.rank.astype(np.int32),
        "top_ids": view.top_ids.astype(np.int32),
        "top_probability": view.top_probability.astype(np.float32),
    }
    return pack(header, arrays)


def _check(view: PromptView) -> None:
    n_pos = len(view.tokens)
    for name in ("ids", "loss", "probability", "rank", "top_ids", "top_probability"):
        if getattr(view, name).shape[:1] != (n_pos,):
            shape = getattr(view, name).shape
            raise ValueError(f"{name} has shape {shape} but there are {n_pos} tokens.")
    if view.top_ids.ndim != 2 or view.top_ids.shape != view.top_probability.shape:
        raise ValueError(
            f"top_ids has shape {view.top_ids.shape} and top_probability "
            f"{view.top_probability.shape}: give both as (positions, k)."
        )
    check_pos(view.pos, n_pos)
    _check_range("loss", view.loss[1:], np.inf)
    _check_range("probability", view.probability[1:], 1.0)
    _check_range("top_probability", view.top_probability, 1.0)
    unnamed = {int(token) for token in np.unique(view.top_ids)} - view.top_tokens.keys()
    if unnamed:
        raise ValueError(f"top_tokens has no text for the predicted token id {min(unnamed)}.")


def _check_range(name: str, values: Float[np.ndarray, "..."], high: float) -> None:
    # A little below 0 and above 1 is rounding. Written so that NaN fails too.
    fits = np.isfinite(values) & (values >= -1e-4) & (values <= high + 1e-4)
    if not fits.all():
        worst = float(values[~fits].flat[0])
        raise ValueError(
            f"{name} holds {worst:.4g}: give finite values of at least 0"
            + (f" and at most {high:g}." if np.isfinite(high) else ".")
        )
