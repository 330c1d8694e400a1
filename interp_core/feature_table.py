"""All features of an SAE as one table to search, filter, sort and page: harvest, atlas, labels and loss effects joined in memory. No torch here.

DuckDB answers; it is told to touch no file and no network before the first question, and questions travel as bound parameters.
"""

import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as arrow
from jaxtyping import Int

FeatureOrder = Literal["feature", "density", "largest", "mean", "loss_effect", "label"]
FEATURE_ORDERS: tuple[FeatureOrder, ...] = get_args(FeatureOrder)
FeatureState = Literal["all", "alive", "dead", "labelled"]
FEATURE_STATES: tuple[FeatureState, ...] = get_args(FeatureState)
MEMORY = "1GB"
_HARVESTED = arrow.schema({
    "feature": arrow.int32(), "fired": arrow.int64(), "density": arrow.float64(), "largest": arrow.float32(),
    "mean": arrow.float64(), "windows": arrow.int64(), "top_tokens": arrow.list_(arrow.string()), "label": arrow.string(),
})  # fmt: skip
_ATLAS = arrow.schema({
    "feature": arrow.int32(), "x": arrow.float32(), "y": arrow.float32(),
    "promoted": arrow.list_(arrow.string()), "suppressed": arrow.list_(arrow.string()),
})  # fmt: skip
_MAKE = """
create table features as
select feature, fired, density, largest, mean, windows, top_tokens, nullif(harvested.label, '') as automatic, x, y, promoted,
    suppressed, lower(concat_ws(chr(10), harvested.label, array_to_string(top_tokens, chr(10)),
    array_to_string(promoted, chr(10)))) as words
from (select range::integer as feature from range(?)) left join harvested using (feature) left join atlas using (feature)
order by feature
"""
_COLUMNS = "feature, own, automatic, top_tokens, density, fired, largest, mean, loss_effect, windows, promoted, suppressed, x, y"
_JOIN = "left join labels using (feature) left join effects using (feature)"
_FROM = f"from features {_JOIN}"
_SORTS: dict[FeatureOrder, str] = {
    "feature": "feature", "density": "density", "largest": "largest", "mean": "mean", "loss_effect": "loss_effect",
    "label": "lower(coalesce(own, automatic))",
}  # fmt: skip
_STATES: dict[FeatureState, str] = {
    "all": "true", "alive": "fired > 0", "dead": "fired = 0", "labelled": "own is not null"
}  # fmt: skip
_PRINTED = re.compile(r"(?:l\d+)?f(\d{1,9})", re.IGNORECASE)
MOST_WORDS = 20
"""Words of a search that count; later ones are passed over."""


@dataclass(frozen=True)
class FeatureQuery:
    """Which features, in what order."""

    find: str = ""
    """Words that must all be in a label, a top token or a promoted token, in any case; or a printed name such as L14F231."""
    least: float | None = None
    """Smallest density, 0 to 1."""
    most: float | None = None
    """Largest density, 0 to 1."""
    state: FeatureState = "all"
    """Alive and dead need a harvest; labelled means by the user."""
    order: FeatureOrder = "feature"
    descending: bool = False
    """What is not known comes last either way; ties go by number."""


class FeatureTable:
    """The features of one SAE. Several threads may ask; about 1 kB a feature is held."""

    def __init__(self, d_sae: int, harvested: arrow.Table | None = None, atlas: arrow.Table | None = None) -> None:
        """Join what is known.

        Args:
            d_sae: Features of the SAE, known or not.
            harvested: As `Harvest.table` gives it.
            atlas: As `Atlas.table` holds it.
        """
        # Here, not above: a table that outlives its module would keep DuckDB to the end of Python, which then reports leaks.
        import duckdb  # noqa: PLC0415

        self.d_sae = d_sae
        self._lock = threading.Lock()
        self._labels: dict[int, str] = {}
        self._effects: dict[int, float] = {}
        self._held = [duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY})]
        weakref.finalize(self, _close, self._held)
        tables = {"harvested": (harvested, _HARVESTED), "atlas": (atlas, _ATLAS)}
        for name, (table, schema) in tables.items():
            known = schema.empty_table() if table is None else table.select(schema.names).cast(schema)
            self._database.register(name, known)
        self._database.execute(_MAKE, [d_sae])
        for name in tables:
            self._database.unregister(name)
        self._database.execute("create table labels (feature integer primary key, own varchar)")
        self._database.execute("create table effects (feature integer primary key, loss_effect double)")
        for setting in (
            "python_enable_replacements = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._database.execute(f"set {setting}")

    @property
    def _database(self) -> Any:
        return self._held[0]

    def set_labels(self, labels: Mapping[int, str]) -> None:
        """Use these labels of the user's from now on. Costs nothing where they are the same."""
        with self._lock:
            if labels != self._labels:
                self._replace("labels", "varchar", labels)
                self._labels = dict(labels)

    def set_effects(self, effects: Mapping[int, float]) -> None:
        """Use these mean loss effects, nats, from now on; all others are unknown. Costs nothing where they are the same."""
        with self._lock:
            if effects != self._effects:
                self._replace("effects", "double", effects)
                self._effects = dict(effects)

    def _replace(self, table: str, kind: str, values: Mapping[int, Any]) -> None:
        self._database.begin()
        self._database.execute(f"delete from {table}")
        self._database.execute(
            f"insert into {table} select unnest(?::integer[]), unnest(?::{kind}[])",
            [list(values), list(values.values())],
        )
        self._database.commit()

    def find(self, query: FeatureQuery, first: int = 0, count: int | None = None) -> arrow.Table:
        """Rows that fit, in order: the feature, the user's label (`own`) and the automatic one, tokens, figures and place.

        Args:
            query: What is asked.
            first: Rows to pass over.
            count: Rows at most; all if absent.
        """
        where, values = _where(query)
        direction = "desc" if query.descending else "asc"
        sort = f"{_SORTS[query.order]} {direction} nulls last, feature"
        return self._ask(
            f"select {_COLUMNS} {_FROM} where {where} order by {sort} limit ? offset ?", [*values, count, first]
        )

    def count(self, query: FeatureQuery) -> int:
        """How many features fit."""
        where, values = _where(query)
        return self._ask(f"select count(*) as n {_FROM} where {where}", values)["n"][0].as_py()

    def matching(self, query: FeatureQuery) -> Int[np.ndarray, " found"]:
        """The features that fit, ascending."""
        where, values = _where(query)
        return self._ask(f"select feature {_FROM} where {where} order by feature", values)["feature"].to_numpy()

    def rows(self, features: Sequence[int]) -> arrow.Table:
        """Rows of some features, in the order in which they are given; those that there are not are left out."""
        asked = "(select unnest(?::integer[]) as feature, generate_subscripts(?::integer[], 1) as place)"
        numbers = [int(feature) for feature in features]
        return self._ask(
            f"select {_COLUMNS} from {asked} join features using (feature) {_JOIN} order by place",
            [numbers, numbers],
        )

    def _ask(self, sql: str, values: Sequence[Any]) -> arrow.Table:
        with self._lock:
            return self._database.sql(sql, params=list(values)).to_arrow_table()


def _where(query: FeatureQuery) -> tuple[str, list[Any]]:
    """The condition, of fixed parts alone, and what is bound to it."""
    parts, values = [_STATES[query.state]], []
    for word in query.find.split()[:MOST_WORDS]:
        printed = _PRINTED.fullmatch(word)
        named = "or feature = ?" if printed else ""
        parts.append(f"(contains(concat_ws(chr(10), words, lower(own)), lower(?)) {named})")
        values += [word.encode("utf-8", "replace").decode(), *([int(printed[1])] if printed else [])]
    for bound, sign in ((query.least, ">="), (query.most, "<=")):
        if bound is not None:
            parts.append(f"density {sign} ?")
            values.append(bound)
    return " and ".join(parts), values


def _close(held: list[Any]) -> None:
    """At the latest when Python begins to end."""
    while held:
        held.pop().close()
