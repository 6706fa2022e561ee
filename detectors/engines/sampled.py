"""The rows of a reference and of a window, in the same columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np

from burnline.detectors.columns import Coded, Columns, Values
from burnline.detectors.engines.rows import Column, Hasher, Rows, gathered, labels, no_rows, numbers
from burnline.detectors.profile import PREDICTION, Number, Reference, RowSection
from burnline.detectors.sketch import Sketch
from burnline.errors import PayloadError

COLUMNS = 200  # with more, the libraries take minutes for a window
VALUES = 500_000  # of a sample, rows times columns: 4 MB of numbers


@dataclass(frozen=True, slots=True, eq=False)
class RowSketch(Sketch):
    """Counts of every event, and a sample of their rows."""

    rows: Rows
    most: int

    @property
    def sampled(self) -> int:
        """Events in the sample."""
        return min(int(self.rows.times.sum()), self.most)

    def __add__(self, other: Self) -> Self:
        if self.of != other.of:
            raise PayloadError(f"cannot add counts of {other.of} to counts of {self.of}")
        return type(self)(self.of, self.counts + other.counts, self.rows.merged(other.rows, self.most), self.most)

    def encode(self) -> bytes:
        return msgspec.msgpack.encode((Sketch(self.of, self.counts).encode(), self.rows.encode()))

    def decode(self, body: bytes) -> Self:
        try:
            counts, rows = msgspec.msgpack.decode(body, type=tuple[bytes, bytes])
        except msgspec.MsgspecError as error:
            raise PayloadError(f"not counts with rows: {error}") from error
        read = Sketch(self.of, self.counts).decode(counts)
        return type(self)(read.of, read.counts, self.rows.decode(rows), self.most)


class Sampler:
    """Takes the rows of batches that a reference has rows of: its columns, numbers or labels as it has them."""

    def __init__(self, reference: Reference, most: int) -> None:
        self._kinds = {name: isinstance(_column(reference, name), Number) for name in _names(reference)}
        self.most = min(most, max(1, VALUES // max(1, len(self._kinds))))
        self._hasher = Hasher()

    def none(self) -> Rows:
        return no_rows(self._kinds)

    def rows(self, columns: Columns) -> Rows:
        """A sample of the batch's rows. Its time is that of the event, or of the batch where events have none."""
        batch = columns.batch
        if not len(batch):
            return self.none()
        taken = {name: self._read(columns, name) for name in self._kinds}
        received = int(batch.received_at.timestamp() * 1_000_000)
        times = np.array(batch.at, np.int64) if len(batch.at) else np.full(len(batch), received, np.int64)
        keys = self._hasher.keys(taken.values(), times)
        return gathered(keys, np.ones(len(batch), np.int64), taken, self.most)

    def _read(self, columns: Columns, name: str) -> Column:
        reading = columns.prediction() if name == PREDICTION else columns.feature(name)
        if self._kinds[name] and reading is not None:
            values = np.where(reading.wrong, np.nan, reading.values).astype(np.float64)
            return np.where(np.isfinite(values), values, np.nan)
        batch = columns.batch
        raw: Values | None = batch.prediction if name == PREDICTION else batch.features.get(name)
        return labels(_plain(raw) if raw is not None and len(raw) else [None] * len(batch))


def reference_rows(columns: Mapping[str, Sequence[Any]], *, most: int) -> RowSection:
    """The rows of training data that go into a reference: at most `most`, drawn by lot, the same ones in every run."""
    read = {name: _read_training(values) for name, values in columns.items()}
    length = next((len(column) for column in read.values()), 0)
    keys = Hasher().keys(read.values(), np.arange(length, dtype=np.int64))
    kept = np.sort(np.argsort(keys, kind="stable")[: min(most, VALUES // max(1, len(read)))])
    return RowSection({name: [_written(value) for value in column[kept].tolist()] for name, column in read.items()})


def reference_columns(reference: Reference) -> dict[str, Column]:
    """The rows of a reference as columns; empty when it has none."""
    if reference.rows is None:
        return {}
    kept = {name: reference.rows.columns[name] for name in _names(reference)}
    return {
        name: numbers(column) if isinstance(_column(reference, name), Number) else labels(column)
        for name, column in kept.items()
    }


def _names(reference: Reference) -> list[str]:
    """Of what the reference has both a profile and rows."""
    there = reference.rows.columns if reference.rows else {}
    return [name for name in there if _column(reference, name) is not None]


def _column(reference: Reference, name: str) -> Any:
    return reference.prediction if name == PREDICTION else reference.features.get(name)


def _read_training(values: Sequence[Any]) -> Column:
    plain = _plain(values)
    present = [value for value in plain if value is not None]
    if present and all(isinstance(value, (str, bool)) for value in present):
        return labels(plain)
    return np.where(np.isfinite(found := numbers(plain)), found, np.nan)


def _plain(values: Any) -> list[Any]:
    if isinstance(values, Coded):
        return values.plain()
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _written(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
