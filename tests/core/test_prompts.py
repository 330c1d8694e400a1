"""A batch is read row by row; what cannot be used is named and the rest is kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_core.errors import BatchError
from interp_core.prompts import MOST_PROMPTS, read_batch


def test_text_gives_a_prompt_a_line():
    assert read_batch(b"one\n\ntwo\r\nthree", "txt").prompts == ("one", "two", "three")


def test_csv_takes_the_column_named_prompt_and_keeps_newlines():
    batch = read_batch(b'id,Prompt\n1,"a, b\nc"\n2,\n3,d', "csv")
    assert batch.prompts == ("a, b\nc", "d")
    assert batch.skipped == ("Row 3 is empty.",)


def test_csv_without_that_column_takes_the_first_one():
    assert read_batch(b"alpha,1\nbeta,2", "csv").prompts == ("alpha", "beta")


def test_json_lines_take_prompt_text_or_a_string_and_name_what_they_cannot_use():
    lines = ['{"prompt": "a"}', '{"text": "b"}', '"c"', "{", '{"x": 3}', '{"prompt": "\\ud800"}']
    batch = read_batch("\n".join(lines).encode(), "jsonl")
    assert batch.prompts == ("a", "b", "c")
    assert [sentence[:6] for sentence in batch.skipped] == ["Row 4:", "Row 5:", "Row 6:"]
    assert "lone surrogate" in batch.skipped[2]


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "txt", "no prompt that can be used"),
        (b"\n \n", "txt", "no prompt that can be used"),
        (b"\xff\xfe\x00", "txt", "not UTF-8"),
        (b'a,"b', "csv", "not a CSV table"),
        (b"{", "jsonl", "not a JSON value"),
        (b"x" * (21 * 1024 * 1024), "txt", "limit is"),
        (b"[" * 100_000, "jsonl", "no prompt that can be used"),
    ],
)
def test_a_batch_that_cannot_be_used_is_refused_with_a_sentence(content, kind, reason):
    with pytest.raises(BatchError, match=reason):
        read_batch(content, kind)


def test_too_many_prompts_are_cut_and_said_so():
    batch = read_batch(b"x\n" * (MOST_PROMPTS + 5), "txt")
    assert len(batch.prompts) == MOST_PROMPTS
    assert "first 10,000 of 10,005" in batch.skipped[-1]


def test_a_byte_order_mark_is_not_part_of_the_first_prompt():
    assert read_batch("\ufeffone".encode(), "txt").prompts == ("one",)


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip), min_size=1, max_size=5)
)
def test_json_lines_give_back_any_text(texts):
    content = "\n".join(json.dumps({"prompt": text}) for text in texts).encode()
    assert read_batch(content, "jsonl").prompts == tuple(texts)
