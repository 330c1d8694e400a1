"""How the text of a token is shown: one display string per token, decided here and nowhere else.

A token may hold anything: spaces, newlines, half of a character, marks that turn the direction of
the text round. What a reader cannot see, or what would disturb the page, is replaced by a sign that
can be seen. The browser only ever shows these strings as text.
"""

import functools
import unicodedata
from collections.abc import Sequence

_SIGNS = {" ": "·", "\n": "⏎", "\r": "␍", "\t": "⇥"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
_INVISIBLE_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Characters that Unicode calls letters, marks or symbols and that still show nothing."""
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Marks that choose a glyph: a token may consist of nothing else."""


def visible(token: str) -> str:
    """Return the text that stands for `token` on the screen: never empty, never invisible.

    A space is `·`, a newline `⏎`, a carriage return `␍`, a tab `⇥`; other control characters are
    their Unicode control pictures, and every other character without a shape of its own (direction
    marks, zero-width characters, variation selectors, odd spaces, unpaired surrogates) is named as `⟨U+202E⟩`.
    The empty string is `∅`.
    """
    if is_plain(token):
        return token.replace(" ", "·") or "∅"
    return "".join(map(_sign, token))


def is_plain(text: str) -> bool:
    """Whether all of a text can be seen, but for spaces: ASCII without control characters. Quick, for most texts are."""
    return text.isascii() and text.isprintable()


def label(pos: int, token: str) -> str:
    """Return the name of one token in one prompt, such as `3: ·John`: equal tokens stay apart."""
    return f"{pos}: {visible(token)}"


def token_header(tokens: Sequence[str], special: Sequence[bool]) -> dict[str, list]:
    """Return what the browser needs to write tokens: texts, and positions of special and line-ending ones.

    Raises:
        ValueError: There are no tokens, or `special` has another length.
    """
    if not tokens:
        raise ValueError("There are no tokens to show: give at least one.")
    if len(special) != len(tokens):
        raise ValueError(
            f"There are {len(tokens)} tokens but {len(special)} marks for special tokens: "
            "give one mark (true or false) per token."
        )
    return {
        "tokens": [visible(token) for token in tokens],
        "special": [pos for pos, is_special in enumerate(special) if is_special],
        "breaks": [pos for pos, token in enumerate(tokens) if "\n" in token],
    }


def check_pos(pos: int | None, n_pos: int) -> None:
    """Refuse a selected position that is not in the prompt.

    Raises:
        ValueError: `pos` is neither None nor a position from 0 to `n_pos` - 1.
    """
    if pos is not None and not 0 <= pos < n_pos:
        raise ValueError(f"Position {pos} is not in the prompt: give 0 to {n_pos - 1}, or None.")


@functools.lru_cache(maxsize=4096)
def _sign(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    shows_nothing = (
        unicodedata.category(character) in _INVISIBLE
        or character in _INVISIBLE_LETTERS
        or any(code in selectors for selectors in _VARIATION_SELECTORS)
    )
    return f"⟨U+{code:04X}⟩" if shows_nothing else character
