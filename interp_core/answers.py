"""Answers: the one token that a metric or an attribution looks at, from the text that somebody typed."""

from interp_core.errors import MetricError
from interp_core.prompts import Prompt
from interp_core.tokens import Tokenizer

_SHOWN_TOKENS = 8


def single_token(tokenizer: Tokenizer, text: str, what: str = "answer") -> int:
    """The id of a text that is one token; BOS is never counted. A leading space matters, and is kept.

    Args:
        tokenizer: The model's.
        text: As it was typed, such as `" Mary"`.
        what: What the text is for, as messages name it.

    Raises:
        MetricError: The text is empty, or several tokens.
        PromptTextError: The text is not valid Unicode.
    """
    if not text:
        raise MetricError(
            f"The {what} is empty. Type a text that is one token, such as ' the' with its space in front."
        )
    ids = _ids(tokenizer, text)
    if len(ids) == 1:
        return ids[0]
    pieces = tokenizer.str_tokens(ids[:_SHOWN_TOKENS])
    spelled = ", ".join(map(repr, pieces)) + (", and more" if len(ids) > _SHOWN_TOKENS else "")
    raise MetricError(
        f"The {what} {_short(text)} is {len(ids)} tokens of this model: {spelled}. It must be one token. "
        f"{_advice(tokenizer, text, pieces)}"
    )


def _advice(tokenizer: Tokenizer, text: str, pieces: list[str]) -> str:
    """A text near to this one that is one token: the same with or without its space, else its first piece."""
    other = text[1:] if text.startswith(" ") else f" {text}"
    if other and len(_ids(tokenizer, other)) == 1:
        return f"{'Without' if text.startswith(' ') else 'With'} a space in front it is one: write {_short(other)}."
    first = pieces[0] if len(_ids(tokenizer, pieces[0])) == 1 else None
    return f"Its first piece can stand for it: write {first!r}." if first else "Type a shorter text."


def _ids(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tokenizer.tokenise(Prompt(text, prepend_bos=False)).ids


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
