"""The least time to a page, from counters: hand-worked traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.app.demo_traffic import Reading, Traffic, read_page
from burnline.slo.burn import detection_time
from burnline.slo.windows import tiers

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
PERIOD, OBJECTIVE = timedelta(hours=12), 0.99
FASTEST = tiers(PERIOD, OBJECTIVE)[0]  # 14.4 times over 1 m and 5 s
PAGE = """\
# TYPE http_requests_total counter
http_requests_total{status="200",model_version="1"} 90.0
http_requests_total{status="503",model_version="2"} 8.0
http_requests_total{status="499",model_version="2"} 2.0
# TYPE model_info gauge
model_info{model_version="2"} 1.0
# TYPE prediction_events_dropped_total counter
prediction_events_dropped_total 3.0
"""


def traffic(*, healthy: float, seconds: int, before: float, after: float, bad: float) -> Traffic:
    """`before` requests a second while healthy, then `after` a second, of which the share `bad` fails."""
    readings, total, failed = [], 0.0, 0.0
    for second in range(int(healthy) + seconds + 1):
        readings.append(Reading(START + timedelta(seconds=second - healthy), total, failed))
        total += before if second < healthy else after
        failed += 0 if second < healthy else after * bad
    return Traffic(readings)


def test_a_page_of_the_server_becomes_a_reading() -> None:
    assert read_page(PAGE, START) == Reading(START, total=100, bad=8, version="2", dropped=3)


def test_a_page_without_requests_counts_nothing() -> None:
    assert read_page("", START) == Reading(START)


@pytest.mark.parametrize("bad", [0.2, 0.4, 1.0])
def test_even_traffic_gives_what_the_workbook_formula_gives(bad: float) -> None:
    seen = traffic(healthy=120, seconds=90, before=80, after=80, bad=bad)

    least = seen.least_time(START, FASTEST, OBJECTIVE)

    formula = detection_time(OBJECTIVE, bad, FASTEST.factor, FASTEST.long)
    assert least is not None
    assert formula is not None
    assert formula <= least.after <= formula + timedelta(seconds=0.2)


def test_a_version_that_answers_half_as_much_takes_longer() -> None:
    """With t seconds of 40 a second, 40 % bad, in a minute otherwise of 80: 16 t > 0.144 (4800 - 40 t), t > 31.8."""
    seen = traffic(healthy=120, seconds=60, before=80, after=40, bad=0.4)

    least = seen.least_time(START, FASTEST, OBJECTIVE)

    assert least is not None
    assert least.after.total_seconds() == pytest.approx(31.8, abs=0.11)
    assert least.bad == pytest.approx(0.144 * least.total, rel=0.01)


def test_a_young_window_is_taken_as_full_at_the_rate_so_far() -> None:
    """A minute of 80 a second holds 4800, though only 20 s of it were seen before: 32 t > 0.144 x 4800, t > 21.6."""
    seen = traffic(healthy=20, seconds=60, before=80, after=80, bad=0.4)

    least = seen.least_time(START, FASTEST, OBJECTIVE)

    assert least is not None
    assert least.after.total_seconds() == pytest.approx(21.6, abs=0.11)


@pytest.mark.parametrize("bad", [0.0, 0.14])
def test_too_little_that_is_bad_never_pages(bad: float) -> None:
    seen = traffic(healthy=60, seconds=120, before=80, after=80, bad=bad)

    assert seen.least_time(START, FASTEST, OBJECTIVE) is None
    assert seen.worst_share(START, FASTEST.long) == pytest.approx(bad)


def test_nothing_read_since_the_release_says_nothing() -> None:
    assert Traffic().least_time(START, FASTEST, OBJECTIVE) is None
    assert Traffic([Reading(START - timedelta(seconds=1), 10, 10)]).least_time(START, FASTEST, OBJECTIVE) is None
    assert Traffic().worst_share(START, FASTEST.long) == 0


def test_one_reading_at_the_release_says_nothing() -> None:
    seen = Traffic([Reading(START, 10, 10)])

    assert seen.least_time(START, FASTEST, OBJECTIVE) is None
    assert seen.worst_share(START, FASTEST.long) == 0
