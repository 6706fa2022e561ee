"""Tables of events by where they are: CSV, Parquet, or what a database answers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from burnline.detectors.tables.blocks import Table
from burnline.detectors.tables.csv import CsvTable


def open_table(place: str, *, database: str = "", exact: Collection[str] = ()) -> Table:
    """A CSV file (`-` is standard input; `.gz` is unpacked), a Parquet file, or with `database` a query to it.

    Whole numbers in the columns `exact` stay whole, which as floats would not all be told apart.

    Raises: SpecError when it cannot be opened, or has no header of distinct names.
    """
    if database:
        from burnline.detectors.tables.sql import QueryTable

        return QueryTable(place, database)
    if Path(place).suffix.lower() in (".parquet", ".pq"):
        from burnline.detectors.tables.parquet import ParquetTable

        return ParquetTable(Path(place), exact)
    return CsvTable(place)
