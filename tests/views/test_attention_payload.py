import numpy as np
import pytest

from interp_views.attention import (
    MOST_EXACT,
    Zoom,
    attention_focus,
    attention_payload,
    attention_selection,
)
from interp_views.pooled import PooledPatterns, pool_patterns
from tests.views.conftest import attention_view, causal_patterns
from tests.views.reading import unpack


def test_all_heads_are_within_half_a_step_of_255():
    patterns = causal_patterns(4, 10)
    header, arrays = unpack(attention_payload(attention_view(patterns=patterns)))
    queries, keys = np.tril_indices(10)
    assert header["causal"] and header["pool"] == 1 and header["n_heads"] == 4
    assert arrays["levels"].dtype == np.uint8
    assert np.abs(arrays["levels"] / 255 - patterns[:, queries, keys]).max() <= 0.5 / 255 + 1e-6


def test_a_view_costs_at_most_one_byte_per_unmasked_weight():
    n_heads, n_pos = 12, 200
    tokens = tuple(" a" for _ in range(n_pos))
    payload = attention_payload(attention_view(tokens, n_heads))
    header_bytes = 1000 + 10 * n_pos
    assert len(payload) <= n_heads * n_pos * (n_pos + 1) // 2 + header_bytes


def test_what_is_locked_costs_little_and_leaves_the_data_as_it_is():
    part = attention_selection("x", head=2, pos=4, direction="to", zoom=Zoom(2, 3, 8))
    header, _ = unpack(part)
    chosen = {name: header[name] for name in ("part", "about", "head", "pos", "direction", "zoom")}
    assert len(part) < 300
    assert chosen == {
        "part": "selection", "about": "x", "head": 2, "pos": 4, "direction": "to",
        "zoom": {"query": 2, "key": 3, "size": 8},
    }  # fmt: skip


def test_attention_above_the_diagonal_is_sent_when_there_is_any():
    patterns = np.full((2, 4, 4), 0.25, np.float32)
    header, arrays = unpack(attention_payload(attention_view(("a", "b", "c", "d"), patterns=patterns)))
    assert not header["causal"]
    assert arrays["levels"].shape == (2, 16)


@pytest.mark.parametrize("n_pos", [8, 21, 23])
@pytest.mark.parametrize("causal", [True, False])
def test_a_pooled_cell_is_the_largest_of_the_weights_it_covers(n_pos, causal):
    patterns = causal_patterns(3, n_pos)
    if not causal:
        patterns = patterns + patterns.transpose(0, 2, 1) / 4
        patterns /= patterns.max()
    pooled = pool_patterns(patterns, most_side=8)
    assert (pooled.pool, pooled.causal) == (-(-n_pos // 8), causal)
    side = -(-n_pos // pooled.pool)
    cells = [(q, k) for q in range(side) for k in range(q + 1 if causal else side)]
    p = pooled.pool
    truth = [patterns[:, q * p : (q + 1) * p, k * p : (k + 1) * p].max((1, 2)) for q, k in cells]
    np.testing.assert_array_equal(pooled.levels, np.rint(np.transpose(truth) * 255))


def test_without_a_top_the_largest_value_is_the_top():
    patterns = causal_patterns(2, 6) * 40
    pooled = pool_patterns(patterns, top=None)
    assert pooled.top == pytest.approx(patterns.max())
    assert pooled.levels.max() == 255
    assert pool_patterns(np.zeros((1, 2, 2), np.float32), top=None).top == 1.0


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_precisions_are_accepted(dtype):
    assert pool_patterns(causal_patterns(3, 10).astype(dtype)).levels[0, 0] == 255


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_values_that_are_no_probabilities_are_refused(value):
    patterns = causal_patterns(3, 10)
    patterns[0, 5, 2] = value
    with pytest.raises(ValueError, match="from 0 to 1"):
        pool_patterns(patterns)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1])
def test_values_that_no_scale_can_show_are_refused_without_a_top_too(value):
    patterns = causal_patterns(3, 10)
    patterns[0, 5, 2] = value
    with pytest.raises(ValueError, match="finite values"):
        pool_patterns(patterns, top=None)


def test_patterns_that_are_not_square_or_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 4, 5\)"):
        pool_patterns(np.zeros((3, 4, 5), np.float32))
    with pytest.raises(ValueError, match="of 4 positions but there are 10 tokens"):
        attention_payload(attention_view(patterns=causal_patterns(3, 4)))


def test_levels_of_another_size_than_the_positions_make_are_refused():
    with pytest.raises(ValueError, match=r"give \(heads, 6\)"):
        PooledPatterns(np.zeros((2, 7), np.uint8), n_pos=5, pool=2, causal=True, top=1.0)


def test_the_focus_is_exact_and_a_whole_causal_head_is_sent_as_a_triangle():
    pattern = causal_patterns(1, 9)[0]
    header, arrays = unpack(attention_focus("x", 0, pattern, causal=True))
    assert header["triangle"]
    np.testing.assert_array_equal(arrays["weights"], pattern[np.tril_indices(9)])
    header, arrays = unpack(attention_focus("x", 0, pattern[4:8, 2:6], query=4, key=2, causal=True))
    assert not header["triangle"]
    np.testing.assert_array_equal(arrays["weights"].reshape(4, 4), pattern[4:8, 2:6])


def test_a_focus_that_cannot_be_is_refused():
    pattern = causal_patterns(1, 9)[0]
    with pytest.raises(ValueError, match="above the diagonal"):
        attention_focus("x", 0, pattern.T.copy(), causal=True)
    with pytest.raises(ValueError, match=f"1 to {MOST_EXACT}"):
        attention_focus("x", 0, np.zeros((MOST_EXACT + 1, 1), np.float32), causal=False)
    with pytest.raises(ValueError, match="at least 0"):
        attention_focus("x", -1, pattern, causal=True)
    pattern[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        attention_focus("x", 0, pattern, causal=True)


@pytest.mark.parametrize("wrong", [{"head": -1}, {"pos": -1}, {"direction": "sideways"}])
def test_a_selection_that_cannot_be_is_refused(wrong):
    with pytest.raises((ValueError, TypeError), match=r"does not exist|sideways"):
        attention_selection("x", **wrong)


def test_a_zoom_of_no_size_is_refused():
    with pytest.raises(ValueError, match="size 0"):
        Zoom(0, 0, 0)
