"""The cells of every feature as Prometheus metrics, from which compiled rules compute drift: slo/compiler/cells.py.

The counters only grow while the reference stays, over restarts too. Every cell is shown, those that nothing fell into
as 0: a share of the reference that has gone is drift as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from burnline import metrics
from burnline.detectors.burn.history import Key
from burnline.detectors.contract import Detector
from burnline.detectors.sketch import Counter64, Sketch

MOST_CELLS = 50_000  # of one signal of a service on the page; features after that are left out
DIGITS = 8  # of the reference's digest
ENDLESS = 10**18  # events
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


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCells:
    """One feature: how often each cell was counted, and what the reference says of it.

    Attributes:
        of_events, of_reference: a and b of chance(n) = sqrt(a / n + b), the total variation that chance explains.
    """

    feature: str
    counts: Counter64
    shares: NDArray[np.float64]
    of_events: float
    of_reference: float


def feature_cells(detector: Celled, sketch: Sketch) -> Iterator[FeatureCells]:
    """What is shown of each feature, as many as fit into MOST_CELLS."""
    left = MOST_CELLS
    for feature, counts, reference in detector.cells(sketch):
        left -= len(counts)
        if left < 0:
            return
        if reference.sum():
            of_reference = detector.chance(reference, ENDLESS) ** 2
            of_events = detector.chance(reference, 1) ** 2 - of_reference
            yield FeatureCells(feature, counts, reference / reference.sum(), of_events, of_reference)


def exposition(counted: Iterable[tuple[Key, Detector, Sketch]]) -> Iterator[Metric]:
    """What was counted in all, and the constants to compare it with."""
    by_cell = [*LABELS, metrics.CELL]
    cells = CounterMetricFamily(
        metrics.FEATURE_CELLS, "Events by the cell of the reference a feature falls into.", labels=by_cell
    )
    share = GaugeMetricFamily(metrics.FEATURE_REFERENCE, "The reference's share of each cell.", labels=by_cell)
    by_chance = GaugeMetricFamily(
        metrics.FEATURE_CHANCE,
        "Square of the total variation that chance explains: of one event, to be divided by events; of the reference.",
        labels=[*LABELS, metrics.OF],
    )
    for (service, signal), detector, sketch in counted:
        for one in feature_cells(detector, sketch) if isinstance(detector, Celled) else ():
            labels = [service, signal, printable(one.feature), sketch.of.rpartition(":")[2][:DIGITS]]
            for cell, (count, expected) in enumerate(zip(one.counts.tolist(), one.shares.tolist(), strict=True)):
                cells.add_metric([*labels, str(cell)], count)
                share.add_metric([*labels, str(cell)], expected)
            by_chance.add_metric([*labels, "events"], one.of_events)
            by_chance.add_metric([*labels, metrics.REFERENCE], one.of_reference)
    yield from (cells, share, by_chance)


def printable(name: str) -> str:
    """The name as a label can hold it: half a surrogate pair is no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
