"""When events do not count: the exclusions of a service file as spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from burnline.spec.exclude import ExclusionSpec
from burnline.spec.service import ServiceSpec


@dataclass(frozen=True, slots=True, order=True)
class Excluded:
    """One span (start, end] that does not count, and why."""

    start: datetime
    end: datetime
    reason: str


def exclusions_of(spec: ServiceSpec, slo: str) -> tuple[ExclusionSpec, ...]:
    """The exclusions of a service that hold for this SLO."""
    return tuple(each for each in spec.exclude if not each.slos or slo in each.slos)


def excluded_between(exclusions: Sequence[ExclusionSpec], since: datetime, until: datetime) -> tuple[Excluded, ...]:
    """Every span that overlaps (since, until], in order of their starts."""
    return tuple(sorted(span for each in exclusions for span in _spans(each, since, until)))


def excluded_at(exclusions: Sequence[ExclusionSpec], at: datetime) -> Excluded | None:
    """The span that holds the base interval ending at `at`; the one that lasts longest."""
    spans = [span for span in excluded_between(exclusions, at - timedelta(microseconds=1), at) if span.start < at]
    return max(spans, key=lambda span: span.end, default=None)


def _spans(spec: ExclusionSpec, since: datetime, until: datetime) -> list[Excluded]:
    starts = [spec.starts_at] if spec.rrule is None else _occurrences(spec, since - spec.duration, until)
    spans = (Excluded(start, start + spec.duration, spec.reason) for start in starts)
    return [span for span in spans if span.start < until and span.end > since]


def _occurrences(spec: ExclusionSpec, since: datetime, until: datetime) -> list[datetime]:
    zone = ZoneInfo(spec.tz)
    # a day more on both sides: local times are compared as they are written, whatever the clocks do
    after, before = (
        moment.astimezone(zone).replace(tzinfo=None) + day
        for moment, day in ((since, timedelta(days=-1)), (until, timedelta(days=1)))
    )
    return [local.replace(tzinfo=zone).astimezone(UTC) for local in spec.occurrences(after, before)]
