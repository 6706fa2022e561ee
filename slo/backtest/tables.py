"""History as a table: CSV or Parquet with the columns time, bad, total, and slo where it holds more than one."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from burnline.errors import Problem, SpecError
from burnline.slo.backtest.samples import LATEST
from burnline.spec.words import choice, shown

NEEDED = ("time", "bad", "total")
COLUMNS = (*NEEDED, "slo")
PARQUET = (".parquet", ".pq")
BATCH_ROWS = 65_536


@dataclass(slots=True)
class Rows:
    """Events of one SLO: `bad` of `total` since the row before, at `at` (seconds since 1970)."""

    at: array[float] = field(default_factory=lambda: array("d"))
    bad: array[float] = field(default_factory=lambda: array("d"))
    total: array[float] = field(default_factory=lambda: array("d"))

    def ends_at(self) -> datetime:
        """The moment of the last row."""
        return datetime.fromtimestamp(max(self.at), UTC)

    def until(self, end: datetime | None) -> Rows:
        """What is not later than `end`."""
        last = math.inf if end is None else end.timestamp()
        keep = [at <= last for at in self.at]
        return Rows(*(array("d", compress(values, keep)) for values in (self.at, self.bad, self.total)))

    def ordered(self) -> Iterator[tuple[float, float, float]]:
        """Rows in time order; rows of one moment are added up."""
        at, bad, total = (np.frombuffer(values) for values in (self.at, self.bad, self.total))
        moments, home = np.unique(at, return_inverse=True)
        sums = (np.bincount(home, weights=values) for values in (bad, total))
        yield from zip(moments.tolist(), *(values.tolist() for values in sums), strict=True)


def read_table(path: Path, slo: str = "") -> dict[str, Rows]:
    """Rows by SLO; a table without the column `slo` is all about `slo`.

    Raises: SpecError naming the file, the row, the column, what was found and what would be accepted.
    """
    found: dict[str, Rows] = {}
    for number, row in _parquet(path) if path.suffix in PARQUET else _csv(path):
        name = str(row.get("slo") or slo)
        if not name:
            raise _problem(path, number, "slo", "is missing; name the SLO on the command line, or in a column `slo`")
        at, bad, total = (
            _moment(path, number, row["time"]),
            _count(path, number, "bad", row),
            _count(path, number, "total", row),
        )
        if bad > total:
            raise _problem(path, number, "bad", f"is {bad:g}, more than the total of {total:g}")
        rows = found.setdefault(name, Rows())
        rows.at.append(at)
        rows.bad.append(bad)
        rows.total.append(total)
    return found


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_columns(path, reader.fieldnames or ())
            for row in reader:
                if None in row or None in row.values():
                    raise _problem(path, reader.line_num, "", "has another number of columns than the first line")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _problem(path, 0, "", f"cannot be read: {error}") from error


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise _problem(path, 0, "", "needs pyarrow: install burnline[parquet]") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if name in COLUMNS]
            _check_columns(path, names)
            number = 0
            for batch in file.iter_batches(BATCH_ROWS, columns=names):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (OSError, pyarrow.lib.ArrowException) as error:
        raise _problem(path, 0, "", f"cannot be read as Parquet: {error}") from error


def _check_columns(path: Path, names: Any) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise _problem(
            path, 1, "", f"has no column {choice(missing)}; needed: time, bad, total, and slo for several SLOs"
        )


def _moment(path: Path, number: int, written: Any) -> float:
    seconds = _seconds(written)
    if seconds is None or not 0 <= seconds < LATEST:
        form = "write unix seconds, or 2026-01-05T12:00:00Z, before the year 2100"
        raise _problem(path, number, "time", f"is {shown(written)}; {form}")
    return seconds


def _seconds(written: Any) -> float | None:
    try:
        return float(written)
    except (TypeError, ValueError):
        pass
    try:
        moment = written if isinstance(written, datetime) else datetime.fromisoformat(str(written))
        return moment.timestamp() if moment.tzinfo else _utc(moment)
    except (ValueError, OverflowError):
        return None


def _utc(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 - both without a zone: UTC


def _count(path: Path, number: int, column: str, row: Mapping[str, Any]) -> float:
    try:
        count = float(row[column])
    except (TypeError, ValueError):
        count = math.nan
    if not 0 <= count < 2.0**43:
        raise _problem(path, number, column, f"is {shown(row[column])}; write a number of events, 0 or more")
    return count


def _problem(path: Path, line: int, column: str, message: str) -> SpecError:
    return SpecError([Problem(str(path), line, column, message)])
