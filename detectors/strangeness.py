"""How strange an event is beside the reference: from the tail probability of each of its values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np

from burnline.detectors.columns import ColumnReader, Columns, Reading
from burnline.detectors.floats import Floats
from burnline.detectors.profile import Category, Column, Number, Outliers, Reference
from burnline.events import PredictionBatch
from burnline.spec.quality import STRANGE
from burnline.store.schema import EPOCH

LEVELS = STRANGE  # from large to small
MOST = 30.0  # of one value: more says nothing more
EULER = 0.5772
ENOUGH = 20_000  # rows: the strangest 1 % of them are known to a twentieth
MOST_VALUES = 5_000_000
MOST_PARTS = 1 << 20  # in memory at a time


class Strangeness:
    """The sum over features of the squared surprise of the value; the surprise is -log of its tail probability.

    The tail probability of a number is twice the smaller of P(X <= x) and P(X >= x), in the outermost bins that of an
    exponential tail; of a label, the reference's share of all that is as rare or rarer. Squares, so that one impossible
    value and many odd ones both show among a hundred features (docs/detectors/quality.md).
    """

    def __init__(self, reference: Reference) -> None:
        self.features = {name: _Feature(column) for name, column in reference.features.items()}

    def parts(self, columns: Columns) -> Iterator[Floats]:
        """Per feature and event its part; their sum is the event's strangeness, of which 0 is the most usual.

        As many events at a time as make MOST_PARTS, or one.
        """
        readings = [(feature, columns.feature(name)) for name, feature in self.features.items()]
        step = max(1, MOST_PARTS // max(1, len(readings)))
        for start in range(0, len(columns), step):
            events = slice(start, min(start + step, len(columns)))
            parts = np.empty((len(readings), events.stop - start))
            for row, (feature, reading) in zip(parts, readings, strict=True):
                row[:] = feature.squared(reading, events)
            yield parts

    def of(self, columns: Columns) -> Floats:
        """Per event, all its parts together."""
        return np.concatenate([np.zeros(0), *(parts.sum(axis=0) for parts in self.parts(columns))])


def measure_outliers(reference: Reference, columns: Mapping[str, Sequence[Any]]) -> Outliers | None:
    """How strange the reference's own rows are; None without features or rows.

    `columns`: those of the reference, of one length: all of its rows, or enough of them (LEVELS wants a thousand). Of
    more than ENOUGH rows, or MOST_VALUES values, every second one is looked at, or every third...
    """
    rows = len(next(iter(columns.values()), ()))
    if not rows or not reference.features:
        return None
    step = ceil(max(rows / ENOUGH, rows * len(columns) / MOST_VALUES, 1))
    columns = {name: column[::step] for name, column in columns.items()}
    events = ceil(rows / step)
    plain = {
        name: column.tolist() if isinstance(column, np.ndarray) else list(column) for name, column in columns.items()
    }
    nothing: list[None] = [None] * events
    batch = PredictionBatch("", "", EPOCH, plain, [*nothing], [*nothing], [0] * events)
    scores = np.sort(Strangeness(reference).of(ColumnReader(reference).read(batch)))
    limits = [conformal_limit(scores, level) for level in LEVELS]
    return Outliers(events, tuple(limit for limit in limits if limit is not None))


def conformal_limit(scores: Floats, level: float) -> float | None:
    """What an exchangeable new event exceeds with a probability of `level` at most; None where these are too few.

    The ceil((N + 1)(1 - level))-th smallest of N sorted scores (Vovk; Papadopoulos' inductive conformal prediction).

    >>> conformal_limit(np.arange(1.0, 100.0), 0.05)
    95.0
    """
    rank = ceil(round((len(scores) + 1) * (1 - level), 6))
    return float(scores[rank - 1]) if rank <= len(scores) else None


class _Feature:
    """Surprise by the cell of the reference's column; in the outermost ones by the distance from their edge too."""

    def __init__(self, column: Column) -> None:
        self._surprise = np.minimum(-np.log(_tails(column)), MOST)
        self._squared = self._surprise**2
        self._outermost = np.zeros(len(self._surprise), dtype=np.bool_)
        self._edge, self._scale = np.zeros(len(self._surprise)), np.ones(len(self._surprise))
        if isinstance(column, Number) and column.edges:
            for cell, edge, extreme in ((0, 0, column.low), (len(column.edges), -1, column.high)):
                self._outermost[cell], self._edge[cell] = True, column.edges[edge]
                self._scale[cell] = _scale(column, column.counts[cell], column.edges[edge], extreme)

    def squared(self, reading: Reading, events: slice) -> Floats:
        """Its square, per event."""
        cells = reading.cells[events]
        found: Floats = self._squared.take(cells)
        beyond = self._outermost.take(cells).nonzero()[0]
        if len(beyond):
            at, values = cells[beyond], reading.values[events][beyond]
            with np.errstate(over="ignore", invalid="ignore"):  # what no float holds is as far as anything
                distance = np.abs(values - self._edge[at]) / self._scale[at]
            found[beyond] = np.fmin(self._surprise[at] + distance, MOST) ** 2
        return found


def _tails(column: Column) -> Floats:
    """The tail probability of each cell; half a row is granted to what was never seen."""
    counts = np.array(column.cells, dtype=np.float64)
    rows = counts.sum()
    shares = (counts + 0.5) / (rows + 1)
    if isinstance(column, Category):
        order = np.argsort(shares, kind="stable")
        upto = np.cumsum(shares[order])
        rarer = np.empty_like(shares)
        rarer[order] = upto[np.searchsorted(shares[order], shares[order] * (1 + 1e-9), side="right") - 1]
        return np.asarray(np.minimum(1.0, rarer))
    bins = shares[: len(column.counts)]
    below, above = np.cumsum(bins), np.cumsum(bins[::-1])[::-1]
    present = float(bins.sum())
    numbers = np.minimum(1.0, 2 * np.minimum(below, above) / present) * min(1.0, 2 * present)
    return np.concatenate([numbers, np.minimum(1.0, shares[len(column.counts) :])])


def _scale(column: Number, rows: int, edge: float, extreme: float | None) -> float:
    """Of the tail beyond the edge: the largest of m exponential values is log(m) + 0.577 scales away, on average."""
    spread = abs(edge - extreme) if extreme is not None else 0.0
    if rows > 0 and spread > 0:
        return spread / (math.log(rows) + EULER)
    inner = column.edges[-1] - column.edges[0]
    return inner / 6 if inner > 1e-9 * abs(edge) else max(abs(edge), 1.0) / 10
