"""Tokens coloured by one signed number each, such as an activation or an effect on the loss.

The picture's script is `signed_text.js`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from interp_views.tokens import token_header
from interp_views.wire import pack


@dataclass(frozen=True)
class SignedTextView:
    """What the coloured text shows."""

    tokens: tuple[str, ...]
    """Tokens as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    values: Float[np.ndarray, " pos"]
    """One number per token, in `unit`; NaN leaves the token without a tint.

    Colours run from minus to plus the largest absolute value: nothing is clipped.
    """
    name: str
    """What the number is, such as `L5N123`."""
    unit: str
    """Its unit, such as `activation` or `logits`."""


def signed_text_payload(view: SignedTextView) -> bytes:
    """Check a view and pack it for `signed_text.js`.

    Raises:
        ValueError: Another number of values than of tokens, or an infinite one.
    """
    header = token_header(view.tokens, view.special)
    if view.values.shape != (len(view.tokens),):
        raise ValueError(f"The values have shape {view.values.shape} but there are {len(view.tokens)} tokens.")
    if np.isinf(view.values).any():
        pos = int(np.flatnonzero(np.isinf(view.values))[0])
        raise ValueError(f"The value at position {pos} is infinite: give finite values, or NaN for no tint.")
    header |= {"name": view.name, "unit": view.unit}
    return pack(header, {"values": view.values.astype(np.float32)})
