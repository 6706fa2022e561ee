"""What runs tell, as movements of series."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from burnline.collectors.jobs.facts import Facts
from burnline.collectors.otlp.tally import buckets
from burnline.metrics import jobs as names
from burnline.store.series import Point

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BOUNDS = (
    1.0,
    5.0,
    15.0,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
)
MOST_COLUMNS = 20  # with nulls, of one job
REASONS = ("error", "exit", "signal", "timeout", "out_of_memory", "data", "dependency", "gpu", "other")
Labels = Mapping[str, str]


def started(labels: Labels) -> Iterator[Point]:
    """A run began; what may come of it is 0 as long as nothing did, so that a rate sees the first."""
    yield Point(names.STARTED, labels, 1, add=True)
    for name in (names.FINISHED, names.ENDED):
        yield Point(name, labels, 0, add=True)
    yield Point(names.FAILED, {**labels, "reason": "error"}, 0, add=True)


def finished(labels: Labels) -> Iterator[Point]:
    """A run did what it should."""
    yield Point(names.FINISHED, labels, 1, add=True)
    yield Point(names.ENDED, labels, 1, add=True)
    yield Point(names.FAILED, {**labels, "reason": "error"}, 0, add=True)


def failed(labels: Labels, reason: str) -> Iterator[Point]:
    """A run did not; `reason` is one of REASONS, `lost` or `no_record`."""
    yield Point(names.FAILED, {**labels, "reason": reason}, 1, add=True)
    yield Point(names.ENDED, labels, 1, add=True)


def aborted(labels: Labels) -> Iterator[Point]:
    """Somebody stopped a run: neither good nor bad."""
    yield Point(names.ABORTED, labels, 1, add=True)


def waited(labels: Labels, seconds: float) -> Iterator[Point]:
    """A run waited before it began."""
    yield from _observe(names.WAITING, labels, seconds)


def took(labels: Labels, seconds: float | None) -> Iterator[Point]:
    """A run that finished took so long."""
    if seconds is not None:
        yield from _observe(names.DURATION, labels, seconds)


def used(labels: Labels, facts: Facts, duration: float | None) -> Iterator[Point]:
    """GPU time of a run: as it told, or its GPUs for as long as it took."""
    seconds = facts.gpu_seconds
    if seconds is None and facts.gpus is not None and duration is not None:
        seconds = facts.gpus * duration
    if seconds is not None:
        yield Point(names.GPU_SECONDS, labels, seconds, add=True)


def amounts(labels: Labels, facts: Facts) -> Iterator[Point]:
    """What a run read and wrote, as far as it told."""
    for name, amount in (
        (names.ROWS_IN, facts.rows_in),
        (names.ROWS_OUT, facts.rows_out),
        (names.REJECTED, facts.rejected),
        (names.VIOLATIONS, facts.schema_violations),
    ):
        if amount is not None:
            yield Point(name, labels, amount, add=True)
    for cause, count in facts.retries.items():
        yield Point(names.RETRIES, {**labels, "cause": cause}, count, add=True)


def _observe(name: str, labels: Labels, seconds: float) -> Sequence[Point]:
    """By job alone: with more labels, buckets would be too many."""
    counts = [0.0] * (len(BOUNDS) + 1)
    counts[bisect_left(BOUNDS, seconds)] = 1.0
    return buckets(name, {"job": labels["job"]}, counts, BOUNDS, total=seconds)
