"""Parquet files of a bundle: a row group a table, flushed. No torch here."""

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as arrow
from pyarrow import parquet


def write_groups(path: Path, tables: Iterable[arrow.Table]) -> None:
    """Write tables of one schema, at least one, each as a row group of its own."""
    writer = None
    for table in tables:
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=max(1, len(table)))
    assert writer is not None
    writer.close()
    with path.open("rb+") as file:
        os.fsync(file.fileno())
