"""Texts of features as they are shown: tokens made visible, the user's labels and automatic ones told apart."""

from collections.abc import Iterable

from interp_views.tokens import visible
from pages.ui.markdown import plain


def shown(label: str) -> str:
    """A label in plain text: spaces stay, what cannot be seen is named."""
    return "".join(char if char == " " else visible(char) for char in label)


def tokens(words: Iterable[str] | None) -> list[str]:
    """Tokens in plain text."""
    return [] if words is None else [visible(word) for word in words]


def chips(words: Iterable[str] | None, colour: str) -> str:
    """Tokens as Markdown."""
    return " ".join(f":{colour}-badge[{plain(word)}]" for word in tokens(words))


def label_line(own: str | None, automatic: str | None) -> str:
    """Both labels as Markdown, each with whose it is."""
    parts = []
    if own:
        parts.append(f":orange-badge[yours] **{plain(shown(own))}**")
    if automatic:
        parts.append(f":gray-badge[automatic] {plain(shown(automatic))}")
    return " · ".join(parts) or "no label"
