"""Parquet files are read in memory that does not grow with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from burnline.detectors.tables.parquet import ParquetTable


def test_what_was_read_of_a_file_does_not_stay_in_memory(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rng, path = np.random.default_rng(1), tmp_path / "t.parquet"
    parquet.write_table(pa.table({f"n{at}": rng.normal(size=300_000) for at in range(4)}), path, row_group_size=10_000)
    before, held = pa.total_allocated_bytes(), []
    table = ParquetTable(path)

    rows = 0
    for block in table.blocks(table.columns, table.columns):
        rows += block.rows
        held.append(pa.total_allocated_bytes() - before)

    assert rows == 300_000
    assert max(held) < path.stat().st_size / 3
