"""A batch read against a reference: every column is converted once, however many detectors count it.

A column is a list of values, an array, or `Coded`. An array of floats is not copied; a dictionary-coded label is looked
up once, however often it occurs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.floats import floats_of
from burnline.detectors.grid import Grid
from burnline.detectors.profile import Category, Column, Number, Reference, category_text
from burnline.detectors.same import same_objects
from burnline.detectors.sketch import Counter64
from burnline.events import PredictionBatch

Mask = NDArray[np.bool_]
NUMBERS = frozenset({float, int, type(None)})
AT_ONCE = 4096  # values, so that they stay in the processor's cache and one odd value costs only those beside it
BYTES = 256  # different values of a byte
REMEMBERED = 1 << 14  # odd values per column whose cell is kept: ids would otherwise fill the memory


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column that names its values once: event i has `values[codes[i]]`, and none where the code is -1."""

    codes: NDArray[np.integer]
    values: Sequence[Any]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, events: slice) -> Coded:
        return Coded(self.codes[events], self.values)

    def plain(self) -> list[Any]:
        """One value per event."""
        named = [*self.values, None]
        return [named[code] for code in self.codes.tolist()]


Values: TypeAlias = "list[Any] | NDArray[Any] | Coded"


class Reading(Protocol):
    """One column of one batch; what nobody asks for is not computed. The counts alone cost least.

    Attributes:
        counts: events per cell of the reference column, as `Column.cells` has them.
        cells: per event the cell of the reference column it falls into.
        values: per event the number, NaN where there is none (all NaN for labels).
        missing, wrong: per event, is the value absent; is it of the wrong type?
    """

    @property
    def counts(self) -> Counter64: ...
    @property
    def cells(self) -> NDArray[np.intp]: ...
    @property
    def values(self) -> NDArray[np.floating]: ...
    @property
    def missing(self) -> Mask: ...
    @property
    def wrong(self) -> Mask: ...


class Columns:
    """One batch; a feature is read on first use."""

    def __init__(self, readers: Mapping[str, _Reader], prediction: _Reader | None, batch: PredictionBatch) -> None:
        self._readers = readers
        self._prediction = prediction
        self._read: dict[str, Reading] = {}
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch)

    def feature(self, name: str) -> Reading:
        """A feature of the reference; one the batch does not carry is missing in every event."""
        if name not in self._read:
            column: Values | None = self.batch.features.get(name)
            self._read[name] = self._readers[name](column if column is not None and len(column) else self._nothing())
        return self._read[name]

    @cached_property
    def _answers(self) -> Reading | None:
        return self._prediction(self.batch.prediction) if self._prediction else None

    def prediction(self) -> Reading | None:
        """The model's answers; None when the reference has none to compare with."""
        return self._answers

    @cached_property
    def _sureness(self) -> NDArray[np.float64]:
        return np.asarray(self.batch.confidence, dtype=np.float64)

    def confidence(self) -> NDArray[np.float64]:
        """Per event, NaN where none was sent."""
        return self._sureness

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        sent = [each for each in self.batch.embedding if each is not None]
        width = len(sent[0]) if sent else 0
        if not width:
            return np.empty((len(self), 0), dtype=np.float32)
        nothing = b"\xff" * width  # every number of it is NaN
        whole = b"".join(nothing if each is None else each for each in self.batch.embedding)
        return np.frombuffer(whole, dtype="<f4").reshape(len(self), -1)

    def embedding(self) -> NDArray[np.float32]:
        """Per event a vector, (events, dimension), all NaN where none was sent; (events, 0) where no event has one."""
        return self._vectors

    def _nothing(self) -> Coded:
        return Coded(np.full(len(self), -1, dtype=np.int8), ())


class ColumnReader:
    """Reads batches against one reference."""

    def __init__(self, reference: Reference) -> None:
        self._readers = {name: _reader(column) for name, column in reference.features.items()}
        self._prediction = _reader(reference.prediction) if reference.prediction else None

    def read(self, batch: PredictionBatch) -> Columns:
        return Columns(self._readers, self._prediction, batch)


_Reader: TypeAlias = Callable[[Values], Reading]


def _reader(column: Column) -> _Reader:
    if isinstance(column, Number):
        grid = Grid(column.edges)
        return lambda values: _Numbers(grid, values)
    known = _Known(column)
    return lambda values: _Labels(known, values)


class _Numbers:
    """A reading of a column of numbers."""

    def __init__(self, grid: Grid, column: Values) -> None:
        self._grid = grid
        self.values, self._wrong = _numbers(column)

    @cached_property
    def counts(self) -> Counter64:
        if self._grid.searches(len(self.values)):  # others ask for the cells too
            return np.bincount(self.cells, minlength=self._grid.cells + 2).astype(np.int64, copy=False)
        counts = np.append(self._grid.count(self.values), 0)
        if self._wrong is not None:  # they have no number, and are not missing
            counts[-1] = np.count_nonzero(self._wrong)
            counts[-2] -= counts[-1]
        return counts

    @cached_property
    def cells(self) -> NDArray[np.intp]:
        cells = self._grid.place(self.values)
        if self._wrong is not None:
            cells[self._wrong] = self._grid.cells + 1
        return cells

    @cached_property
    def missing(self) -> Mask:
        absent: Mask = np.isnan(self.values)
        return absent if self._wrong is None else absent & ~self._wrong

    @cached_property
    def wrong(self) -> Mask:
        return np.zeros(len(self.values), dtype=np.bool_) if self._wrong is None else self._wrong


class _Labels:
    """A reading of a column of labels."""

    def __init__(self, known: _Known, column: Values) -> None:
        self._known = known
        self._codes, self._cells = known.codes(column)

    @cached_property
    def counts(self) -> Counter64:
        """Adds what each code was found how often; a code's cell is looked up once."""
        found = np.bincount(self._codes, minlength=len(self._cells))
        counts = np.zeros(self._known.size, dtype=np.int64)
        np.add.at(counts, self._cells, found)
        return counts

    @cached_property
    def cells(self) -> NDArray[np.intp]:
        cells: NDArray[np.intp] = self._cells[self._codes]
        return cells

    @cached_property
    def values(self) -> NDArray[np.float64]:
        return np.full(len(self._codes), np.nan)

    @cached_property
    def missing(self) -> Mask:
        missing: Mask = self.cells == self._known.missing
        return missing

    @cached_property
    def wrong(self) -> Mask:
        wrong: Mask = self.cells == self._known.size - 1
        return wrong


class _Known:
    """The cell of each label; what is no label of the reference is looked at once and remembered.

    Only text and None are keys. No other value equals a text, so that whatever is not found is judged by its type.
    """

    def __init__(self, column: Category) -> None:
        known = len(column.values)
        self.size, self.missing = known + 4, known + 2
        self._cells: dict[Any, int] = {value: cell for cell, value in enumerate(column.values)}
        self._cells |= dict.fromkeys(column.rare, known)
        self._cells[None] = self.missing
        self._room = len(self._cells) + REMEMBERED

    def codes(self, column: Values) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
        """Per event a code, and per code the cell of the reference column."""
        if isinstance(column, Coded):
            cells = np.append(self._look_up(column.values), self.missing)
            codes = column.codes
            return codes if codes.min(initial=0) >= 0 else np.where(codes < 0, len(column.values), codes), cells
        if (same := same_objects(column)) is not None:
            return same[0], self._look_up(same[1]).astype(np.intp)
        return self._look_up(column.tolist() if isinstance(column, np.ndarray) else column), np.arange(self.size)

    def _look_up(self, values: Sequence[Any]) -> NDArray[np.integer]:
        """Their cells; bytes are made of a list in a fifth of the time of an array."""
        found = (self._found(values[start : start + AT_ONCE]) for start in range(0, len(values), AT_ONCE))
        if self.size > BYTES:
            return np.fromiter(chain.from_iterable(found), dtype=np.intp, count=len(values))
        return np.frombuffer(b"".join(map(bytes, found)), dtype=np.uint8)

    def _found(self, values: Sequence[Any]) -> Sequence[int]:
        """One itemgetter for all values finds them in half the time of a call for each, but only where all are keys."""
        if len(values) > 1:
            with suppress(KeyError, TypeError):
                found: tuple[int, ...] = itemgetter(*values)(self._cells)
                return found
        try:
            cells = list(map(self._cells.get, values))
        except TypeError:  # a list, a mapping: no label, and no key either
            return [self._cell(value) for value in values]
        return [self._odd(value) if cell is None else cell for cell, value in zip(cells, values, strict=True)]

    def _cell(self, value: Any) -> int:
        try:
            return self._cells[value]
        except (KeyError, TypeError):
            return self._odd(value)

    def _odd(self, value: Any) -> int:
        """The cell of what was not found."""
        if isinstance(value, bool):
            return self._cell(category_text(value))
        if not isinstance(value, str):
            return self.missing if _is_nan(value) else self.size - 1
        if len(self._cells) < self._room:
            self._cells[value] = self.missing - 1
        return self.missing - 1


def _numbers(column: Values) -> tuple[NDArray[np.floating], Mask | None]:
    """Values (None is NaN) and which are no numbers, None when all are."""
    if isinstance(column, Coded):
        return _coded_numbers(column)
    if isinstance(column, np.ndarray):
        if column.dtype.kind == "f":
            return (column if column.itemsize <= 8 else column.astype(np.float64)), None
        if column.dtype.kind in "iu":
            return column.astype(np.float64), None
        return _listed_numbers(column.tolist())
    return _listed_numbers(column)


def _listed_numbers(column: list[Any]) -> tuple[NDArray[np.float64], Mask | None]:
    if (floats := floats_of(column)) is not None:
        return floats, None
    if NUMBERS.issuperset(map(type, column)):  # numpy alone would take `"1.5"` and True for numbers
        try:
            return np.array(column, dtype=np.float64), None
        except OverflowError:
            pass  # an integer beyond any float
    wrong = np.fromiter((not _is_number(value) for value in column), dtype=np.bool_, count=len(column))
    usable = [None if bad else value for value, bad in zip(column, wrong, strict=True)]
    return np.array(usable, dtype=np.float64), wrong


def _coded_numbers(column: Coded) -> tuple[NDArray[np.floating], Mask | None]:
    values, wrong = _listed_numbers([*column.values, None])
    return values[column.codes], None if wrong is None else wrong[column.codes]


def _is_number(value: Any) -> bool:
    if type(value) not in NUMBERS:
        return False
    try:
        return value is None or float(value) is not None
    except OverflowError:
        return False


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def listed(column: Values) -> list[Any]:
    """One value per event, however the column came."""
    if isinstance(column, Coded):
        return column.plain()
    return column if isinstance(column, list) else list(np.asarray(column).tolist())
