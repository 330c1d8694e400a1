"""Neuronpedia's export layout, read one feature at a time from a folder or a zip.

Its files are cut by feature, but not all of them at the same features: rows of activations and explanations are put into a
temporary database first, so that memory holds one feature whatever the order.
"""

import json
import re
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from interp_core.errors import ExchangeError
from interp_core.exchange.neuronpedia_columns import Row, index_of
from interp_core.exchange.neuronpedia_reading import MOST_EXAMPLES, document_of
from interp_core.exchange.packed_lines import MOST_UNPACKED, Packed
from interp_core.exchange.plain_json import parse

_FILE = re.compile(r"(?:(?P<root>.+)/)?(?P<table>features|activations|explanations)[^/]*/[^/]+\.jsonl(?:\.gz)?")
_BATCH = 1000


def read_export(
    source: Path | BufferedIOBase,
    what: str,
    features: Collection[int] | None = None,
    most_bytes: int = MOST_UNPACKED,
) -> Iterator[Row]:
    """The dashboards of an export, in the order of its files. Takes disk for all rows of activations that are wanted.

    Args:
        source: A folder that holds one source or several, or a zip of it.
        what: Names it in messages.
        features: Only these; all if absent.
        most_bytes: Of all its lines together.

    Raises:
        ExchangeError: It is no such export, is damaged, or holds more than is read.
    """
    packed = Packed(source, what, most_bytes)
    roots: dict[str, dict[str, list[str]]] = {}
    for name in sorted(packed.sizes, key=_natural):
        if found := _FILE.fullmatch(name):
            roots.setdefault(found["root"] or "", {}).setdefault(found["table"], []).append(name)
    roots = {root: tables for root, tables in roots.items() if "features" in tables}
    if not roots:
        raise ExchangeError(
            f"{what} holds no features/*.jsonl.gz, so it is no export of Neuronpedia. Give the folder of a source, or a zip of it."
        )
    for root, tables in roots.items():
        yield from _read_source(packed, root, tables, features)


def _read_source(
    packed: Packed, root: str, tables: dict[str, list[str]], features: Collection[int] | None
) -> Iterator[Row]:
    source = next(_rows(packed, [f"{root}/source.jsonl" if root else "source.jsonl"]), None)
    with tempfile.TemporaryDirectory(prefix="hookscope-") as folder:
        kept = sqlite3.connect(Path(folder) / "rows.sqlite")
        try:
            for table in ("activations", "explanations"):
                _keep(kept, table, _rows(packed, tables.get(table, [])), features)
            for row in _rows(packed, tables["features"]):
                index = index_of(row)
                if features is None or index in features:
                    activations, explanations = _found(kept, "activations", index), _found(kept, "explanations", index)
                    yield document_of(row, activations, explanations, source)
        finally:
            kept.close()


def _keep(kept: sqlite3.Connection, table: str, rows: Iterator[Row], features: Collection[int] | None) -> None:
    kept.execute(f"create table {table} (feature integer, row text)")
    counts: dict[int, int] = {}
    waiting: list[tuple[int, str]] = []
    for row in rows:
        index = index_of(row)
        counts[index] = counts.get(index, 0) + 1
        if counts[index] > MOST_EXAMPLES:
            raise ExchangeError(
                f"Feature {index} has more than {MOST_EXAMPLES} rows of {table}, which is more than is shown. Get a smaller export."
            )
        if features is None or index in features:
            waiting.append((index, json.dumps(row)))
        if len(waiting) == _BATCH:
            kept.executemany(f"insert into {table} values (?, ?)", waiting)
            waiting.clear()
    kept.executemany(f"insert into {table} values (?, ?)", waiting)
    kept.execute(f"create index {table}_by_feature on {table} (feature)")


def _found(kept: sqlite3.Connection, table: str, index: int) -> list[Row]:
    found = kept.execute(f"select row from {table} where feature = ? order by rowid", (index,))
    return [json.loads(text) for (text,) in found]


def _rows(packed: Packed, names: list[str]) -> Iterator[Row]:
    for name in names:
        for line in packed.lines(name):
            row = parse(line, name)
            if not isinstance(row, dict):
                raise ExchangeError(f"{name} holds a line that is no row: {str(row)[:60]!r}.")
            yield row


def _natural(name: str) -> list[Any]:
    """`batch-2` before `batch-10`."""
    parts = [part.lstrip("0") if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
    return [(len(part) if place % 2 else -1, part) for place, part in enumerate(parts)]  # every second one is a number
