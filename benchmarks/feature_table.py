"""How long the feature browser's table takes to answer, on 100,000 made-up features: `python -m benchmarks.feature_table`."""

import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as arrow

from interp_core.feature_table import FeatureQuery, FeatureTable

N, PAGE, TIMES = 100_000, 50, 21
_ASKED = {
    "first page": (FeatureQuery(), 0),
    "page 1,001 by density": (FeatureQuery(order="density", descending=True), 50_000),
    "one word": (FeatureQuery(find="w17"), 0),
    "three words by largest activation": (FeatureQuery(find="w1 w2 w3", order="largest", descending=True), 0),
    "page 1,001 by label": (FeatureQuery(order="label"), 50_000),
    "density between 0.1 and 0.2": (FeatureQuery(least=0.1, most=0.2), 0),
    "dead": (FeatureQuery(state="dead"), 0),
    "labelled by the user": (FeatureQuery(state="labelled"), 0),
}


def made_up() -> tuple[arrow.Table, arrow.Table]:
    """A harvest's table and an atlas of words w0 to w4999."""
    rng = np.random.default_rng(0)
    words = np.array([f" w{index}" for index in range(5000)], dtype=object)
    fired = rng.integers(0, 1000, N) * (rng.random(N) > 0.1)
    top, promoted, suppressed = (
        arrow.array(words[rng.integers(0, len(words), (N, 5))].tolist(), arrow.list_(arrow.string())) for _ in range(3)
    )
    feature = arrow.array(np.arange(N, dtype=np.int32))
    harvested = arrow.table({
        "feature": feature, "fired": fired.astype(np.int64), "density": fired / 1000,
        "largest": rng.gamma(2, 5, N).astype(np.float32), "mean": rng.random(N), "windows": fired.astype(np.int64),
        "top_tokens": top, "label": [f"“w{index}”" for index in rng.integers(0, 5000, N)],
    })  # fmt: skip
    x, y = rng.random((2, N)).astype(np.float32)
    return harvested, arrow.table({"feature": feature, "x": x, "y": y, "promoted": promoted, "suppressed": suppressed})


def main() -> None:
    """Print medians in milliseconds."""
    tables = made_up()
    begun = time.perf_counter()
    table = FeatureTable(N, *tables)
    table.set_labels({index: f"label {index}" for index in range(0, N, 50)})
    print(f"{N:,} features; made in {time.perf_counter() - begun:.2f} s. Count and one page of {PAGE}, {TIMES} times:")
    for name, (query, first) in _ASKED.items():
        print(f"{name:36} {_median(lambda q=query, f=first: (table.count(q), table.find(q, f, PAGE)))}")
    print(f"{'all that a word is in, for the map':36} {_median(lambda: table.matching(FeatureQuery(find='w17')))}")


def _median(ask: Callable[[], object]) -> str:
    seconds = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - begun)
    return f"median {1000 * statistics.median(seconds):5.1f} ms, longest {1000 * max(seconds):5.1f} ms"


if __name__ == "__main__":
    main()
