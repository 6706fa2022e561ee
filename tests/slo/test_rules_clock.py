"""Exclusions and calendar periods as PromQL arithmetic, against the calendar itself, in a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import httpx
import pytest

from burnline.slo.calendar import period_span, period_start
from burnline.slo.compiler.clock import calendar_key, excluded, offsets, period_seconds
from burnline.slo.exclusions import excluded_between
from burnline.slo.promql import Call, Expr, Select, show
from burnline.spec.exclude import ExclusionSpec
from burnline.spec.slo import CalendarWindow
from tests.programs import free_port, program, running

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = 2_500


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty Prometheus: a calculator."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(argv, log=folder / "log", url=f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


def values(prometheus: str, expr: Expr, start: datetime, step: timedelta) -> list[tuple[datetime, float]]:
    """The expression at each step."""
    assert not isinstance(expr, Select)
    asked = {
        "query": show(expr),
        "start": str(start.timestamp()),
        "end": str((start + (MOMENTS - 1) * step).timestamp()),
        "step": str(step.total_seconds()),
    }
    answer = httpx.post(f"{prometheus}/api/v1/query_range", data=asked, trust_env=False).json()
    (found,) = answer["data"]["result"]
    return [(datetime.fromtimestamp(at, UTC), float(value)) for at, value in found["values"]]


@pytest.mark.parametrize("tz", ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"])
@pytest.mark.parametrize("calendar", ["day", "week", "month", "quarter", "year"])
def test_a_period_changes_when_it_changes_on_the_calendar(prometheus: str, calendar: str, tz: str) -> None:
    """Over the three years of the horizon, clock changes and a leap year included, ten and a half hours apart."""
    window = CalendarWindow.model_validate({"calendar": calendar, "tz": tz})
    start, step = datetime(2026, 1, 1, 0, 30, tzinfo=UTC), timedelta(hours=10, minutes=30)

    keys = values(prometheus, Call("vector", (calendar_key(window, NOW),)), start, step)
    lengths = values(prometheus, Call("vector", (period_seconds(window, NOW),)), start, step)

    starts = [period_start(window, at) for at, _ in keys]
    assert len(keys) == MOMENTS
    assert {key: at for (_, key), at in zip(keys, starts, strict=True)} == dict(
        zip(dict.fromkeys(key for _, key in keys), dict.fromkeys(starts), strict=True)
    )
    assert [key != before for (_, before), (_, key) in pairwise(keys)] == [
        at != before for before, at in pairwise(starts)
    ]
    assert all(seconds == period_span(window, at).total_seconds() for at, seconds in lengths)


def test_the_clock_changes_of_three_years_are_known() -> None:
    changes = offsets("Europe/Berlin", NOW)

    assert [datetime.fromtimestamp(at, UTC).isoformat(" ", "hours")[:13] for at, _ in changes] == [
        "2026-01-01 00", "2026-03-29 01", "2026-10-25 01", "2027-03-28 01", "2027-10-31 01", "2028-03-26 01",
        "2028-10-29 01",
    ]  # fmt: skip
    assert [seconds / 3600 for _, seconds in changes] == [1, 2, 1, 2, 1, 2, 1]


RULES = [
    {"from": "2026-12-01T02:00:00Z", "to": "2026-12-01T04:00:00Z"},
    {"from": "2026-01-04T03:00:00", "rrule": "FREQ=WEEKLY;BYDAY=SU", "for": "2h", "tz": "Europe/Berlin"},
    {"from": "2026-01-01T22:00:00", "rrule": "FREQ=DAILY", "for": "45m", "tz": "America/New_York"},
    {"from": "2026-01-01T00:10:00", "rrule": "FREQ=HOURLY", "for": "5m"},
    {"from": "2026-01-01T00:00:00", "rrule": "FREQ=MONTHLY;BYMONTHDAY=-1", "for": "1d", "tz": "Asia/Kolkata"},
    {"from": "2026-01-05T12:00:00", "rrule": "FREQ=WEEKLY;BYDAY=MO,WE", "for": "3h", "tz": "Europe/Berlin"},
    {"from": "2026-01-01T00:00:00", "rrule": "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "for": "1d", "tz": "Europe/Berlin"},
]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_excluded_is_what_the_exclusions_say(prometheus: str, seed: int) -> None:
    random = Random(seed)
    chosen = random.sample(RULES, random.choice([1, 1, 2, 3])) if seed else RULES[3:4]
    exclusions = [ExclusionSpec.model_validate({**rule, "reason": "maintenance"}) for rule in chosen]
    start = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(300))

    found = values(prometheus, excluded(exclusions, NOW), start, timedelta(minutes=217))

    spans = excluded_between(exclusions, start, found[-1][0])
    held = [any(span.start < at <= span.end for span in spans) for at, _ in found]
    assert len(found) == MOMENTS
    assert [value > 0 for _, value in found] == held
    assert any(value for _, value in found)


@pytest.mark.parametrize(("seconds", "held"), [(-1, 0), (0, 0), (0.5, 1), (7200, 1), (7200.5, 0)])
def test_an_exclusion_holds_after_its_start_and_at_its_end(prometheus: str, seconds: float, held: float) -> None:
    """A base interval is excluded when it ends in (from, to]."""
    exclusions = [ExclusionSpec.model_validate({**rule, "reason": "maintenance"}) for rule in RULES[:1]]
    at = exclusions[0].starts_at + timedelta(seconds=seconds)

    assert values(prometheus, excluded(exclusions, NOW), at, HOUR)[0][1] == held


def test_a_year_of_sundays_is_three_terms() -> None:
    """One for each stretch between two changes of the clocks, not one for each Sunday."""
    sundays = [ExclusionSpec.model_validate({**RULES[1], "reason": "maintenance"})]

    assert show(excluded(sundays, NOW)).count("%") == 2 * 3
