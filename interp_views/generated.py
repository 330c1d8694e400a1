"""Which tokens the model looked at while it wrote, and which of the tokens it wrote looked at one.

Two copies of the text, one above the other. In the upper one the reader points at a token and sees
who looked at it; in the lower one at a generated token, and sees what it looked at. The picture's
scripts are `generated.js`, `generated_pane.js` and `generated_rows.js`; the last does in the browser
what `processed_rows` does here.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from interp_views.tokens import token_header
from interp_views.wire import pack

RowOf = Literal["wrote", "own"]
"""Which row of attention belongs to a generated token: of the pass that chose it, or of its own pass."""


@dataclass(frozen=True)
class GeneratedView:
    """What the picture of a generation shows: a prompt, its completion, and one row of attention per pass."""

    tokens: tuple[str, ...]
    """Prompt and completion, as the tokenizer decodes them, one by one; they are made visible here."""
    special: tuple[bool, ...]
    """Which tokens are special ones, such as BOS."""
    n_prompt: int
    """Tokens before this position are the prompt, the others were generated."""
    rows: Float[np.ndarray, "row key"]
    """Row r is the attention of query position `n_prompt - 1 + r` to each token, probability, 0 to 1.

    The first row belongs to the last token of the prompt, the last row to the last token. What stands
    at keys after the query is ignored.
    """
    title: str
    """Whose attention this is, such as `L5H1` or `mean of all heads in layer 5`."""
    about: str
    """Names the data, so that settings meant for other data are not applied to it."""
    unit: str = "attention probability"
    """Of the rows."""


def generated_payload(view: GeneratedView) -> bytes:
    """Check a view and pack it for `generated.js`: each row up to its query, one row after another.

    Raises:
        ValueError: No prompt, no generated token, rows that do not fit the tokens, or values that
            are no probabilities.
    """
    header = token_header(view.tokens, view.special)
    n_pos = len(view.tokens)
    if not 1 <= view.n_prompt < n_pos:
        raise ValueError(
            f"n_prompt is {view.n_prompt} of {n_pos} tokens: give at least one token of the prompt "
            "and at least one generated token."
        )
    expected = (n_pos - view.n_prompt + 1, n_pos)
    if view.rows.shape != expected:
        raise ValueError(
            f"The rows have shape {view.rows.shape}: for {n_pos} tokens, {view.n_prompt} of them the prompt, "
            f"give {expected}, one row for the last token of the prompt and one for each generated token."
        )
    visible = view.rows[_visible(view.n_prompt, expected)].astype(np.float32)
    # A little above 1 is rounding. Written so that NaN fails too.
    fits = (visible >= 0) & (visible <= 1 + 1e-4)
    if not fits.all():
        raise ValueError(f"The rows hold {visible[~fits][0]:.4g}: attention is finite and from 0 to 1.")
    header |= {"n_prompt": view.n_prompt, "title": view.title, "about": view.about, "unit": view.unit}
    return pack(header, {"rows": visible})


def generated_selection(
    about: str,
    *,
    row: RowOf = "wrote",
    power: float = 1.0,
    cutoff: float | None = None,
    ignore: int = 0,
    observed: int | None = None,
    observer: int | None = None,
) -> bytes:
    """Pack what the reader has set, as a small message that goes with the data of the same `about`.

    Args:
        about: The `about` of the view.
        row: `wrote`: a generated token looks with the pass that chose it, the query one position
            before. `own`: with the query at the token itself.
        power: Exponent of the tint; below 1 weak attention shows more. 1 changes nothing.
        cutoff: Keep weights above the row's mean plus this many standard deviations; None keeps all.
        ignore: This many first tokens count as 0 and stay out of mean and deviation.
        observed: The frozen token of the upper text, if any.
        observer: The frozen token of the lower text, if any.

    Raises:
        ValueError: A setting that has no meaning, see `processed_rows`.
    """
    if row not in ("wrote", "own"):
        raise ValueError(f"row is {row!r}: give 'wrote' or 'own'.")
    _check_settings(power, cutoff, ignore)
    settings = {"row": row, "power": power, "cutoff": cutoff, "ignore": ignore}
    return pack({"part": "selection", "about": about, **settings, "observed": observed, "observer": observer}, {})


def processed_rows(
    rows: Float[np.ndarray, "row key"], n_prompt: int, power: float, cutoff: float | None, ignore: int
) -> Float[np.ndarray, "row key"]:
    """Return what the picture tints with: attention after the three steps, in this order.

    1. The first `ignore` tokens are set to 0.
    2. Of the other tokens that the query can see, only weights above mean + `cutoff` * standard
       deviation (of the population) over just these tokens stay; the others become 0.
    3. What is left is raised to `power`.

    Args:
        rows: Row r is the attention of query position `n_prompt - 1 + r`, 0 to 1.
        n_prompt: Number of tokens of the prompt.
        power: A positive exponent.
        cutoff: A number of standard deviations, or None for no cut-off.
        ignore: A number of tokens, 0 or more.

    Returns:
        float64, 0 to 1, and 0 for keys after the query.

    Raises:
        ValueError: A power that is not positive, a cut-off that is not finite, a negative `ignore`.
    """
    _check_settings(power, cutoff, ignore)
    shown = np.where(_visible(n_prompt, rows.shape), rows, 0.0).astype(np.float64)
    shown[:, :ignore] = 0.0
    for row, weights in enumerate(shown):
        rest = weights[ignore : n_prompt + row]
        if cutoff is not None and rest.size:
            rest[rest <= rest.mean() + cutoff * rest.std()] = 0.0
    return shown**power


def _visible(n_prompt: int, shape: tuple[int, ...]) -> Bool[np.ndarray, "row key"]:
    return np.arange(shape[1]) < n_prompt + np.arange(shape[0])[:, None]


def _check_settings(power: float, cutoff: float | None, ignore: int) -> None:
    if not (math.isfinite(power) and power > 0):
        raise ValueError(f"The power is {power:g}: give a number above 0; 1 leaves the weights as they are.")
    if cutoff is not None and not math.isfinite(cutoff):
        raise ValueError(f"The cut-off is {cutoff:g} standard deviations: give a finite number, or None for none.")
    if ignore < 0:
        raise ValueError(f"ignore is {ignore}: give 0 or more tokens.")
