"""Tables of events, read a block at a time: CSV, Parquet, or what a database answers."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import nan
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from burnline.detectors.columns import Values
from burnline.errors import Problem, SpecError

BLOCK = 10_000  # rows held at once
LARGEST_CELL = 1 << 24  # characters; text sent to a model may be long


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows that follow each other; every column has as many values."""

    rows: int
    columns: Mapping[str, Values]

    def part(self, start: int, stop: int) -> Block:
        """The rows from `start` on, before `stop`."""
        return Block(stop - start, {name: column[start:stop] for name, column in self.columns.items()})


class Table(Protocol):
    """Where rows come from.

    Attributes:
        name: for messages; of a file its path.
        columns: all there are, in order.
        typed: the source itself says which columns are numbers; text of a CSV file does not.
        repeatable: `blocks` may be asked for more than once.
    """

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def typed(self) -> bool: ...
    @property
    def repeatable(self) -> bool: ...

    def blocks(self, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
        """All rows, of the `wanted` columns alone; in an untyped table `numbers` are the columns that hold numbers.

        Raises: SpecError naming the file, and the line where there is one.
        """
        ...


def open_table(place: str, *, database: str = "") -> Table:
    """A CSV file (`-` is standard input; `.gz` is unpacked), a Parquet file, or with `database` a query to it.

    Raises: SpecError when it cannot be opened, or has no header of distinct names.
    """
    if database:
        from burnline.detectors.tables_sql import QueryTable

        return QueryTable(place, database)
    if Path(place).suffix.lower() in (".parquet", ".pq"):
        from burnline.detectors.tables_parquet import ParquetTable

        return ParquetTable(Path(place))
    return CsvTable(place)


def pick(table: Table, wanted: Collection[str]) -> None:
    """Check that the columns are there.

    Raises: SpecError naming every one that is not, and what there is.
    """
    there = ", ".join(table.columns[:20]) + (", ..." if len(table.columns) > 20 else "")
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise SpecError([Problem(table.name, 0, name, f"no such column; there is {there}") for name in missing])


class CsvTable:
    """A CSV file with a header; an empty cell is a missing value."""

    typed = False

    def __init__(self, place: str) -> None:
        self.name = "standard input" if place == "-" else place
        self.repeatable = place != "-"
        self._place = place
        self._rest: Iterator[Block] | None = None
        self._stdin: Any = None
        if place == "-":
            self._stdin = csv.reader(sys.stdin, strict=True)
            self.columns: Sequence[str] = self._header(self._stdin)
            return
        with self._reader() as reader:
            self.columns = self._header(reader)

    def blocks(self, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
        places = [at for at, name in enumerate(self.columns) if name in wanted]
        with self._reader() as reader:
            if self.repeatable:
                self._header(reader)
            while rows := self._rows(reader):
                cells = list(zip(*rows, strict=True))
                columns: dict[str, Values] = {}
                for at in places:
                    name = self.columns[at]
                    columns[name] = as_numbers(cells[at]) if name in numbers else as_text(cells[at])
                yield Block(len(rows), columns)

    def _rows(self, reader: Any) -> list[list[str]]:
        """The next rows; an empty line is none."""
        with self._told(reader):
            rows = [row for row in islice(reader, BLOCK) if row]
            while not rows and (more := list(islice(reader, BLOCK))):
                rows = [row for row in more if row]
        width = len(self.columns)
        if any(len(row) != width for row in rows):
            self._ragged(rows)
        return rows

    def _ragged(self, rows: list[list[str]]) -> None:
        """Find the line again, reading from the start: while all is well nobody counts lines."""
        width = len(self.columns)
        if self.repeatable:
            with self._reader() as reader:
                for row in reader:
                    if row and len(row) != width:
                        raise self._problem(f"has {len(row)} cells; the header has {width}", reader.line_num)
        found = next(row for row in rows if len(row) != width)
        raise self._problem(f"a row has {len(found)} cells; the header has {width}")

    def _header(self, reader: Any) -> list[str]:
        with self._told(reader):
            header: list[str] = next(reader, [])
        if not header or len(set(header)) < len(header) or "" in header:
            raise self._problem(f"needs a header of distinct column names; found {header}", 1)
        return header

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        csv.field_size_limit(LARGEST_CELL)
        if self._stdin is not None:
            yield self._stdin
            return
        with self._told(None), open_text(self._place) as file:
            yield csv.reader(file, strict=True)

    @contextmanager
    def _told(self, reader: Any) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            line = reader.line_num if reader is not None else 0
            raise self._problem(f"cannot be read as CSV: {error}", line) from error

    def _problem(self, message: str, line: int = 0) -> SpecError:
        return SpecError([Problem(self.name, line, "", message)])


def open_text(place: str) -> TextIO:
    """A text file, unpacked where its name ends in .gz."""
    if place.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(place), newline="", encoding="utf-8-sig")
    return Path(place).open(newline="", encoding="utf-8-sig")


def as_text(cells: Sequence[str]) -> list[str | None]:
    """An empty cell is missing."""
    return [cell or None for cell in cells]


def as_numbers(cells: Sequence[str]) -> Values:
    """Numbers, NaN where a cell is empty; what is no number stays text."""
    try:
        return np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
    except ValueError:
        return _mixed(cells)


def _mixed(cells: Sequence[str]) -> Values:
    try:
        return np.array([float(cell) if cell else nan for cell in cells])
    except ValueError:
        return [_number_or_text(cell) for cell in cells]


def _number_or_text(cell: str) -> float | str | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def find_numbers(table: Table, said: Callable[[int], None]) -> frozenset[str]:
    """The columns of an untyped table whose non-empty cells are all numbers; it is read whole."""
    if table.typed:
        return frozenset()
    open_ones, rows = set(table.columns), 0
    for block in table.blocks(open_ones, open_ones):
        open_ones -= {name for name, column in block.columns.items() if isinstance(column, list)}
        rows += block.rows
        said(rows)
    return frozenset(open_ones)
