"""Parquet files of a bundle: a row group a table, flushed. No torch here."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as arrow
from pyarrow import parquet

from interp_core.files import sync_file

_LEVEL = 9


def write_groups(path: Path, tables: Iterable[arrow.Table]) -> None:
    """Write tables of one schema, at least one, each as a row group of its own."""
    writer = None
    for table in tables:
        # Dictionaries of token ids and of activations are larger than what they save: measured, a third of the file.
        few = [field.name for field in table.schema if arrow.types.is_integer(field.type)]
        writer = writer or parquet.ParquetWriter(
            path,
            table.schema,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=few,  # type: ignore[arg-type]  the stubs know only bool
        )
        writer.write_table(table, row_group_size=max(1, len(table)))
    assert writer is not None
    writer.close()
    sync_file(path)
