import numpy as np
import pytest

from interp_views.head_grid import HeadGridView, head_grid_payload, head_grid_selection, thumbnails
from interp_views.pooled import pool_patterns
from tests.views.conftest import TOKENS, causal_patterns, first_is_special
from tests.views.reading import unpack


def grid_view(n_layers: int = 2, n_heads: int = 3, patterns: np.ndarray | None = None, **changes) -> HeadGridView:
    if patterns is None:
        patterns = causal_patterns(n_layers * n_heads, len(TOKENS))
    pooled = pool_patterns(patterns)
    fields = {
        "tokens": TOKENS,
        "special": first_is_special(len(TOKENS)),
        "levels": pooled.levels.reshape(n_layers, n_heads, -1),
        "n_pos": len(TOKENS),
        "pool": pooled.pool,
        "causal": pooled.causal,
        "top": pooled.top,
        "unit": "attention probability",
        "about": "an example",
    }
    return HeadGridView(**(fields | changes))


def test_without_an_order_every_head_is_sent_layer_by_layer():
    view = grid_view()
    header, arrays = unpack(head_grid_payload(view))
    assert not header["ordered"]
    np.testing.assert_array_equal(arrays["levels"], view.levels.reshape(6, -1))
    np.testing.assert_array_equal(arrays["order"], [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])


def test_with_an_order_only_its_heads_are_sent_with_their_scores():
    view = grid_view(
        order=((1, 2), (0, 1)),
        scores=np.arange(6, dtype=np.float32).reshape(2, 3),
        score_label="previous-token score",
    )
    _, arrays = unpack(head_grid_payload(view))
    np.testing.assert_array_equal(arrays["levels"], [view.levels[1, 2], view.levels[0, 1]])
    np.testing.assert_array_equal(arrays["scores"], [5, 1])


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("first", "then"), [(100, 10), (12, 4), (24, 7)])
def test_thumbnails_hold_the_largest_of_what_they_cover_however_often_pooled(causal, first, then):
    patterns = causal_patterns(4, 23)
    if not causal:
        patterns = np.ascontiguousarray(patterns.transpose(0, 2, 1))
    pooled = pool_patterns(patterns, most_side=first)
    levels, pool = thumbnails(pooled.levels.reshape(2, 2, -1), 23, pooled.pool, causal, then)
    side = -(-23 // pool)
    assert side <= then
    cells = [(q, k) for q in range(side) for k in range(q + 1 if causal else side)]
    truth = [patterns[:, q * pool : (q + 1) * pool, k * pool : (k + 1) * pool].max((1, 2)) for q, k in cells]
    np.testing.assert_array_equal(levels.reshape(4, -1), np.rint(np.transpose(truth) * 255))


def test_thumbnails_of_enough_cells_stay_as_they_are():
    view = grid_view()
    levels, pool = thumbnails(view.levels, 10, 1, True, 10)
    assert pool == 1
    np.testing.assert_array_equal(levels, view.levels)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"order": ()}, "names no head"),
        ({"order": ((2, 0),)}, "L2H0 does not exist"),
        ({"order": ((0, 1), (0, 1))}, "twice"),
        ({"scores": np.zeros((3, 2), np.float32), "score_label": "score"}, r"shape \(3, 2\)"),
        ({"scores": np.zeros((2, 3), np.float32)}, "score_label is empty"),
        ({"tokens": ("a", "b"), "special": (False, False)}, "of 10 positions but there are 2"),
        ({"pool": 2}, r"give \(heads, 15\)"),
        ({"top": float("nan")}, "top of the scale"),
    ],
)
def test_a_view_that_does_not_fit_together_is_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        head_grid_payload(grid_view(**changes))


def test_a_selection_of_a_negative_head_is_refused():
    with pytest.raises(ValueError, match="does not exist"):
        head_grid_selection("x", layer=-1, head=0)
