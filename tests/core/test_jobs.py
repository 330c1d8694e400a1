"""The result cache is bounded in bytes, and nobody can change what another session sees."""

from dataclasses import dataclass

import numpy as np
import pytest

from interp_core.jobs import ResultCache, size_of


@dataclass(frozen=True)
class Result:
    values: np.ndarray
    names: tuple[str, ...] = ()


def result(n_bytes: int) -> Result:
    return Result(np.zeros(n_bytes, np.uint8))


def test_the_least_recently_used_result_goes_first():
    cache = ResultCache(3000)
    for key in "ab":
        cache.put(key, result(1000))
    cache.get("a")
    cache.put("c", result(1000))
    assert cache.get("a") is not None
    assert cache.get("b") is None
    assert cache.usage()[1] <= 3000


def test_a_result_larger_than_the_cache_is_not_kept_and_evicts_nothing():
    cache = ResultCache(2000)
    cache.put("small", result(500))
    cache.put("huge", result(5000))
    assert cache.get("huge") is None
    assert cache.get("small") is not None


def test_putting_a_key_again_does_not_count_it_twice():
    cache = ResultCache(10_000)
    for _ in range(5):
        cache.put("same", result(1000))
    assert cache.usage()[0] == 1
    assert cache.usage()[1] < 1500


def test_shrinking_the_limit_drops_results():
    cache = ResultCache(10_000)
    for key in range(8):
        cache.put(key, result(1000))
    cache.resize(2500)
    assert cache.usage()[0] == 2


def test_cached_arrays_are_read_only():
    cache = ResultCache(10_000)
    cache.put("a", result(10))
    with pytest.raises(ValueError, match="read-only"):
        cache.get("a").values[0] = 1


def test_the_size_counts_arrays_inside_containers():
    assert size_of({"a": (np.zeros(1000), [np.zeros(1000)])}) > 16_000
