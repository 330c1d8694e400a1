"""Prompts survive the URL: plain, compressed, or by reference, and damaged links are refused."""

import base64
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_core.prompts import MOST_TEXT_BYTES
from pages.ui.text_code import LINK_CHARS, decode_text, encode_text, is_by_reference


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=3000))
def test_any_text_comes_back(text):
    code = encode_text(text)
    assert len(code) <= LINK_CHARS
    assert decode_text(code) == text


def test_a_short_text_stays_readable():
    assert encode_text("When Mary and John") == "When Mary and John"


def test_a_text_that_looks_like_a_code_is_still_text():
    assert decode_text(encode_text("~zAAAA")) == "~zAAAA"
    assert decode_text(encode_text("~h" + "0" * 32)) == "~h" + "0" * 32


def test_eleven_thousand_characters_of_english_fit_a_link():
    prose = (Path(__file__).parent.parent.parent / "LICENSE").read_text()
    assert len(prose) > 11_000
    assert not is_by_reference(encode_text(prose))
    assert decode_text(encode_text(prose)) == prose


def test_what_is_too_long_even_compressed_is_kept_by_reference():
    text = "".join(chr(random.Random(place).randint(33, 50_000)) for place in range(20_000))
    assert is_by_reference(encode_text(text))
    assert len(encode_text(text)) < 50
    assert decode_text(encode_text(text)) == text


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(b"x" * (MOST_TEXT_BYTES * 50), 9)
    with pytest.raises(ValueError, match="cut off or too long"):
        decode_text("~z" + base64.urlsafe_b64encode(bomb).decode())


@given(st.text(max_size=200))
def test_garbage_is_refused_with_a_reason_or_read_as_text(garbage):
    for prefix in ("~z", "~h", ""):
        try:
            decode_text(prefix + garbage)
        except ValueError as error:
            assert str(error)
