"""CSV files."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import TextIO

import numpy as np

from burnline.detectors.columns import Values
from burnline.detectors.tables.blocks import BLOCK, Block
from burnline.errors import Problem, SpecError

LONGEST_ROW = 1 << 24  # characters; text sent to a model may be long
SHOWN = 20  # names of a header that is none, and characters of each
OTHER_MARKS = (";", "\t", "|")  # which tell columns apart elsewhere


class CsvTable:
    """A CSV file with a header; an empty cell is a missing value.

    What is no regular file (standard input, a pipe) gives its rows only once.
    """

    typed = False

    def __init__(self, place: str) -> None:
        self.name = "standard input" if place == "-" else place
        self._place = place
        self._once: _Rows | None = None
        with self._told():
            self.repeatable = place != "-" and Path(place).is_file()
            if not self.repeatable:
                self._once = _Rows(_standard_input() if place == "-" else open_text(place))
        with self._rows() as rows:
            self.columns: Sequence[str] = self._header(rows)

    def blocks(self, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
        places = [at for at, name in enumerate(self.columns) if name in wanted]
        with self._rows() as rows:
            if self.repeatable:
                self._header(rows)
            while found := self._block(rows):
                cells = list(zip(*found, strict=True))
                columns: dict[str, Values] = {}
                for at in places:
                    name = self.columns[at]
                    columns[name] = as_numbers(cells[at]) if name in numbers else as_text(cells[at])
                yield Block(len(found), columns)

    def _block(self, rows: _Rows) -> list[list[str]]:
        """The next rows, fewer where they are long; an empty line is none."""
        width, found, characters = len(self.columns), list[list[str]](), 0
        with self._told(rows):
            for row in rows.reader:
                characters += rows.characters
                rows.characters = 0
                if len(row) == width:
                    found.append(row)
                elif row:
                    raise self._problem(f"has {len(row)} cells; the header has {width}", rows.line)
                if len(found) == BLOCK or (characters > LONGEST_ROW and found):
                    break
        return found

    def _header(self, rows: _Rows) -> list[str]:
        with self._told(rows):
            header: list[str] = next(rows.reader, [])
        rows.characters = 0
        if not header or len(set(header)) < len(header) or "" in header:
            more = ", ..." if len(header) > SHOWN else ""
            found = ", ".join(repr(name[:SHOWN]) for name in header[:SHOWN]) + more
            raise self._problem(f"needs a header of distinct column names; found {found or 'none'}", 1)
        if other := _other_format(header):
            raise self._problem(other, 1)
        return header

    @contextmanager
    def _rows(self) -> Iterator[_Rows]:
        if self._once is not None:
            yield self._once
            return
        with self._told(), open_text(self._place) as file:
            yield _Rows(file)

    @contextmanager
    def _told(self, rows: _Rows | None = None) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            line = rows.line + 1 if rows else 0
            found = f"what follows is not all UTF-8: byte {error.object[error.start]:#04x}, {error.reason}"
            raise self._problem(f"cannot be read as CSV: {found}", line) from error
        except (OSError, EOFError, csv.Error, zlib.error) as error:
            found = getattr(error, "strerror", "") or str(error)
            raise self._problem(f"cannot be read as CSV: {found}", rows.line if rows else 0) from error

    def _problem(self, message: str, line: int = 0) -> SpecError:
        return SpecError([Problem(self.name, line, "", message)])


def _other_format(header: Sequence[str]) -> str:
    """What a header shows to be no CSV with commas; empty where it is one."""
    first = header[0]
    if first.lstrip().startswith('{"'):
        return "looks like JSON lines; a table is CSV with a header, or Parquet"
    mark = next((mark for mark in OTHER_MARKS if mark in first), "") if len(header) == 1 else ""
    return f"has one column, {first[:SHOWN]!r}; commas tell columns apart, not {mark!r}" if mark else ""


class _Rows:
    """The rows of a CSV file, none of which may be longer than LONGEST_ROW: what is read ahead stays within memory.

    Attributes:
        reader: gives the rows. Raises: csv.Error for one that is longer, or no CSV.
        line: the last one read, from 1 on.
        characters: read for the row that comes next; who takes it sets them to 0.
    """

    def __init__(self, file: TextIO) -> None:
        csv.field_size_limit(LONGEST_ROW)
        self.line = self.characters = 0
        self._file = file
        self.reader = csv.reader(self._lines(), strict=True)

    def _lines(self) -> Iterator[str]:
        """A row has more than one when its cells do."""
        while line := self._file.readline(LONGEST_ROW + 1):
            self.line += 1
            self.characters += len(line)
            if self.characters > LONGEST_ROW:
                raise csv.Error(f"a row of more than {LONGEST_ROW:,} characters")
            yield line
        if self._file is not sys.stdin:
            self._file.close()


def open_text(place: str) -> TextIO:
    """A text file, unpacked where its name ends in .gz."""
    if place.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(place), newline="", encoding="utf-8-sig")
    return Path(place).open(newline="", encoding="utf-8-sig")


def _standard_input() -> TextIO:
    """Read as a file is."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(newline="", encoding="utf-8-sig", errors="strict")
    return sys.stdin


def as_text(cells: Sequence[str]) -> list[str | None]:
    """An empty cell is missing."""
    return [cell or None for cell in cells]


def as_numbers(cells: Sequence[str]) -> Values:
    """Numbers, NaN where a cell is empty; what is no number stays text."""
    if "_" in "".join(cells):  # Python reads 1_2 as 12; nobody else does
        return list(map(number_or_text, cells))
    try:
        return np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
    except ValueError:
        return _mixed(cells)


def _mixed(cells: Sequence[str]) -> Values:
    try:
        return np.array([float(cell) if cell else nan for cell in cells])
    except ValueError:
        return list(map(number_or_text, cells))


def number_or_text(cell: str) -> float | str | None:
    """One cell; None where it is empty.

    >>> number_or_text("1.5"), number_or_text("1_2"), number_or_text("")
    (1.5, '1_2', None)
    """
    try:
        return float(cell) if cell and "_" not in cell else cell or None
    except ValueError:
        return cell
