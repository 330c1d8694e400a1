"""Answers: what is one token is taken, and what is not is told apart piece by piece."""

import pytest

from interp_core.answers import single_token
from interp_core.errors import MetricError, PromptTextError


def test_one_token_is_its_id_and_bos_is_never_counted(tiny):
    for text in ("a", " and", "\n", "<s>"):
        found = single_token(tiny.tokenizer, text)
        assert tiny.tokenizer.decode([found], special=True) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The foil is empty"),
        ("zqzq", "The foil 'zqzq' is 4 tokens of this model: 'z', 'q', 'z', 'q'. It must be one token"),
        ("zq" * 30, "60 tokens of this model: .*, and more"),
        ("zq", "first piece can stand for it: write 'z'"),
    ],
)
def test_what_is_no_single_token_is_said_piece_by_piece(tiny, text, message):
    with pytest.raises(MetricError, match=message):
        single_token(tiny.tokenizer, text, "foil")


def test_a_text_that_is_no_unicode_is_refused(tiny):
    with pytest.raises(PromptTextError):
        single_token(tiny.tokenizer, "\ud800")


@pytest.mark.default_model
def test_the_missing_space_is_named(default_model):
    tokenizer = default_model.tokenizer
    assert tokenizer.str_tokens([single_token(tokenizer, " Mary")]) == [" Mary"]
    with pytest.raises(MetricError, match="With a space in front it is one: write ' Berlin'"):
        single_token(tokenizer, "Berlin")
