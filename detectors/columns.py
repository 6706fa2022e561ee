"""A batch read against a reference: every column is converted once, however many detectors count it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.profile import Category, Column, Number, Reference, category_text
from burnline.events import PredictionBatch

Mask = NDArray[np.bool_]
NUMBERS = frozenset({float, int, type(None)})
TEXT = frozenset({str, type(None)})


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
            self._read[name] = self._readers[name].read(self.batch.features.get(name) or [None] * len(self))
        return self._read[name]

    def prediction(self) -> Reading | None:
        """The model's answers; None when the reference has none to compare with."""
        return self._prediction.read(self.batch.prediction) if self._prediction else None

    def confidence(self) -> NDArray[np.float64]:
        """Per event, NaN where none was sent."""
        return np.array(self.batch.confidence, dtype=np.float64)


class ColumnReader:
    """Reads batches against one reference."""

    def __init__(self, reference: Reference) -> None:
        self._readers = {name: _reader(column) for name, column in reference.features.items()}
        self._prediction = _reader(reference.prediction) if reference.prediction else None

    def read(self, batch: PredictionBatch) -> Columns:
        return Columns(self._readers, self._prediction, batch)


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
        self._cells: dict[str | None, int] = {value: cell for cell, value in enumerate(column.values)}
        self._cells |= dict.fromkeys(column.rare, known)
        self._cells[None] = self._missing

    def read(self, column: list[Any]) -> Reading:
        if TEXT.issuperset(map(type, column)):
            found = map(self._cells.get, column, repeat(self._new))
        else:
            found = map(self._cell, column)
        cells = np.fromiter(found, dtype=np.intp, count=len(column))
        values = np.full(len(column), np.nan)
        return Reading(cells, values, cells == self._missing, cells == self._wrong)

    def _cell(self, value: Any) -> int:
        if isinstance(value, (str, bool)):
            return self._cells.get(category_text(value), self._new)
        return self._missing if value is None or _is_nan(value) else self._wrong


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
