"""Similar heads, searching by pattern, aggregates: identities and closed forms."""

import numpy as np
import pytest

from interp_core.attention import LivePatterns
from interp_core.attention_aggregates import aggregate_attention
from interp_core.attention_survey import survey_attention
from interp_core.errors import InterpError
from interp_core.jobs import finish
from interp_core.pattern_search import KNOWN_PATTERNS, drawn_cells, known_cells, search_heads
from interp_core.similar_heads import compare_heads, sampled_queries
from interp_core.types import Run
from tests.patterns import KnownPatterns, all_patterns, random_patterns

TOKENS = (0, 5, 6, 7, 5, 6, 7, 9)


def compared(*patterns: np.ndarray):
    return finish(compare_heads([KnownPatterns(one, tuple(range(one.shape[2]))) for one in patterns]))


def test_a_head_is_like_itself_and_its_copy_and_unlike_one_that_looks_elsewhere():
    looks_back, looks_here = np.eye(6, k=-1), np.eye(6)
    looks_back[0, 0] = 1
    found = compared(np.stack([looks_back, looks_here, looks_back])[None])
    np.testing.assert_allclose(found.coefficient, [[1, 0, 1], [0, 1, 0], [1, 0, 1]], atol=1e-6)
    assert found.most_similar(0, 2).tolist() == [2, 1]
    assert found.n_queries == 5


def test_the_coefficient_equals_its_definition_and_the_map_keeps_distances_of_three_heads():
    patterns = random_patterns(1, 3, 12)
    found = compared(patterns)
    for one in range(3):
        for other in range(3):
            rows = np.sqrt(patterns[0, one, 1:] * patterns[0, other, 1:]).sum(-1)
            assert found.coefficient[one, other] == pytest.approx(rows.mean(), rel=1e-5)
    # Three points always lie in a plane, so two dimensions show all of it.
    assert found.share == pytest.approx(1)
    distance = np.linalg.norm(found.place[:, None] - found.place[None], axis=-1)
    np.testing.assert_allclose(distance**2, 1 - found.coefficient, atol=1e-5)


def test_a_batch_weighs_every_query_alike():
    short, long = random_patterns(2, 2, 5, seed=1), random_patterns(2, 2, 9, seed=2)
    both = compared(short, long).coefficient
    expected = (4 * compared(short).coefficient + 8 * compared(long).coefficient) / 12
    np.testing.assert_allclose(both, expected, atol=1e-6)


def test_long_prompts_are_compared_on_evenly_spaced_queries(monkeypatch):
    monkeypatch.setattr("interp_core.similar_heads.SAMPLE_BYTES", 4 * 4 * 100 * 10)
    patterns = KnownPatterns(random_patterns(2, 2, 100), tuple(range(100)))
    found = finish(compare_heads([patterns]))
    queries = sampled_queries(patterns.shape)
    assert found.n_queries == len(queries) == 10
    assert found.n_all_queries == 99
    assert (queries[0], queries[-1]) == (1, 99)


def test_one_token_cannot_be_compared(tiny, tiny_spec):
    with pytest.raises(InterpError, match="has one token"):
        finish(compare_heads([LivePatterns(tiny, Run(tiny_spec, (0,)))]))


def test_heads_without_a_pattern_have_no_place():
    patterns = random_patterns(2, 2, 6)

    class Partial(KnownPatterns):
        def walk(self, see):
            super().walk(lambda layer, pattern: see(layer, pattern) if layer == 0 else None)

    found = finish(compare_heads([Partial(patterns, tuple(range(6)))]))
    assert np.isnan(found.place[2:]).all()
    assert np.isfinite(found.place[:2]).all()
    assert found.most_similar(0, 1).tolist() == [1]


@pytest.mark.parametrize("name", KNOWN_PATTERNS)
def test_known_patterns_lie_in_the_triangle(name):
    query, key = known_cells(name, TOKENS)
    assert ((key >= 0) & (key <= query) & (query < len(TOKENS)) & (query > 0)).all()
    assert query.size


def test_searching_for_a_known_pattern_is_its_head_score(tiny, tiny_spec):
    run = Run(tiny_spec, TOKENS)
    scores = survey_attention(tiny, run).scores
    for name, score in (("previous", "previous_token"), ("same_token", "duplicate_token"), ("after_same_token", "induction"),
                        ("first", "first_token")):  # fmt: skip
        found = search_heads(LivePatterns(tiny, run), known_cells(name, TOKENS))
        np.testing.assert_allclose(found.score, scores.of(score), atol=1e-6)


def test_a_drawn_pattern_is_the_mean_over_its_queries(tiny, tiny_spec):
    run = Run(tiny_spec, TOKENS)
    patterns = all_patterns(tiny, run)
    found = search_heads(LivePatterns(tiny, run), drawn_cells(((4, 1), (4, 2), (6, 3), (4, 1)), len(TOKENS)))
    expected = (patterns[:, :, 4, 1] + patterns[:, :, 4, 2] + patterns[:, :, 6, 3]) / 2
    np.testing.assert_allclose(found.score, expected, atol=1e-6)
    assert found.n_queries == 2


def test_cells_that_are_not_there_are_said_so(tiny, tiny_spec):
    with pytest.raises(InterpError, match="query 3 to key 5"):
        drawn_cells(((3, 5),), 8)
    with pytest.raises(InterpError, match="nothing to look for"):
        search_heads(LivePatterns(tiny, Run(tiny_spec, (0, 5, 6))), known_cells("same_token", (0, 5, 6)))


def test_aggregates_equal_their_definitions():
    patterns = random_patterns(3, 2, 7)
    known = KnownPatterns(patterns, tuple(range(7)))
    means = patterns.mean(1)
    np.testing.assert_array_equal(aggregate_attention(known, "head", 1, 1), patterns[1, 1])
    np.testing.assert_allclose(aggregate_attention(known, "layer_mean", 2, 0), means[2], atol=1e-6)
    np.testing.assert_allclose(aggregate_attention(known, "mean", 0, 0), means.mean(0), atol=1e-6)
    np.testing.assert_allclose(aggregate_attention(known, "largest", 0, 0), means.max(0), atol=1e-6)
    rollout = np.eye(7)
    for mean in means:
        rollout = (0.5 * mean + 0.5 * np.eye(7)) @ rollout
    found = aggregate_attention(known, "rollout", 0, 0)
    np.testing.assert_allclose(found, rollout, atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    assert np.abs(found - means.mean(0)).max() > 0.01
