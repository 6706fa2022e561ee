"""Promises as people write them: slices, tiers of their own, dependencies, calendar windows, exclusions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.spec.slo import CalendarWindow
from tests.spec.conftest import Load, Problems

UP = "sli: {threshold: {gauge: up, below: 1}}"
RATIO = "sli: {ratio: {bad: e, total: t}}"


def slo(fields: str) -> str:
    both = "objective: 99%, window: 30d"
    return f"slos:\n  - {{name: a, {both}, {fields}}}\n  - {{name: b, {both}, {UP}}}\n"


def test_a_calendar_window_has_a_time_zone(load: Load) -> None:
    found = load("slos: [{name: a, objective: 99%, window: {calendar: month, tz: Europe/Berlin}, " + UP + "}]").slos[0]

    assert found.window == CalendarWindow(calendar="month", tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (f"{UP}, slices: {{length: 5m}}", "slices: has no meaning for an SLI of kind threshold; "),
        (f"{RATIO}, slices: {{length: 500ms}}", "slices.length: is 500ms; accepted: 1s to 6h"),
        (f"{RATIO}, slices: {{length: 5m, target: 100%}}", "slices.target: 100% leaves no error budget"),
        (f"{UP}, tiers: []", "tiers: needs at least 1"),
        (f"{UP}, tiers: [page-slo]", "tiers[0]: is 'page-slo'; accepted: page-fast, page-slow, ticket-fast or"),
        (f"{UP}, tiers: [page-fast, page-fast]", "tiers[1]: the tier 'page-fast' is used twice"),
        (f"{UP}, tiers: [{{name: x, severity: page, long: 1h}}]", "tiers[0]: needs exactly one of `factor` and"),
        (f"{UP}, tiers: [{{name: x, severity: warn, long: 1h, factor: 2}}]", "tiers[0].severity: is 'warn'; accepted"),
        (f"{UP}, tiers: [{{name: x, severity: page, long: 1h, factor: 0}}]", "tiers[0].factor: is 0; input should be"),
        (f"{UP}, tiers: [{{name: x, severity: page, long: 1h, faktor: 2, factor: 2}}]", "tiers[0].faktor: is no key"),
        (f"{UP}, depends_on: [a]", "depends_on[0]: is this SLO itself; accepted: b"),
        (f"{UP}, depends_on: [card-fraud/a]", "depends_on[0]: is this SLO itself; accepted: b"),
        (f"{UP}, depends_on: [c]", "depends_on[0]: 'c' is no SLO of this service; accepted: b"),
        (f"{UP}, depends_on: [A B]", "depends_on[0]: 'A B' names no SLO; write slo, or service/slo"),
        ("sli: {composite: {worst_of: [b]}}", "sli.composite.worst_of: needs at least 2"),
        ("sli: {composite: {worst_of: [b, a]}}", "sli.composite.worst_of: holds this SLO itself; accepted: b"),
        ("sli: {composite: {all_of: [b, c]}}", "sli.composite.all_of: 'c' is no SLO of this service; accepted: b"),
        ("sli: {composite: {weighted: {b: 1, c: 0}}}", "sli.composite.weighted.c: is 0; input should be greater"),
        ("sli: {composite: {average: [a, b]}}", "sli.composite.average: is no key here; accepted: all_of, weighted"),
        ("sli: {freshness: {timestamp: ts}}", "sli.freshness.max_age: is missing"),
        ("sli: {throughput: {counter: c, at_least: -1}}", "sli.throughput.at_least: is -1; input should be greater"),
        ("sli: {throughput: {counter: c, at_least: 1, per: 1d}}", "sli.throughput.per: is 1d; accepted: 1s to 6h"),
        ("sli: {promql: {bad: 'sum(e[5m])'}}", "sli.promql.bad: 'sum(e[5m])' has no [$window]; write it as the range"),
        ("sli: {promql: {total: 'sum(rate(e[$window]))'}}", "sli.promql: needs `total` with one of `bad` and `good`"),
        ("sli: {promql: {error_ratio: 'sum(rate(e[$window])'}}", "sli.promql.error_ratio: 'sum(rate(e[$window])' is"),
    ],
)  # fmt: skip
def test_a_promise_says_what_it_accepts(problems: Problems, fields: str, problem: str) -> None:
    found = problems(slo(fields))

    assert len(found) == 1
    assert found[0].startswith(f"5: slos[0].{problem}")


@pytest.mark.parametrize(
    ("zone", "hint"), [("Europe/Berln", "; did you mean 'Europe/Berlin'?"), ("../etc/passwd", ""), ("Europe", "")]
)
def test_a_time_zone_is_one_of_the_iana_database(problems: Problems, zone: str, hint: str) -> None:
    found = problems(f"slos: [{{name: a, objective: 99%, window: {{calendar: day, tz: {zone}}}, {UP}}}]")

    assert len(found) == 1
    assert found[0].startswith(f"4: slos[0].window.tz: {zone!r} is no IANA time zone; write one as in Europe/Berlin")
    assert hint in found[0]


def test_an_exclusion_is_local_time_where_it_says_so(load: Load) -> None:
    [once, again] = load("""\
        exclude:
          - {from: "2026-07-01T02:00", to: "2026-07-01T04:00+00:00", tz: Europe/Berlin, reason: move}
          - {from: "2026-01-04T03:00:00Z", for: 2h, rrule: "RRULE:FREQ=WEEKLY;BYDAY=SU", reason: weekly}
        """).exclude

    assert (once.starts_at, once.ends_at) == (datetime(2026, 7, 1, 0, tzinfo=UTC), datetime(2026, 7, 1, 4, tzinfo=UTC))
    assert again.duration == timedelta(hours=2)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("to: 2026-01-02", "needs exactly one of"),
        ("from: tomorrow, for: 1h", ".from: 'tomorrow' is not a moment; write 2026-12-01T02:00:00Z"),
        ("from: 2026-02-30, for: 1h", ".from: '2026-02-30' is not a moment: day"),
        ("from: 2026-01-02, to: 2026-01-01", ": ends at 2026-01-01T00:00:00+00:00, which is not after its start"),
        ("from: 2026-01-02, for: 0s", "which is not after its start"),
        ("from: 2026-01-02, to: 2026-01-03, rrule: FREQ=DAILY", "so it needs `for`"),
        ("from: 2026-01-02, for: 1h, rrule: FREQ=SECONDLY", "needs FREQ= HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("from: 2026-01-02, for: 1h, rrule: every sunday", "needs FREQ="),
        ("from: 2026-01-02, for: 1h, rrule: FREQ=DAILY;BYDAY=XX", "is no recurrence rule of RFC 5545"),
        ("from: 2026-01-02, for: 1h, rrule: FREQ=DAILY;UNTIL=20260201T000000Z", "write it without the Z"),
        (
            "from: 2026-01-02, for: 1h, rrule: FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
            "has no occurrence in the five years",
        ),
        ("from: 2026-01-02, for: 1h, slos: [b]", ".slos[0]: 'b' is no SLO of this service; it has no SLO"),
    ],
)
def test_an_exclusion_says_what_it_accepts(problems: Problems, fields: str, problem: str) -> None:
    given = fields if "from:" in fields else f"from: 2026-01-01, for: 1h, {fields}"

    found = problems(f"exclude:\n  - {{{given}, reason: r}}\n")

    assert len(found) == 1
    assert found[0].startswith("5: exclude[0]")
    assert problem in found[0]


def test_a_budget_policy_has_one_step_for_a_share(problems: Problems) -> None:
    found = problems("budget_policy:\n  - {left: 50%, do: notify}\n  - {left: 50%, do: panic}\n")

    assert found == ["6: budget_policy[1].do: is 'panic'; accepted: notify, freeze_releases or require_approval"]


@pytest.mark.parametrize("query", ["-" * 9000 + "rate(x[$window])", " or ".join(["rate(x[$window])"] * 600)])
def test_an_expression_that_is_nested_for_no_person_is_refused(problems: Problems, query: str) -> None:
    [found] = problems(slo(f"sli: {{promql: {{error_ratio: '{query}'}}}}"))

    assert found.startswith("5: slos[0].sli.promql.error_ratio: ")


def test_signs_within_quotes_nest_nothing(load: Load) -> None:
    query = f'sum(rate(x{{id=~"{"a-b|" * 600}"}}[$window]))'

    spec = load(slo(f"sli: {{promql: {{error_ratio: '{query}'}}}}"))

    assert spec.slos[0].sli.promql is not None
