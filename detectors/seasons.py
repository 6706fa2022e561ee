"""What the reference looks like at this hour: traffic at night is not that of the day, and that is no drift.

A window is compared with a mixture: each hour's shares of the reference, by how many of the window's events fell into
that hour. So windows of any length have a reference of their own, and counts stay additive. Hours are in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import ColumnReader
from burnline.detectors.floats import Floats
from burnline.detectors.profile import Reference, Slots
from burnline.detectors.sketch import Counter64
from burnline.events import PredictionBatch
from burnline.store.schema import EPOCH, MICROSECOND

Kind: TypeAlias = Literal["hour-of-day", "hour-of-week"]
HOURS: dict[Kind, int] = {"hour-of-day": 24, "hour-of-week": 168}
HOUR = 3_600_000_000  # microseconds
FIRST_MONDAY = 4 * 24  # hours after the beginning of 1970, a Thursday


def slots_of(batch: PredictionBatch, kind: Kind) -> NDArray[np.int64]:
    """Per event its hour: of the day from 0, or of the week from Monday 0; by its own time where it has one.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 5, 13, 30, tzinfo=UTC)
    >>> slots_of(PredictionBatch("s", "", at, {}, [None], [None], [0]), "hour-of-week")
    array([13])
    """
    received = (batch.received_at - EPOCH) // MICROSECOND
    at = np.asarray(batch.at or [received] * len(batch), dtype=np.int64)
    return (at // HOUR - FIRST_MONDAY) % HOURS[kind]


def build_slots(reference: Reference, kind: Kind, batches: Iterable[PredictionBatch]) -> Slots:
    """Count the reference's own rows, in batches whose events have times, by hour."""
    reader, hours = ColumnReader(reference), HOURS[kind]
    events = np.zeros(hours, dtype=np.int64)
    features = {name: np.zeros((hours, len(column.cells)), np.int64) for name, column in reference.features.items()}
    answers = np.zeros((hours, len(reference.prediction.cells) if reference.prediction else 0), np.int64)
    for batch in batches:
        columns, slots = reader.read(batch), slots_of(batch, kind)
        events += np.bincount(slots, minlength=hours)
        for name, counts in features.items():
            np.add.at(counts, (slots, columns.feature(name).cells), 1)
        if (said := columns.prediction()) is not None:
            np.add.at(answers, (slots, said.cells), 1)
    return Slots(
        kind,
        tuple(events.tolist()),
        {name: _rows(counts) for name, counts in features.items()},
        _rows(answers) if reference.prediction else (),
    )


def _rows(counts: Counter64) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, counts.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class BySlot:
    """What is to be expected of some events, in numbers that add up over windows.

    Attributes:
        events: by hour.
        expected: by feature, how many of the events each cell would hold.
        rows: by feature and hour, how many the reference has.
    """

    events: Counter64
    expected: Mapping[str, Floats]
    rows: Mapping[str, Floats]


class Seasons:
    """The reference of a window, from how many of its events fell into each hour. Cells of all columns stand together.

    Shares are s = sum w_h s_h, with a variance of about sum w_h**2 s_h (1 - s_h) / N_h: that of 1 / sum(w_h**2 / N_h)
    rows. An hour without rows has those of all hours.
    """

    def __init__(self, by_hour: Counter64, overall: Counter64, starts: Counter64) -> None:
        """`by_hour` is (hours, cells), `overall` the cells of all hours; a column's cells begin at each of `starts`."""
        owner = np.repeat(np.arange(len(starts)), np.diff([*starts, len(overall)]))
        empty = np.add.reduceat(by_hour, starts, axis=1)[:, owner] == 0
        known = np.where(empty, overall, by_hour).astype(np.float64)
        self._rows = np.maximum(np.add.reduceat(known, starts, axis=1), 1e-9)
        self._shares = known / self._rows[:, owner]
        self._overall, self._owner = overall.astype(np.float64), owner

    def mixed(self, live: Counter64) -> Floats:
        """Expected counts per cell: shares, times the rows that say as much.

        >>> two = Seasons(np.array([[90, 10], [0, 0]]), np.array([200, 200]), np.array([0]))
        >>> two.mixed(np.array([30, 10])).round(1)
        array([138.4,  34.6])
        """
        if not live.sum():
            return self._overall
        weights = live / live.sum()
        rows: Floats = 1 / (weights**2 @ (1 / self._rows))
        found: Floats = (weights @ self._shares) * rows[self._owner]
        return found

    @property
    def rows(self) -> Floats:
        """(hours, columns): how many the reference has."""
        return self._rows

    def expected(self, events: Counter64) -> Floats:
        """How many of `events` by hour fall into each cell of the reference; without events, none.

        Hours are added one after another, so that more events never give less, not even by rounding: a counter that
        goes back is taken for one that began anew.
        """
        found: Floats = (events[:, np.newaxis] * self._shares).sum(axis=0)
        return found


def slot_counts(slots: Slots, names: Iterable[str | None]) -> Counter64:
    """(hours, cells) of the columns so named one after another; None is the prediction."""
    parts = [slots.prediction if name is None else slots.features[name] for name in names]
    return np.concatenate([np.array(part, dtype=np.int64) for part in parts], axis=1)
