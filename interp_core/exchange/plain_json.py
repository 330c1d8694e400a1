"""JSON of unknown origin, one value at a time: sizes are limited, numbers are finite, and what is wrong is said in a sentence."""

import codecs
import json
import math
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any, NoReturn

from interp_core.errors import ExchangeError

MOST_CHARACTERS = 32_000_000
"""Of one value. A dashboard has some 60,000."""
_CHUNK = 1 << 20
_SPACE = " \t\r\n"


def values_in(file: BufferedIOBase, what: str) -> Iterator[Any]:
    """The items of an array, read one after another, or the one other value that a file holds.

    Args:
        file: UTF-8, with or without a byte order mark.
        what: Names the file in messages.

    Raises:
        ExchangeError: It is no JSON, not UTF-8, nested too deep, has numbers that are not finite, or a value is too large.
    """
    text = _Text(file, what)
    if text.peek() != "[":
        yield text.value()
        text.expect_end()
        return
    text.skip()
    if text.peek() == "]":
        text.skip()
        text.expect_end()
        return
    while True:
        yield text.value()
        mark = text.peek()
        text.skip()
        if mark == "]":
            text.expect_end()
            return
        if mark != ",":
            raise text.refusal(f"a comma or ] is missing in front of {mark!r}" if mark else "its end is missing")


def parse(text: str | bytes, what: str) -> Any:
    """One whole value.

    Raises:
        ExchangeError: As for `values_in`.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except _NotFiniteError as error:
        raise ExchangeError(_not_finite(what, error)) from error
    except (ValueError, RecursionError) as error:
        raise ExchangeError(_no_json(what, error)) from error


class _NotFiniteError(Exception):
    """Not a ValueError, which might only mean that more of the text has to be read."""


class _Text:
    """The part of a text that has been read and not yet used."""

    def __init__(self, file: BufferedIOBase, what: str) -> None:
        self._reader = codecs.getreader("utf-8-sig")(file)
        self._what = what
        self._text = ""
        self._ended = False

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        self._text = self._text.lstrip(_SPACE)
        while not self._text and not self._ended:
            self._read(_CHUNK)
            self._text = self._text.lstrip(_SPACE)
        return self._text[:1]

    def skip(self) -> None:
        self._text = self._text[1:]

    def value(self) -> Any:
        self.peek()
        wanted = _CHUNK
        while True:
            self._read(wanted - len(self._text))
            try:
                found, end = _DECODER.raw_decode(self._text)
            except _NotFiniteError as error:
                raise ExchangeError(_not_finite(self._what, error)) from error
            except RecursionError as error:
                raise ExchangeError(_no_json(self._what, error)) from error
            except ValueError as error:
                if self._ended:
                    raise ExchangeError(_no_json(self._what, error)) from error
                if len(self._text) >= MOST_CHARACTERS:
                    raise self.refusal(
                        f"a dashboard of it is not whole within {MOST_CHARACTERS:,} characters ({error})"
                    ) from error
                wanted = min(4 * wanted, MOST_CHARACTERS)
                continue
            self._text = self._text[end:]
            return found

    def expect_end(self) -> None:
        if mark := self.peek():
            raise self.refusal(f"{mark!r} follows behind its end")

    def refusal(self, why: str) -> ExchangeError:
        return ExchangeError(_no_json(self._what, why))

    def _read(self, count: int) -> None:
        if count <= 0 or self._ended:
            return
        try:
            more = self._reader.read(count, count)
        except UnicodeDecodeError as error:
            raise self.refusal("it is not UTF-8 text") from error
        self._ended = not more
        self._text += more


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotFiniteError(text[:40])
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise _NotFiniteError(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _not_finite(what: str, error: Exception) -> str:
    return f"{what} holds {error}, which is no finite number. Write null where a number is not known."


def _no_json(what: str, why: object) -> str:
    said = "it is nested too deep" if isinstance(why, RecursionError) else str(why)[:200]
    return f"{what} cannot be read as JSON: {said}. Export it again, or pick another file."
