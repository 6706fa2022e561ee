"""OpenSLO's objects become service files that count and alert the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.slo.windows import Tier
from burnline.spec.slo import CalendarWindow, SlicesSpec
from tests.slo.importers.importing import FIXTURES, imported
from tests.slo.promtool import Simulation, counter

SHOP, SLICES, ALPHA = (FIXTURES / "openslo" / f"{name}.yaml" for name in ("shop", "slices", "alpha"))


def test_objects_by_reference_become_one_service(tmp_path: Path) -> None:
    found = imported(tmp_path, "openslo", SHOP)

    (spec,) = found.specs
    assert (spec.service, spec.owner, spec.description) == ("web-shop", "shop", "The shop's front door.")
    assert spec.slos[0].sli.ratio is not None
    assert str(spec.slos[0].sli.ratio.good) == 'http_requests_total{job="shop",code!~"5.."}'
    assert spec.slos[0].window == timedelta(days=28)


def test_references_reach_over_files(tmp_path: Path) -> None:
    objects = SHOP.read_text().split("---\n")

    found = imported(tmp_path, "openslo", "---\n".join(objects[3:]), "---\n".join(objects[:3]))

    assert found.slos.keys() == {"answers"}


def test_burn_rate_conditions_become_tiers(tmp_path: Path) -> None:
    found = imported(tmp_path, "openslo", SHOP)

    assert found.tiers("answers") == [
        Tier("fast-burn", "page", 14, timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=5))
    ]
    assert found.says("shop.yaml:66:", "looks back once")


def test_several_objectives_become_several_slos(tmp_path: Path) -> None:
    slos = imported(tmp_path, "openslo", ALPHA).slos

    assert {name: slo.objective for name, slo in slos.items()} == {
        "api-latency-quick": 0.99,
        "api-latency-in-time": 0.999,
    }
    latencies = [slo.sli.latency.below for slo in slos.values() if slo.sli.latency]
    assert latencies == [timedelta(milliseconds=400), timedelta(seconds=5)]


def test_timeslices_become_slices_and_a_calendar_window_stays_one(tmp_path: Path) -> None:
    slos = imported(tmp_path, "openslo", SLICES).slos

    assert slos["line-contract"].window == CalendarWindow(calendar="month", tz="America/New_York")
    assert slos["line-contract"].slices == SlicesSpec(length=timedelta(minutes=5), target=0.95)
    assert slos["page"].slices == SlicesSpec(length=timedelta(minutes=1))


def test_a_gauge_is_bad_beyond_its_bound(tmp_path: Path) -> None:
    slos = imported(tmp_path, "openslo", SLICES).slos

    queue, wait = slos["queue"].sli.threshold, slos["wait"].sli.promql
    assert queue is not None
    assert (queue.above, queue.share) == (500, 0.1)
    assert wait is not None
    assert wait.bad is not None
    assert ">= 0.5" in wait.bad


SMALL = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: s
  indicator:
    metadata: {name: i}
    spec:
      ratioMetric:
        bad: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(bad_total[$window]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(all_total[$window]))'}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


def test_a_file_that_is_carried_over_whole_says_nothing(tmp_path: Path) -> None:
    found = imported(tmp_path, "openslo", SMALL)

    assert (found.code, found.left) == (0, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("target: 0.99", "target: 99"), ":14: spec.objectives[0].target: is 99; write more than 0 and less than 1"),
        (
            ("bad: {metricSource: {type: Prometheus", "bad: {metricSource: {type: Any"),
            "is 'Any', which is not supported",
        ),
        (("Occurrences", "Occurences"), ":13: spec.budgetingMethod: is 'Occurences'; accepted: Occurrences"),
        (("duration: 28d", "duration: 1M"), "spec.timeWindow[0].duration: not carried over: 1M has no one length"),
        (("isRolling: true", "calendar: {startTime: 2026-01-01, timeZone: UTC}"), "is '28d'; a calendar window is 1d"),
        (
            ("28d, isRolling: true", "1M, calendar: {startTime: 2026-01-05, timeZone: UTC}"),
            "starts at its first midnight",
        ),
        (("28d, isRolling: true", "1M, calendar: {startTime: 2026-01-01, timeZone: Mars}"), "is no IANA time zone"),
        (
            ("  indicator:\n", "  indicatorRef: i\n  spare:\n"),
            "spec.indicatorRef: 'i' is no SLI; these files hold no SLI",
        ),
        (("openslo/v1", "openslo/v2"), ":1: apiVersion: is 'openslo/v2'; accepted: openslo/v1 or openslo/v1alpha"),
        (("Occurrences", "Timeslices"), "spec.objectives[0].timeSliceWindow: is missing"),
        (
            ("target: 0.99", "target: 0.99, compositeWeight: 2"),
            "compositeWeight: not carried over: write a `composite`",
        ),
    ],
)
def test_what_is_wrong_or_lost_is_told_by_file_line_and_field(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    found = imported(tmp_path, "openslo", SMALL.replace(*change))

    assert found.code == (3 if "not carried over" in message or "midnight" in message else 1)
    assert found.says(message), (found.refused, found.left)


@pytest.mark.integration
def test_prometheus_gives_the_same_error_ratio_for_the_objects_and_the_imported_sli(tmp_path: Path) -> None:
    """Ten minutes of 30 % errors an hour; rate loses one scrape interval of sixty."""
    found = imported(tmp_path, "openslo", SHOP)
    good, total = (f'sum(increase(http_requests_total{{job="shop"{more}}}[1h]))' for more in (',code!~"5.."', ""))
    name = 'http_requests_total{job="shop",instance="a",code='
    series = {
        f'{name}"200"}}': counter((90, 600), (10, 420), (60, 600)),
        f'{name}"500"}}': counter((90, 0), (10, 180), (60, 0)),
    }
    simulation = Simulation(found.specs, series)

    simulation.holds(
        "2h", f'abs(burnline_slo_burn_rate{{window="1h"}} * 0.005 / on () (1 - {good} / {total}) - 1) < 0.02'
    )

    simulation.run(tmp_path)
