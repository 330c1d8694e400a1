"""The lens page's calls in a notebook: logit lens, residual stream, direct logit attribution, what heads write."""

import numpy as np

from hookscope.models import Asked, run_of, tokenised
from interp_core.answers import single_token
from interp_core.errors import MetricError
from interp_core.head_writes import HeadWrites, read_head_writes
from interp_core.jobs import finish
from interp_core.logit_attribution import LogitAttribution, attribute_logit
from interp_core.logit_lens import LogitLens, read_logit_lens
from interp_core.models import LoadedModel
from interp_core.readout import LensNorm
from interp_core.residual_stream import ResidualStream, read_residual_stream
from interp_views.component import Component, NotebookPicture
from interp_views.head_map import HeadMapView, head_map_payload
from interp_views.position_map import CellWords, PositionMapView, position_map_payload


def logit_lens(
    model: LoadedModel, prompt: Asked, *, norm: LensNorm = "recomputed", token: str | int | None = None
) -> LogitLens:
    """What every layer's stream says when it is read out there; a token, by text or id, also gets rank and probability.

    Costs a forward pass, and an unembedding of every position for every layer.
    """
    chosen = None if token is None else _id(model, token, "token")
    return finish(read_logit_lens(model, run_of(model, prompt), norm=norm, token=chosen))


def show_logit_lens(model: LoadedModel, prompt: Asked, *, norm: LensNorm = "recomputed") -> NotebookPicture:
    """The likeliest token of every layer and position."""
    tokens, found = tokenised(model, prompt), logit_lens(model, prompt, norm=norm)
    rows = (*map(str, range(model.card.n_layers)), "final")
    view = PositionMapView(
        found.top_probability[..., 0], rows, tokens.str_tokens, tokens.special, "Likeliest token", "probability", 0.0, 1.0,
        words=CellWords(found.top_ids, found.top_tokens, found.top_probability, "probability of the likeliest tokens"),
    )  # fmt: skip
    return Component.load("position_map").notebook(position_map_payload(view), "Logit lens")


def residual_stream(model: LoadedModel, prompt: Asked, *, pos: int | None = None) -> ResidualStream:
    """Norms and cosines of the residual stream; cosines between layers at `pos`, or averaged. Costs a forward pass."""
    return read_residual_stream(model, run_of(model, prompt), pos=pos)


def logit_attribution(
    model: LoadedModel,
    prompt: Asked,
    answer: str | int,
    *,
    foil: str | int | None = None,
    pos: int | None = None,
) -> LogitAttribution:
    """Take the logit of `answer`, less that of `foil`, apart by layer, component, head, position and neuron.

    Tokens go by text or id; `pos` is the last position by default. Costs a forward pass.
    """
    wanted = _id(model, answer, "answer")
    other = None if foil is None else _id(model, foil, "foil")
    return attribute_logit(model, run_of(model, prompt), wanted, other, pos=pos)


def show_logit_attribution(
    model: LoadedModel,
    prompt: Asked,
    answer: str | int,
    *,
    foil: str | int | None = None,
    pos: int | None = None,
) -> NotebookPicture:
    """Every head's share of a logit, or of the difference of two."""
    found = logit_attribution(model, prompt, answer, foil=foil, pos=pos)
    most = max(float(np.abs(found.heads).max()), 1e-6)
    name = f"logit({answer!r})" + ("" if foil is None else f" − logit({foil!r})")
    view = HeadMapView(found.heads, f"Share of {name} by head", "logits", -most, most, signed=True)
    return Component.load("head_map").notebook(head_map_payload(view), f"{name} by head")


def head_writes(model: LoadedModel, prompt: Asked, *, pos: int | None = None) -> HeadWrites:
    """The tokens that every head promotes and suppresses at a position, the last by default. Costs a forward pass."""
    return finish(read_head_writes(model, run_of(model, prompt), pos=pos))


def show_head_writes(model: LoadedModel, prompt: Asked, *, pos: int | None = None) -> NotebookPicture:
    """The token that every head promotes most."""
    found = head_writes(model, prompt, pos=pos)
    most = max(float(np.nanmax(np.abs(found.promoted))), 1e-6)
    heads = tuple(f"H{head}" for head in range(model.card.n_heads))
    view = PositionMapView(
        found.promoted[..., 0], tuple(map(str, range(model.card.n_layers))), heads, (False,) * len(heads),
        "Promoted most by each head", "logits above the mean", -most, most, signed=True, numbered=False,
        words=CellWords(
            found.promoted_ids[..., :5], found.tokens, found.promoted[..., :5], "logits, less the mean over the vocabulary"
        ),
    )  # fmt: skip
    return Component.load("position_map").notebook(position_map_payload(view), "What heads write")


def _id(model: LoadedModel, token: str | int, what: str) -> int:
    """A token by its text or its id."""
    if isinstance(token, str):
        return single_token(model.tokenizer, token, what)
    if not 0 <= token < model.card.d_vocab:
        raise MetricError(
            f"The {what} {token} is no token id of this model. Give 0 to {model.card.d_vocab - 1}, or a text."
        )
    return token
