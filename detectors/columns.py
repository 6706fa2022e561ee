"""A batch read against a reference: every column is converted once, however many detectors count it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.profile import Category, Column, Number, Reference, category_text
from burnline.events import PredictionBatch

Mask = NDArray[np.bool_]
NUMBERS = frozenset({float, int, type(None)})
LABELS = frozenset({str, bool, type(None)})


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One column of one batch.

    Attributes:
        cells: per event the cell of the reference column it falls into.
        values: per event the number, NaN where there is none (all NaN for labels).
        missing, wrong: per event, is the value absent; is it of the wrong type?
    """

    cells: NDArray[np.intp]
    values: NDArray[np.float64]
    missing: Mask
    wrong: Mask


class Columns:
    """One batch: `feature(name)`, `prediction` and `confidence` are read on first use."""

    def __init__(self, readers: Mapping[str, _Reader], batch: PredictionBatch) -> None:
        self._readers = readers
        self._read: dict[str, Reading] = {}
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch)

    def feature(self, name: str) -> Reading:
        """A feature of the reference; one the batch does not carry is missing in every event."""
        if name not in self._read:
            self._read[name] = self._readers[name].read(self.batch.features.get(name) or [None] * len(self))
        return self._read[name]

    def prediction(self, column: Column) -> Reading:
        """The model's answers, against the reference's."""
        return _reader(column).read(self.batch.prediction)

    def confidence(self) -> NDArray[np.float64]:
        """Per event, NaN where none was sent."""
        return np.array(self.batch.confidence, dtype=np.float64)


class ColumnReader:
    """Reads batches against one reference."""

    def __init__(self, reference: Reference) -> None:
        self._readers = {name: _reader(column) for name, column in reference.features.items()}

    def read(self, batch: PredictionBatch) -> Columns:
        return Columns(self._readers, batch)


class _NumberReader:
    def __init__(self, column: Number) -> None:
        self._edges = np.array(column.edges, dtype=np.float64)

    def read(self, column: list[Any]) -> Reading:
        values, wrong = _numbers(column)
        missing = np.isnan(values) & ~wrong
        cells = np.searchsorted(self._edges, values, side="left")
        cells[missing] = len(self._edges) + 1
        cells[wrong] = len(self._edges) + 2
        return Reading(cells, values, missing, wrong)


class _CategoryReader:
    def __init__(self, column: Category) -> None:
        known = len(column.values)
        self._new, self._missing, self._wrong = known + 1, known + 2, known + 3
        self._cells = {value: cell for cell, value in enumerate(column.values)} | dict.fromkeys(column.rare, known)

    def read(self, column: list[Any]) -> Reading:
        if LABELS.issuperset(map(type, column)):
            labels = column
        else:
            labels = [value if type(value) in LABELS else None if _is_nan(value) else 0 for value in column]
        cells = np.fromiter(map(self._cell, labels), dtype=np.intp, count=len(labels))
        values = np.full(len(labels), np.nan)
        return Reading(cells, values, cells == self._missing, cells == self._wrong)

    def _cell(self, value: str | bool | int | None) -> int:
        if value is None:
            return self._missing
        if not isinstance(value, (str, bool)):
            return self._wrong
        return self._cells.get(category_text(value), self._new)


_Reader = _NumberReader | _CategoryReader


def _reader(column: Column) -> _Reader:
    return _NumberReader(column) if isinstance(column, Number) else _CategoryReader(column)


def _numbers(column: list[Any]) -> tuple[NDArray[np.float64], Mask]:
    """Values (None is NaN) and which are no numbers; numpy alone would take `"1.5"` and True for numbers."""
    if NUMBERS.issuperset(map(type, column)):
        try:
            return np.array(column, dtype=np.float64), np.zeros(len(column), dtype=np.bool_)
        except OverflowError:
            pass  # an integer beyond any float
    wrong = np.fromiter((not _is_number(value) for value in column), dtype=np.bool_, count=len(column))
    usable = [None if bad else value for value, bad in zip(column, wrong, strict=True)]
    return np.array(usable, dtype=np.float64), wrong


def _is_number(value: Any) -> bool:
    if type(value) not in NUMBERS:
        return False
    try:
        return value is None or float(value) is not None
    except OverflowError:
        return False


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
