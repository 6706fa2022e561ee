"""Statuses: how long one may be believed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from burnline.events import Counts, SloState, SloStatus
from burnline.slo.status import aged

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def status(at: datetime) -> SloStatus:
    return SloStatus(
        service="card-fraud",
        slo="availability",
        at=at,
        state=SloState.OK,
        objective=0.99,
        window=timedelta(days=30),
        sli=1.0,
        counts=Counts(0, 100),
        budget_remaining=1.0,
        exhausted_in=None,
        burns=(),
    )


@pytest.mark.parametrize(("base", "age"), [(SECOND, 15 * SECOND), (MINUTE, 5 * MINUTE), (MINUTE, -2 * SECOND)])
def test_a_status_that_is_fresh_enough_is_believed(now: datetime, base: timedelta, age: timedelta) -> None:
    assert aged(status(now), now + age, base) == status(now)


@pytest.mark.parametrize(("base", "age"), [(SECOND, 16 * SECOND), (MINUTE, 301 * SECOND)])
def test_an_old_status_is_unknown_and_says_since_when(now: datetime, base: timedelta, age: timedelta) -> None:
    old = aged(status(now), now + age, base)

    assert old.state is SloState.UNKNOWN
    assert old.cause == f"burnline has not evaluated since {now:%H:%M:%S}"
    assert old.counts == status(now).counts


def test_a_status_from_the_future_is_unknown(now: datetime) -> None:
    assert aged(status(now), now - timedelta(hours=2), MINUTE).state is SloState.UNKNOWN
