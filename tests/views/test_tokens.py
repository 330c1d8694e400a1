import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_views.tokens import check_pos, label, token_header, visible


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (" John", "·John"),
        ("\n\n", "⏎⏎"),
        ("\r\n", "␍⏎"),
        ("\tx", "⇥x"),
        ("", "∅"),
        ("\x00\x1b\x7f", "␀␛␡"),
        ("\x85", "⟨U+0085⟩"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\u00a0\u2028\u2029", "⟨U+00A0⟩⟨U+2028⟩⟨U+2029⟩"),
        ("\ud83d", "⟨U+D83D⟩"),
        ("\ufe0f", "⟨U+FE0F⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("👩\u200d🚀", "👩⟨U+200D⟩🚀"),
        ("שלום", "שלום"),
        ("<b>é漢</b>", "<b>é漢</b>"),
    ],
)
def test_what_cannot_be_seen_gets_a_sign_and_the_rest_stays(token, shown):
    assert visible(token) == shown


@given(st.text(st.characters(codec=None, categories=None)))
def test_no_token_is_shown_as_nothing_or_can_steer_the_text_around_it(token):
    shown = visible(token)
    assert shown
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}


def test_a_label_keeps_equal_tokens_apart():
    assert label(3, " John") == "3: ·John"


def test_the_header_marks_special_tokens_and_line_ends():
    assert token_header(("<s>", "a", "\n"), (True, False, False)) == {
        "tokens": ["<s>", "a", "⏎"],
        "special": [0],
        "breaks": [2],
    }


def test_marks_for_another_number_of_tokens_are_refused():
    with pytest.raises(ValueError, match="2 tokens but 1 marks"):
        token_header(("a", "b"), (False,))


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="no tokens"):
        token_header((), ())


def test_a_position_outside_the_prompt_is_refused():
    with pytest.raises(ValueError, match=r"Position 5 .* 0 to 4"):
        check_pos(5, 5)
