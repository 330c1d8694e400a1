"""One BOS in front, at most once; every token readable; bad text refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_core.errors import ContextLengthError, EmptyPromptError, PromptError, PromptTextError
from interp_core.models import load_model
from interp_core.prompts import MOST_TEXT_BYTES, Prompt
from interp_core.types import ModelSpec
from tests.tiny import N_CTX, rewrite_config

TEXT = "When Mary and John went"


def test_bos_stands_in_front_exactly_once(tiny):
    tokens = tiny.tokenizer.tokenise(Prompt(TEXT))
    assert tokens.ids[0] == tiny.tokenizer.bos_id
    assert tokens.bos_count == 1
    assert tokens.special[0]


def test_bos_can_be_left_out(tiny):
    tokens = tiny.tokenizer.tokenise(Prompt(TEXT, prepend_bos=False))
    assert tokens.bos_count == 0
    assert tokens.ids == tiny.tokenizer.tokenise(Prompt(TEXT)).ids[1:]


@pytest.mark.parametrize("prepend", [True, False])
def test_text_that_begins_with_bos_gets_no_second_one(tiny, prepend):
    assert tiny.tokenizer.tokenise(Prompt("<s>" + TEXT, prepend_bos=prepend)).bos_count == 1


def test_a_chat_template_that_begins_with_bos_gets_no_second_one(tiny):
    tokens = tiny.tokenizer.tokenise(Prompt(TEXT, chat=True))
    assert tokens.bos_count == 1
    assert "".join(tokens.str_tokens).startswith("<s>user: When Mary")


def test_two_bos_in_the_text_are_counted(tiny):
    assert tiny.tokenizer.tokenise(Prompt("<s><s>x")).bos_count == 2


def test_nothing_to_run_is_refused_but_bos_alone_is_something(tiny):
    with pytest.raises(EmptyPromptError, match="prompt is empty"):
        tiny.tokenizer.tokenise(Prompt("", prepend_bos=False))
    assert len(tiny.tokenizer.tokenise(Prompt("")).ids) == 1


def test_a_prompt_past_the_context_is_refused_with_both_lengths(tiny):
    with pytest.raises(ContextLengthError, match=rf"the model's context holds {N_CTX}.*Remove at least"):
        tiny.tokenizer.tokenise(Prompt("x " * N_CTX))


def test_a_megabyte_is_refused_before_it_is_tokenised(tiny):
    with pytest.raises(PromptTextError, match=f"1,000,000 bytes and the limit is {MOST_TEXT_BYTES:,}"):
        tiny.tokenizer.tokenise(Prompt("a" * 1_000_000))


def test_many_bytes_in_few_characters_count_as_bytes(tiny):
    with pytest.raises(PromptTextError, match="the limit is"):
        tiny.tokenizer.tokenise(Prompt("🎉" * 80_000))


@pytest.mark.parametrize("text", ["\ud800", "abc\udfffdef"])
def test_a_lone_surrogate_is_refused_by_its_place(tiny, text):
    with pytest.raises(PromptTextError, match="lone surrogate"):
        tiny.tokenizer.tokenise(Prompt(text))


def test_parts_of_a_character_are_shown_as_bytes(tiny):
    strings = tiny.tokenizer.tokenise(Prompt("中", prepend_bos=False)).str_tokens
    assert "".join(strings).replace("\\x", "").lower() in ("中", "中".encode().hex())
    assert "\ufffd" not in "".join(strings)


def test_asking_for_a_chat_template_that_is_not_there_is_said_so(tiny_folders, copy_of_tiny):
    rewrite_config(copy_of_tiny)
    (copy_of_tiny / "chat_template.jinja").unlink()
    loaded = load_model(ModelSpec("folder", "broken", device="cpu"), copy_of_tiny)
    with pytest.raises(PromptError, match="no chat template"):
        loaded.tokenizer.tokenise(Prompt("x", chat=True))


@given(st.text(max_size=100))
def test_any_text_is_tokenised_or_refused_with_a_sentence(tiny, text):
    try:
        tokens = tiny.tokenizer.tokenise(Prompt(text))
    except PromptError as error:
        assert str(error)
        return
    assert len(tokens.ids) == len(tokens.str_tokens) == len(tokens.special)
    assert all(tokens.str_tokens)


@given(st.text(st.characters(codec="ascii", exclude_characters="<"), max_size=60))
def test_ascii_tokens_join_to_the_text(tiny, text):
    if text:
        assert "".join(tiny.tokenizer.tokenise(Prompt(text, prepend_bos=False)).str_tokens) == text
