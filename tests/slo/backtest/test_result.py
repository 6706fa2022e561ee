"""Episodes, precision and recall, on a history made by hand."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from burnline.events import SloState
from burnline.slo.backtest.history import replay_history
from burnline.slo.backtest.page import render_page
from burnline.slo.backtest.points import thinned
from burnline.slo.backtest.replay import Replay
from burnline.slo.backtest.result import Backtest, Incident, summarise
from burnline.slo.backtest.tables import Rows
from burnline.slo.ring import Array
from burnline.spec.service import ServiceSpec

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = 1440


def service(**more: object) -> ServiceSpec:
    slo = {"name": "a", "objective": "99.9%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}
    body = {"apiVersion": "burnline/v1", "service": "<b>shop", "owner": "team", "slos": [slo], **more}
    return ServiceSpec.model_validate({**body, "service": "shop"})


def rows(minutes: int, *outages: range, gap: range = range(0)) -> Rows:
    """A hundred events a minute; in an outage all of them fail."""
    found = Rows(array("d"), array("d"), array("d"))
    for minute in range(1, minutes + 1):
        if minute not in gap:
            found.at.append((START + minute * MINUTE).timestamp())
            found.bad.append(100.0 if any(minute in outage for outage in outages) else 0.0)
            found.total.append(100.0)
    return found


def backtested(history: Rows, *incidents: Incident, spec: ServiceSpec | None = None) -> tuple[Replay, Backtest]:
    found = replay_history(spec or service(), history.ends_at(), rows={"a": history})["a"]
    return found, summarise(found, incidents)


def incident(start: int, end: int) -> Incident:
    return Incident(START + start * MINUTE, START + end * MINUTE)


def test_a_full_outage_pages_within_a_minute_and_ends_after_it(now: datetime) -> None:
    _, result = backtested(rows(2 * DAY, range(DAY, DAY + 10)))

    [page] = result.pages
    assert page.start == START + DAY * MINUTE  # one minute of 60 is 1.67 %, over 1.44 %
    assert page.end is not None
    assert page.tiers == ("page-fast", "page-slow")
    assert page.worst_rate == pytest.approx(10 / 60 / 0.001)


def test_an_hour_of_silence_is_unknown_and_no_recovery() -> None:
    _, result = backtested(rows(2 * DAY, range(DAY, DAY + 10), gap=range(DAY + 10, DAY + 70)))

    [page] = result.pages
    assert page.end is not None
    assert page.end > START + (DAY + 69) * MINUTE
    assert result.states[SloState.UNKNOWN] > 50 * MINUTE
    assert result.coverage < 1


def test_pages_are_judged_by_the_incidents() -> None:
    _, result = backtested(
        rows(4 * DAY, range(DAY, DAY + 10), range(3 * DAY, 3 * DAY + 10)),
        incident(DAY - 3, DAY + 9),
        incident(2 * DAY, 2 * DAY + 30),
    )

    judged = result.judged
    assert judged is not None
    assert (judged.precision, judged.recall) == (0.5, 0.5)
    assert [each.after for each in judged.caught] == [3 * MINUTE, None]
    assert [page.start for page in judged.false_pages] == [START + 3 * DAY * MINUTE]


def test_without_pages_or_incidents_nothing_is_claimed() -> None:
    _, result = backtested(rows(DAY))

    assert result.judged is not None
    assert (result.judged.precision, result.judged.recall) == (None, None)
    assert result.budget_left == pytest.approx(1.0)


def test_an_outage_in_an_exclusion_pages_nobody() -> None:
    work = {"from": "2026-01-02T00:00:00Z", "for": "30m", "reason": "work"}

    _, result = backtested(rows(2 * DAY, range(DAY + 1, DAY + 11)), spec=service(exclude=[work]))

    assert result.pages == ()
    assert result.bad == 0


def test_a_page_that_is_out_at_the_end_has_no_end() -> None:
    _, result = backtested(rows(DAY, range(DAY - 5, DAY + 1)))

    assert result.pages[0].end is None


def test_a_picture_keeps_what_stands_out() -> None:
    at: Array = np.arange(1000.0)
    values = at * 0
    values[777] = 5

    _, few = thinned(at, values, 100)

    assert len(few) == 100
    assert few.max() == 5


def test_the_page_holds_no_script_and_escapes_names() -> None:
    replay, result = backtested(
        rows(2 * DAY, range(DAY, DAY + 10)), Incident(START, START + MINUTE, "<script>alert(1)")
    )

    page = render_page([(replay, result)], [Incident(START, START + MINUTE)])

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<svg") == 2
    assert "http" not in page
