import numpy as np
import pytest

from interp_views.attention import attention_payload
from tests.views.conftest import attention_view, causal_patterns
from tests.views.reading import unpack


def test_all_heads_are_within_one_step_of_255_and_the_head_in_focus_is_exact():
    view = attention_view(n_heads=4, head=2)
    header, arrays = unpack(attention_payload(view))
    queries, keys = np.tril_indices(len(view.tokens))
    truth = view.patterns[:, queries, keys]
    assert header["causal"]
    assert arrays["heads"].dtype == np.uint8
    assert np.abs(arrays["heads"] / 255 - truth).max() <= 1 / 255
    np.testing.assert_array_equal(arrays["focus"], truth[2])


def test_a_view_costs_at_most_one_byte_per_unmasked_weight_and_four_for_the_head_in_focus():
    n_heads, n_pos = 12, 200
    tokens = tuple(" a" for _ in range(n_pos))
    payload = attention_payload(attention_view(tokens, n_heads))
    n_unmasked = n_pos * (n_pos + 1) // 2
    header_bytes = 1000 + 10 * n_pos
    assert len(payload) <= n_heads * n_unmasked + 4 * n_unmasked + header_bytes


def test_attention_above_the_diagonal_is_sent_when_there_is_any():
    patterns = np.full((2, 4, 4), 0.25, np.float32)
    view = attention_view(("a", "b", "c", "d"), patterns=patterns)
    header, arrays = unpack(attention_payload(view))
    assert not header["causal"]
    assert arrays["heads"].shape == (2, 16)
    np.testing.assert_array_equal(arrays["focus"], patterns[1].reshape(-1))


def test_the_choices_of_the_reader_travel_in_the_header():
    header, _ = unpack(attention_payload(attention_view(head=2, head_locked=True, pos=4, direction="to")))
    chosen = {name: header[name] for name in ("layer", "head", "head_locked", "pos", "direction")}
    assert chosen == {"layer": 5, "head": 2, "head_locked": True, "pos": 4, "direction": "to"}


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_precisions_are_accepted(dtype):
    view = attention_view(patterns=causal_patterns(3, 10).astype(dtype))
    _, arrays = unpack(attention_payload(view))
    np.testing.assert_array_equal(arrays["focus"][0], 1.0)


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_values_that_are_no_probabilities_are_refused(value):
    patterns = causal_patterns(3, 10)
    patterns[0, 5, 2] = value
    with pytest.raises(ValueError, match="from 0 to 1"):
        attention_payload(attention_view(patterns=patterns))


def test_patterns_of_another_length_name_both_shapes():
    with pytest.raises(ValueError, match=r"\(3, 4, 4\) but there are 10 tokens"):
        attention_payload(attention_view(patterns=causal_patterns(3, 4)))


def test_a_head_that_the_layer_has_not_is_refused():
    with pytest.raises(ValueError, match=r"Head 3 .* 0 to 2"):
        attention_payload(attention_view(head=3))


def test_a_position_that_the_prompt_has_not_is_refused():
    with pytest.raises(ValueError, match="Position 10"):
        attention_payload(attention_view(pos=10))
