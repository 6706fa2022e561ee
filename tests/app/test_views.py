"""What the numbers mean, in one sentence for whoever has to act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burnline.app.slo_views import judged
from burnline.app.slo_views import sentence as said
from burnline.events import Burn, Counts, SloState, SloStatus


def status(now: datetime, **changed: Any) -> SloStatus:
    """An SLO of 99 % over 30 d that has spent a fifth of its budget."""
    healthy: dict[str, Any] = {
        "service": "shop",
        "slo": "availability",
        "at": now,
        "state": SloState.OK,
        "objective": 0.99,
        "window": timedelta(days=30),
        "sli": 0.998,
        "counts": Counts(2000, 1_000_000),
        "budget_remaining": 0.8,
        "exhausted_in": None,
        "burns": (),
    }
    return SloStatus(**{**healthy, **changed})


SINCE = datetime(2026, 1, 5, 11, 50, tzinfo=UTC)
FIRING = Burn("page-fast", "page", 14.4, timedelta(hours=1), timedelta(minutes=5), 20.0, 30.0, firing=True)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, "2,000 bad of 1,000,000 events in 30d."),
        ({"state": SloState.UNKNOWN, "cause": "no sample yet"}, "No sample yet"),
        (
            {"state": SloState.UNKNOWN, "cause": "http_requests_total was read once"},
            "http_requests_total was read once",
        ),
        ({"state": SloState.UNKNOWN}, "Nothing is known of this SLO."),
        ({"since": SINCE}, "2,000 bad of 1,000,000 events since 11:50 UTC."),
        ({"since": SINCE - timedelta(days=2)}, "2,000 bad of 1,000,000 events since 2026-01-03 11:50 UTC."),
        (
            {"state": SloState.BREACHED, "burns": (FIRING,), "exhausted_in": timedelta(hours=50)},
            "2,000 bad of 1,000,000 events in 30d; at this rate the budget of 30d is gone in 2 days.",
        ),
        (
            {"state": SloState.BREACHED, "burns": (FIRING,), "exhausted_in": timedelta(seconds=90)},
            "2,000 bad of 1,000,000 events in 30d; at this rate the budget of 30d is gone in 90 seconds.",
        ),
        (
            {"state": SloState.BREACHED, "budget_remaining": -0.2},
            "2,000 bad of 1,000,000 events in 30d; the budget of 30d is spent.",
        ),
        (
            {"state": SloState.AT_RISK, "budget_remaining": 0.08},
            "2,000 bad of 1,000,000 events in 30d; 8.0% of the budget is left.",
        ),
        (
            {"sli": 0.95, "since": SINCE},
            "2,000 bad of 1,000,000 events since 11:50 UTC; the window of 30d is young: most of its budget is unspent.",
        ),
    ],
)
def test_a_status_is_said_in_onesaid(now: datetime, changed: dict[str, Any], sentence: str) -> None:
    assert said(status(now, **changed)) == sentence


def test_a_window_without_events_is_unknown_and_not_health(now: datetime) -> None:
    seen = judged(status(now, sli=None, counts=Counts(0, 0), budget_remaining=None))

    assert seen.state is SloState.UNKNOWN
    assert said(seen) == "No event in 30d: its source answers and counts nothing. Does traffic reach it?"


def test_maintenance_is_the_reason_when_it_is_one(now: datetime) -> None:
    seen = judged(status(now, counts=Counts(0, 0), excluded="excluded until 12:30:00 UTC: new disks"))

    assert said(seen) == "Excluded until 12:30:00 UTC: new disks"


@pytest.mark.parametrize("state", [SloState.OK, SloState.AT_RISK, SloState.BREACHED])
def test_a_window_with_events_keeps_its_state(now: datetime, state: SloState) -> None:
    one = status(now, state=state, counts=Counts(0, 1))

    assert judged(one) is one
