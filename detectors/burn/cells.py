"""The cells of every feature as Prometheus metrics, from which compiled rules compute drift: slo/compiler/cells.py.

The counters only grow while the reference stays, over restarts too. Every cell is shown, those that nothing fell into
as 0: a share of the reference that has gone is drift as well.

A reference that differs by hour has no shares of its own. What is to be expected of the events at their hours adds up
like them, so that is a counter; what chance explains of it follows from the events of each hour: detectors/seasons.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from burnline import metrics
from burnline.detectors.burn.history import Key
from burnline.detectors.contract import Detector
from burnline.detectors.seasons import BySlot
from burnline.detectors.sketch import Counter64, Sketch

MOST_CELLS = 50_000  # of one signal of a service on the page; features after that are left out
DIGITS = 8  # of the reference's digest
ENDLESS = 10**18  # events
EVENTS = "events"
LABELS = [metrics.SERVICE, metrics.SIGNAL, metrics.FEATURE, metrics.REFERENCE]


@runtime_checkable
class Celled(Protocol):
    """A detector that compares cells of features with a reference."""

    def cells(self, sketch: Sketch) -> Iterator[tuple[str, Counter64, Counter64]]:
        """By feature, how often what is compared falls into each cell: in `sketch`, and in the reference."""
        ...

    def chance(self, reference: Counter64, events: float) -> float:
        """The total variation that chance explains of a feature with so many events: sqrt(a / events + b)."""
        ...

    def by_slot(self, sketch: Sketch) -> BySlot | None:
        """What is to be expected of the events in `sketch`, where the reference differs by hour."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCells:
    """One feature: how often each cell was counted, and what the reference says of it.

    Attributes:
        shares: of the reference; where it differs by hour, how often each cell was to be expected.
        chance: by name, a and b of chance(n) = sqrt(a / n + b), the total variation that chance explains. Where the
            reference differs by hour, b is the sum over its hours of what stands here, times the square of the share of
            the events at that hour.
    """

    feature: str
    counts: Counter64
    shares: NDArray[np.float64]
    chance: Mapping[str, float]


def feature_cells(detector: Celled, sketch: Sketch) -> Iterator[FeatureCells]:
    """What is shown of each feature, as many as fit into MOST_CELLS."""
    left, by_slot = MOST_CELLS, detector.by_slot(sketch)
    for feature, counts, reference in detector.cells(sketch):
        left -= len(counts) if by_slot is None else len(counts) + len(by_slot.events)
        if left < 0:
            return
        if reference.sum():
            of_reference = detector.chance(reference, ENDLESS) ** 2
            of_events = detector.chance(reference, 1) ** 2 - of_reference
            if by_slot is None:
                chance = {EVENTS: of_events, metrics.REFERENCE: of_reference}
                yield FeatureCells(feature, counts, reference / reference.sum(), chance)
            else:
                by_hour = {slot_of(hour): of_events / rows for hour, rows in enumerate(by_slot.rows[feature].tolist())}
                yield FeatureCells(feature, counts, by_slot.expected[feature], {EVENTS: of_events, **by_hour})


def slot_of(hour: int) -> str:
    """What an hour of the reference is called beside `events` and `reference`."""
    return f"slot:{hour}"


def exposition(counted: Iterable[tuple[Key, Detector, Sketch]]) -> Iterator[Metric]:
    """What was counted in all, and the constants to compare it with."""
    page = _Page()
    for key, detector, sketch in counted:
        if isinstance(detector, Celled):
            page.add([*key], detector, sketch)
    yield from (page.cells, page.shares, page.expected, page.slots, page.chance)


class _Page:
    """The metrics of all signals."""

    def __init__(self) -> None:
        by_cell = [*LABELS, metrics.CELL]
        self.cells = CounterMetricFamily(
            metrics.FEATURE_CELLS, "Events by the cell of the reference a feature falls into.", labels=by_cell
        )
        self.shares = GaugeMetricFamily(
            metrics.FEATURE_REFERENCE, "The reference's share of each cell.", labels=by_cell
        )
        self.expected = CounterMetricFamily(
            metrics.FEATURE_EXPECTED,
            "Events that a reference that differs by hour would have in each cell, at the hours of those that came.",
            labels=by_cell,
        )
        self.slots = CounterMetricFamily(
            metrics.FEATURE_SLOTS,
            "Events by hour, of a reference that differs by hour.",
            labels=[metrics.SERVICE, metrics.SIGNAL, metrics.SLOT, metrics.REFERENCE],
        )
        self.chance = GaugeMetricFamily(
            metrics.FEATURE_CHANCE,
            "Square of the total variation that chance explains: of one event, to be divided by events; of the "
            "reference, or of each of its hours, to be multiplied by the squared share of the events at that hour.",
            labels=[*LABELS, metrics.OF],
        )

    def add(self, key: list[str], detector: Celled, sketch: Sketch) -> None:
        """Add one signal."""
        reference, by_slot = sketch.of.rpartition(":")[2][:DIGITS], detector.by_slot(sketch)
        for one in feature_cells(detector, sketch):
            labels = [*key, printable(one.feature), reference]
            for cell, (count, share) in enumerate(zip(one.counts.tolist(), one.shares.tolist(), strict=True)):
                self.cells.add_metric([*labels, str(cell)], count)
                (self.shares if by_slot is None else self.expected).add_metric([*labels, str(cell)], share)
            for of, value in one.chance.items():
                self.chance.add_metric([*labels, of], value)
        for hour, events in enumerate(by_slot.events.tolist() if by_slot else ()):
            self.slots.add_metric([*key, str(hour), reference], events)


def printable(name: str) -> str:
    """The name as a label can hold it: half a surrogate pair is no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
