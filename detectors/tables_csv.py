"""CSV files."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import nan
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from burnline.detectors.blocks import BLOCK, Block
from burnline.detectors.columns import Values
from burnline.errors import Problem, SpecError

LARGEST_CELL = 1 << 24  # characters; text sent to a model may be long


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
