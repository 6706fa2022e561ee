"""When events do not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from burnline.slo.exclusions import excluded_at, excluded_between, exclusions_of
from burnline.spec.exclude import ExclusionSpec
from burnline.spec.service import ServiceSpec

RATIO = {"ratio": {"bad": "b", "total": "t"}}


def exclusion(**fields: Any) -> ExclusionSpec:
    return ExclusionSpec.model_validate({"reason": "work", **fields})


def utc(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


SUNDAYS = exclusion(**{"from": "2026-01-04T03:00", "for": "2h", "rrule": "FREQ=WEEKLY;BYDAY=SU", "tz": "Europe/Berlin"})


def test_what_happens_once_holds_from_after_its_start_to_its_end() -> None:
    once = exclusion(**{"from": "2026-12-01T02:00:00Z", "to": "2026-12-01T04:00:00Z"})

    assert excluded_at([once], utc(12, 1, 2)) is None
    assert excluded_at([once], utc(12, 1, 2, 1)) is not None
    assert excluded_at([once], utc(12, 1, 4)) is not None
    assert excluded_at([once], utc(12, 1, 4, 1)) is None


def test_sunday_at_three_stays_at_three_when_clocks_change() -> None:
    spans = excluded_between([SUNDAYS], utc(3, 20), utc(4, 7))

    assert [span.start for span in spans] == [utc(3, 22, 2), utc(3, 29, 1), utc(4, 5, 1)]
    assert all(span.end - span.start == timedelta(hours=2) for span in spans)


def test_an_occurrence_that_began_before_the_question_counts() -> None:
    assert [span.start for span in excluded_between([SUNDAYS], utc(2, 1, 3), utc(2, 1, 3, 1))] == [utc(2, 1, 2)]


def test_of_two_spans_the_longer_one_says_why() -> None:
    short = exclusion(**{"from": "2026-02-01T02:00:00Z", "for": "1h", "reason": "short"})
    long = exclusion(**{"from": "2026-02-01T01:00:00Z", "for": "9h", "reason": "long"})

    found = excluded_at([short, long], utc(2, 1, 2, 30))

    assert found is not None
    assert found.reason == "long"


def test_a_rule_that_ends_is_over() -> None:
    twice = exclusion(**{"from": "2026-01-04T03:00", "for": "1h", "rrule": "FREQ=DAILY;COUNT=2"})
    until = exclusion(**{"from": "2026-01-04T03:00", "for": "1h", "rrule": "FREQ=DAILY;UNTIL=20260106T040000"})

    assert len(excluded_between([twice], utc(1, 1), utc(12, 1))) == 2
    assert len(excluded_between([until], utc(1, 1), utc(12, 1))) == 3


def test_a_rule_is_the_same_asked_whole_or_in_parts() -> None:
    rule = exclusion(
        **{"from": "2020-01-01T03:30", "for": "90m", "rrule": "FREQ=MONTHLY;BYDAY=-1FR", "tz": "Asia/Tokyo"}
    )
    whole = excluded_between([rule], utc(1, 1), utc(12, 31))

    days = [utc(1, 1) + timedelta(days=day) for day in range(365)]
    parts = {span for day in days for span in excluded_between([rule], day, day + timedelta(days=1))}

    assert tuple(sorted(parts)) == whole
    assert len(whole) == 12


def test_an_exclusion_may_hold_for_some_slos_only() -> None:
    body = {
        "apiVersion": "burnline/v1",
        "service": "shop",
        "owner": "team",
        "slos": [{"name": name, "objective": "99%", "window": "30d", "sli": RATIO} for name in "ab"],
        "exclude": [{"from": "2026-01-01", "for": "1h", "reason": "r", "slos": ["a"]}],
    }
    spec = ServiceSpec.model_validate(body)

    assert len(exclusions_of(spec, "a")) == 1
    assert exclusions_of(spec, "b") == ()
