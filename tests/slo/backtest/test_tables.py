"""History as CSV and Parquet: what is read, and what is refused, by row and column."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.errors import SpecError
from burnline.slo.backtest.tables import read_table


def csv_file(folder: Path, *lines: str, head: str = "time,bad,total") -> Path:
    path = folder / "history.csv"
    path.write_text("\n".join((head, *lines)) + "\n")
    return path


def problem(path: Path, slo: str = "a") -> str:
    with pytest.raises(SpecError) as refused:
        read_table(path, slo)
    return str(refused.value).removeprefix(f"{path.parent}/")


@pytest.mark.parametrize("written", ["1767614400", "1767614400.0", "2026-01-05T12:00:00Z", "2026-01-05T13:00:00+01:00"])
def test_time_is_unix_seconds_or_a_moment(tmp_path: Path, written: str) -> None:
    rows = read_table(csv_file(tmp_path, f"{written},1,10"), "a")["a"]

    assert list(rows.ordered()) == [(1767614400.0, 1.0, 10.0)]


def test_rows_need_no_order_and_those_of_one_moment_are_added(tmp_path: Path) -> None:
    rows = read_table(csv_file(tmp_path, "120,1,5", "60,0,3", "120,2,5"), "a")["a"]

    assert list(rows.ordered()) == [(60.0, 0.0, 3.0), (120.0, 3.0, 10.0)]


def test_a_column_names_the_slo_where_there_are_several(tmp_path: Path) -> None:
    found = read_table(csv_file(tmp_path, "60,a,0,3", "60,b,1,3", head="time,slo,bad,total"))

    assert sorted(found) == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("noon,1,10", "history.csv:3: time: is 'noon'; write unix seconds, or 2026-01-05T12:00:00Z"),
        ("-5,1,10", "history.csv:3: time: is '-5'; write unix seconds"),
        ("99999999999,1,10", "history.csv:3: time: is '99999999999'; write unix seconds"),
        ("nan,1,10", "history.csv:3: time: is 'nan'; write unix seconds"),
        ("120,-1,10", "history.csv:3: bad: is '-1'; write a number of events, 0 or more"),
        ("120,1,lots", "history.csv:3: total: is 'lots'; write a number of events"),
        ("120,1,inf", "history.csv:3: total: is 'inf'; write a number of events"),
        ("120,11,10", "history.csv:3: bad: is 11, more than the total of 10"),
        ("120,1", "history.csv:3: has another number of columns than the first line"),
        ("120,1,10,5", "history.csv:3: has another number of columns than the first line"),
    ],
)
def test_a_row_that_makes_no_sense_is_told_by_line_and_column(tmp_path: Path, line: str, told: str) -> None:
    assert problem(csv_file(tmp_path, "60,1,10", line)).startswith(told)


def test_a_table_without_its_columns_says_which_it_needs(tmp_path: Path) -> None:
    told = problem(csv_file(tmp_path, head="when,bad,all"))

    assert told == "history.csv:1: has no column time or total; needed: time, bad, total, and slo for several SLOs"


def test_a_table_of_an_unnamed_slo_asks_for_it(tmp_path: Path) -> None:
    assert "slo: is missing; name the SLO" in problem(csv_file(tmp_path, "60,1,10"), slo="")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "cannot be read: " in problem(tmp_path / "none.csv")


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "history.parquet"
    moments = [datetime(2026, 1, 5, 12, minute, tzinfo=UTC) for minute in (0, 1)]
    pq.write_table(pa.table({"time": moments, "bad": [0, 1], "total": [5, 6], "note": ["x", "y"]}), path)

    rows = read_table(path, "a")["a"]

    assert list(rows.ordered()) == [(1767614400.0, 0.0, 5.0), (1767614460.0, 1.0, 6.0)]


def test_a_moment_of_another_century_is_told(tmp_path: Path) -> None:
    path = tmp_path / "history.parquet"
    pq.write_table(pa.table({"time": [datetime(1900, 1, 1, tzinfo=UTC)], "bad": [0], "total": [5]}), path)

    assert "time: is datetime.datetime(1900" in problem(path)


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "history.parquet"
    path.write_bytes(b"PAR1 but not really")

    assert "cannot be read as Parquet" in problem(path)


@given(content=st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "history.csv"
    path.write_bytes(b"time,bad,total\n" + content)

    with suppress(SpecError):
        read_table(path, "a")
