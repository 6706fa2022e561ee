"""What the numbers mean, in one sentence for whoever has to act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
        ({"counts": Counts(0, 0)}, "No traffic in the window: the budget is untouched."),
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
