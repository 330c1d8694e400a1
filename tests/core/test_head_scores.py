"""Head scores: closed forms on patterns that are made up, and the known heads of the default model."""

import math

import numpy as np
import pytest
import torch

from interp_core.attention import LivePatterns
from interp_core.attention_survey import survey_attention
from interp_core.errors import InterpError
from interp_core.head_scores import (
    HEAD_SCORE_NAMES,
    HEAD_SCORES,
    TokenMatches,
    score_pattern,
    score_prompts,
)
from interp_core.jobs import finish
from interp_core.repeated_tokens import RepeatedTokens, score_repeated_tokens
from interp_core.types import Run
from tests.patterns import all_patterns, random_patterns


def scores_of(pattern: np.ndarray, tokens: tuple[int, ...]) -> dict[str, float]:
    made = score_pattern(torch.from_numpy(pattern.astype(np.float32))[None], TokenMatches.of(tokens))
    return dict(zip(HEAD_SCORE_NAMES, made[:, 0].tolist(), strict=True))


def test_a_perfect_previous_token_head():
    pattern = np.eye(6, k=-1)
    pattern[0, 0] = 1
    found = scores_of(pattern, (7, 1, 2, 3, 4, 5))
    assert found["previous_token"] == 1
    assert found["distance"] == pytest.approx(1)
    assert found["entropy"] == 0
    assert found["first_token"] == pytest.approx(1 / 5)  # only the second token's previous one is the first
    assert math.isnan(found["induction"])
    assert math.isnan(found["duplicate_token"])


def test_a_perfect_induction_head_and_a_perfect_duplicate_head():
    tokens = (0, 5, 6, 7, 5, 6, 7)
    induction, duplicate = np.eye(7), np.eye(7)
    for query in (4, 5, 6):
        induction[query] = np.eye(7)[query - 2]
        duplicate[query] = np.eye(7)[query - 3]
    assert scores_of(induction, tokens)["induction"] == 1
    assert scores_of(induction, tokens)["duplicate_token"] == 0
    assert scores_of(duplicate, tokens)["duplicate_token"] == 1
    assert scores_of(duplicate, tokens)["induction"] == 0


def test_even_attention_has_the_entropy_of_a_logarithm():
    pattern = np.tril(np.ones((9, 9)))
    pattern /= pattern.sum(-1, keepdims=True)
    found = scores_of(pattern, tuple(range(9)))
    assert found["entropy"] == pytest.approx(np.mean([math.log(n) for n in range(2, 10)]), rel=1e-6)
    assert found["distance"] == pytest.approx(np.mean([n / 2 for n in range(1, 9)]), rel=1e-6)


def test_scores_equal_a_slow_definition_on_any_pattern():
    tokens = tuple(np.random.default_rng(3).integers(0, 5, 20).tolist())
    pattern = random_patterns(1, 1, 20)[0, 0]
    duplicate, induction = [], []
    for query in range(1, 20):
        earlier = [key for key in range(query) if tokens[key] == tokens[query]]
        if earlier:
            duplicate.append(sum(pattern[query, key] for key in earlier))
            induction.append(sum(pattern[query, key + 1] for key in earlier))
    found = scores_of(pattern, tokens)
    assert found["duplicate_token"] == pytest.approx(np.mean(duplicate), rel=1e-5)
    assert found["induction"] == pytest.approx(np.mean(induction), rel=1e-5)
    assert found["distance"] == pytest.approx(
        np.mean([sum(pattern[q, k] * (q - k) for k in range(20)) for q in range(1, 20)]), rel=1e-5
    )


def test_a_thousand_identical_tokens_have_scores(tiny, tiny_spec):
    found = survey_attention(tiny, Run(tiny_spec, (0,) + (9,) * 250)).scores
    assert np.isfinite(found.values).all()
    # Every earlier position but BOS holds the token, so duplicates and what is left of a row make 1.
    pattern = all_patterns(tiny, Run(tiny_spec, (0,) + (9,) * 250))
    expected = np.mean([pattern[:, :, query, 1:query].sum(-1) for query in range(2, 251)], axis=0)
    np.testing.assert_allclose(found.of("duplicate_token"), expected, rtol=1e-4)


def test_one_token_has_no_scores(tiny, tiny_spec):
    assert np.isnan(survey_attention(tiny, Run(tiny_spec, (0,))).scores.values).all()


def test_scores_of_a_batch_are_those_of_its_prompts(tiny, tiny_spec):
    runs = [Run(tiny_spec, (0, 5, 6, 5, 6)), Run(tiny_spec, (0, 9, 8, 7))]
    made = finish(score_prompts([LivePatterns(tiny, run) for run in runs]))
    for run, scores in zip(runs, made, strict=True):
        np.testing.assert_array_equal(scores.values, survey_attention(tiny, run).scores.values)


def test_the_repeated_tokens_test_equals_plain_diagonals(tiny):
    test = RepeatedTokens(n_tokens=20, n_sequences=6, seed=1)
    found = finish(score_repeated_tokens(tiny, test))
    patterns = np.stack(
        [
            all_patterns(tiny, Run(tiny.spec, tokens))
            for tokens in test.sequences(tiny.card.d_vocab, tiny.tokenizer.bos_id)
        ]
    )
    second = range(21, 41)
    for name, back in (("previous_token", 1), ("duplicate_token", 20), ("induction", 19)):
        expected = np.mean([patterns[:, :, :, query, query - back] for query in second], axis=(0, 1))
        np.testing.assert_allclose(found.of(name), expected, atol=1e-5)


def test_the_repeated_tokens_are_the_same_each_time_and_hold_no_token_twice():
    test = RepeatedTokens()
    sequences = test.sequences(1000, bos=7)
    assert sequences == test.sequences(1000, bos=7)
    assert len(sequences) == 16
    for tokens in sequences:
        assert tokens[0] == 7
        assert tokens[1:61] == tokens[61:]
        assert len(set(tokens)) == 61


def test_a_small_vocabulary_is_said_so():
    with pytest.raises(InterpError, match="more than 60 tokens and this vocabulary has 50"):
        RepeatedTokens().sequences(50, None)


def test_every_score_says_what_it_is_and_where_it_comes_from():
    assert tuple(HEAD_SCORES) == HEAD_SCORE_NAMES
    assert all(kind.definition and kind.unit and kind.source for kind in HEAD_SCORES.values())


@pytest.mark.default_model
def test_the_known_heads_of_the_default_model(default_model):
    found = finish(score_repeated_tokens(default_model))
    induction = found.of("induction")
    order = [divmod(int(place), 9) for place in np.argsort(-induction, axis=None)[:3]]
    assert order == [(18, 6), (17, 3), (17, 4)]
    assert induction[18, 6] == pytest.approx(0.90, abs=0.02)
    previous = found.of("previous_token")
    assert np.unravel_index(previous.argmax(), previous.shape) == (16, 0)
    assert previous[16, 0] == pytest.approx(0.89, abs=0.02)
