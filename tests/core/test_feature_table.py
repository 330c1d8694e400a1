"""The table of all features answers as pandas does, whatever words it is asked with, and reaches nothing outside itself."""

import time

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_core.feature_table import FEATURE_ORDERS, FEATURE_STATES, FeatureQuery, FeatureTable

N = 100_000
EFFECTS = {5: 0.25, 3: 0.0, 70_000: 0.25, 99_999: -0.1, 200_000: 1.0}
"""Of few features, one of which there is not."""
WORDS = [
    "the",
    " The",
    " Paris",
    "ß",
    "É",
    "'; drop table features; --",
    "%",
    "_",
    "\\",
    "<b>",
    "日本",
    "\n",
    "a\x00b",
    '"',
]


def made(n, seed=0):
    """A harvest's table and an atlas of `n` features, some of them unknown."""
    rng = np.random.default_rng(seed)
    fired = rng.integers(0, 1000, n) * (rng.random(n) > 0.1)
    words = np.array(WORDS, dtype=object)
    tokens = [words[row].tolist() for row in rng.integers(0, len(WORDS), (n, 3))]
    harvested = arrow.table({
        "feature": arrow.array(np.arange(n, dtype=np.int32)), "fired": fired.astype(np.int64), "density": fired / 1000,
        "largest": rng.gamma(2, 5, n).astype(np.float32).round(1), "mean": rng.random(n).round(2),
        "windows": fired.astype(np.int64), "top_tokens": arrow.array(tokens, arrow.list_(arrow.string())),
        "label": arrow.array([f"“{row[0]}”" if count else "" for row, count in zip(tokens, fired, strict=True)]),
    })  # fmt: skip
    promoted = [words[row].tolist() for row in rng.integers(0, len(WORDS), (n, 5))]
    atlas = arrow.table({
        "feature": arrow.array(np.arange(n, dtype=np.int32)), "x": rng.random(n).astype(np.float32),
        "y": rng.random(n).astype(np.float32), "promoted": arrow.array(promoted, arrow.list_(arrow.string())),
        "suppressed": arrow.array(promoted, arrow.list_(arrow.string())),
    })  # fmt: skip
    return harvested, atlas


def by_pandas(harvested, atlas, labels, query):
    """The same question, answered the plain way."""
    table = harvested.to_pandas().merge(atlas.to_pandas(), on="feature")
    table["own"] = table["feature"].map(labels)
    table["loss_effect"] = table["feature"].map(EFFECTS)
    text = [
        "\n".join([row.label, *row.top_tokens, *row.promoted, row.own if isinstance(row.own, str) else ""]).lower()
        for row in table.itertuples()
    ]
    keep = pd.Series(True, index=table.index)
    for word in query.find.split():
        keep &= np.array([word.lower() in one for one in text])
    if query.least is not None:
        keep &= table["density"] >= query.least
    if query.most is not None:
        keep &= table["density"] <= query.most
    keep &= {"all": True, "alive": table["fired"] > 0, "dead": table["fired"] == 0, "labelled": table["own"].notna()}[
        query.state
    ]
    table["label"] = table["own"].fillna(table["label"].where(table["label"] != "")).str.lower()
    table["by"] = (
        table[query.order]
        if query.order != "label"
        else table["label"].map(lambda one: one.encode() if isinstance(one, str) else one)
    )
    kept = table[keep]
    known = kept[kept["by"].notna()].sort_values("feature")
    known = known.sort_values("by", ascending=not query.descending, kind="stable")
    return [*known["feature"], *kept[kept["by"].isna()]["feature"].sort_values()]


@pytest.fixture(scope="module")
def large():
    return made(N)


@pytest.fixture(scope="module")
def labels():
    return {5: "My Label", 99_999: "the last", 70_000: "ΟΔΟΣ 100%"}


@pytest.fixture(scope="module")
def table(large, labels):
    known = FeatureTable(N, *large)
    known.set_labels(labels)
    known.set_effects(EFFECTS)
    return known


@pytest.mark.parametrize(
    "query",
    [FeatureQuery(order=order, descending=down) for order in FEATURE_ORDERS for down in (False, True)]
    + [FeatureQuery(state=state, find=find) for state in FEATURE_STATES for find in ("", "the PARIS", "100%")]
    + [
        FeatureQuery(least=0.2, most=0.3, order="density"),
        FeatureQuery(find="the", least=0.999),
        FeatureQuery(find="none"),
    ],
)
def test_a_hundred_thousand_features_are_found_as_pandas_finds_them(table, large, labels, query):
    expected = by_pandas(*large, labels, query)
    assert table.count(query) == len(expected)
    assert table.find(query, 100, 50)["feature"].to_pylist() == expected[100:150]
    assert table.find(query)["feature"].to_pylist() == expected
    assert table.matching(query).tolist() == sorted(expected)


@settings(deadline=None, max_examples=60)
@given(find=st.text(max_size=30) | st.sampled_from(WORDS), order=st.sampled_from(FEATURE_ORDERS), down=st.booleans())
def test_any_text_is_a_search_and_nothing_else(find, order, down):
    table = FeatureTable(60, *made(60))
    found = table.find(FeatureQuery(find=find, order=order, descending=down))
    text = {
        row["feature"]: "\n".join([row["automatic"] or "", *row["top_tokens"], *row["promoted"]])
        for row in found.to_pylist()
    }
    words = [word for word in find.split() if word.isascii() and not word.lower().startswith(("l", "f"))]
    for one in text.values():
        assert all(word.lower() in one.lower() for word in words)
    assert table.count(FeatureQuery()) == 60


@pytest.mark.parametrize("find", ["f31", "F31", "L2F31", "l14f31", " F31 "])
def test_a_printed_name_finds_its_feature(find):
    assert FeatureTable(60, *made(60)).matching(FeatureQuery(find=find)).tolist() == [31]
    assert FeatureTable(20, *made(20)).matching(FeatureQuery(find=find)).tolist() == []


def test_a_table_without_harvest_or_atlas_still_has_every_feature():
    table = FeatureTable(7)
    assert table.find(FeatureQuery(order="density", descending=True))["feature"].to_pylist() == list(range(7))
    assert table.count(FeatureQuery(state="dead")) == table.count(FeatureQuery(state="alive")) == 0
    assert table.find(FeatureQuery(), 0, 1).to_pylist()[0]["density"] is None
    atlas = FeatureTable(7, None, made(7)[1])
    assert atlas.count(FeatureQuery(find="paris")) > 0


def test_labels_are_replaced_found_and_told_apart_from_automatic_ones():
    table = FeatureTable(60, *made(60))
    automatic = table.rows([3])["automatic"].to_pylist()
    table.set_labels({3: "rivers of Asia"})
    assert table.matching(FeatureQuery(find="ASIA rivers")).tolist() == [3]
    assert table.rows([3]).select(["own", "automatic"]).to_pylist() == [
        {"own": "rivers of Asia", "automatic": automatic[0]}
    ]
    table.set_labels({4: "lakes", 5: "'); delete from labels; --"})
    assert table.matching(FeatureQuery(state="labelled")).tolist() == [4, 5]
    assert table.matching(FeatureQuery(find="asia")).tolist() == []
    table.set_labels({})
    assert table.count(FeatureQuery(state="labelled")) == 0


def test_features_whose_loss_effect_is_not_known_come_last_either_way():
    table = FeatureTable(8, *made(8))
    assert table.find(FeatureQuery(order="loss_effect"))["loss_effect"].null_count == 8
    table.set_effects({6: -0.5, 2: 0.25, 4: 0.25})
    for down, first in ((False, [6, 2, 4]), (True, [2, 4, 6])):
        found = table.find(FeatureQuery(order="loss_effect", descending=down))
        assert found["feature"].to_pylist() == [*first, 0, 1, 3, 5, 7]
    assert table.rows([2, 3])["loss_effect"].to_pylist() == [0.25, None]
    table.set_effects({3: 1.0})
    assert table.rows([2, 3])["loss_effect"].to_pylist() == [None, 1.0]
    assert table.count(FeatureQuery(find="")) == 8


def test_rows_come_in_the_order_in_which_they_are_asked_for():
    table = FeatureTable(60, *made(60))
    assert table.rows([7, 2, 59, 60, 7])["feature"].to_pylist() == [7, 2, 59, 7]
    assert len(table.rows([])) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')", "copy features to '/tmp/stolen.csv'", "attach '/tmp/other.db'",
        "install httpfs", "load httpfs", "set enable_external_access = true", "set memory_limit = '10GB'",
        "select * from outside",
    ],
)  # fmt: skip
def test_the_database_reaches_no_file_and_no_variable_and_stays_locked(sql):
    import duckdb  # noqa: PLC0415  held by a module of pytest's, DuckDB reports leaks in the end

    outside = arrow.table({"x": [1]})
    assert len(outside) == 1
    with pytest.raises(duckdb.Error):
        FeatureTable(5)._ask(sql, [])


def test_a_word_too_many_is_passed_over():
    table = FeatureTable(60, *made(60))
    begun = time.monotonic()
    table.count(FeatureQuery(find="the " * 20_000))
    assert time.monotonic() - begun < 5
