"""What the numbers mean, in one sentence for whoever has to act."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.app.views import _sentence
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


FIRING = Burn("page-fast", "page", 14.4, timedelta(hours=1), timedelta(minutes=5), 20.0, 30.0, firing=True)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, "2,000 bad of 1,000,000 events in 30d."),
        ({"counts": Counts(0, 0)}, "No traffic in the window: the budget is untouched."),
        ({"state": SloState.UNKNOWN, "cause": "no sample yet"}, "No sample yet"),
        ({"state": SloState.UNKNOWN}, "Nothing is known of this SLO."),
        (
            {"state": SloState.BREACHED, "burns": (FIRING,), "exhausted_in": timedelta(hours=50)},
            "At this rate the budget of 30d is gone in 2 days.",
        ),
        (
            {"state": SloState.BREACHED, "burns": (FIRING,), "exhausted_in": timedelta(seconds=90)},
            "At this rate the budget of 30d is gone in 90 seconds.",
        ),
        ({"state": SloState.BREACHED, "budget_remaining": -0.2}, "The budget of 30d is spent."),
        (
            {"state": SloState.AT_RISK, "budget_remaining": 0.08},
            "2,000 bad of 1,000,000 events in 30d; 8.0% of the budget is left.",
        ),
        (
            {"sli": 0.95},
            "2,000 bad of 1,000,000 events so far; the window of 30d is young, so most of its budget is not yet spent.",
        ),
    ],
)
def test_a_status_is_said_in_one_sentence(now: datetime, changed: dict[str, Any], sentence: str) -> None:
    assert _sentence(status(now, **changed)) == sentence
