"""The simulated service shows what its SLIs count: whatever their selectors say, half of the events is half."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from burnline.app.drills.labels import find_series
from burnline.app.drills.traffic import Service, bad_share, traffic_of
from burnline.spec.selector import parse_selector
from burnline.spec.service import ServiceSpec

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def service(*slis: Mapping[str, object]) -> ServiceSpec:
    """A service with an SLO on each of these SLIs, called a, b, ..."""
    slos = [
        {"name": name, "objective": "99%", "window": "30d", "sli": sli} for name, sli in zip("abc", slis, strict=False)
    ]
    return ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "s", "owner": "o", "slos": slos})


RATIOS = [
    {"bad": 'requests_total{status=~"5.."}', "total": "requests_total"},
    {"bad": 'requests_total{code=~"5..|429",job="api"}', "total": 'requests_total{job="api",path!="/healthz"}'},
    {"good": 'requests_total{code!~"5.."}', "total": "requests_total"},
    {"good": "answered_total", "total": "asked_total"},
    {"bad": 'failures_total{kind=~"time(out|r).*"}', "total": "asked_total"},
    {"bad": 'jobs_total{result="failed"}', "total": 'jobs_total{result=~"failed|done"}'},
    {"bad": 'calls_total{grpc_code!="OK"}', "total": "calls_total"},
]


@pytest.mark.parametrize("ratio", RATIOS)
def test_half_of_the_events_of_a_ratio_turn_bad(ratio: dict[str, str]) -> None:
    spec = service({"ratio": ratio})

    traffic = traffic_of(spec, {"a": 0.5})

    assert traffic.unseen == {}
    assert bad_share(spec.slos[0].sli, traffic.healthy) == 0
    assert bad_share(spec.slos[0].sli, traffic.harmed) == pytest.approx(0.5)


def test_slos_that_share_their_events_are_harmed_one_by_one() -> None:
    total = "requests_total"
    one, other = (
        {"bad": 'requests_total{status=~"5.."}', "total": total},
        {"bad": 'requests_total{status="404"}', "total": total},
    )
    spec = service({"ratio": one}, {"ratio": other})

    traffic = traffic_of(spec, {"a": 0.5})

    assert bad_share(spec.slos[0].sli, traffic.harmed) == pytest.approx(0.5)
    assert bad_share(spec.slos[1].sli, traffic.harmed) == 0


def test_slow_events_are_over_every_bound_of_the_histogram() -> None:
    spec = service(*({"latency": {"histogram": "seconds", "below": below}} for below in ("250ms", "1s")))

    traffic = traffic_of(spec, {"a": 0.5})

    assert [bad_share(slo.sli, traffic.harmed) for slo in spec.slos] == [pytest.approx(0.5), pytest.approx(0.5)]
    assert [bad_share(slo.sli, traffic.healthy) for slo in spec.slos] == [0, 0]


def test_a_selector_that_contradicts_itself_is_told_of() -> None:
    ratio = {"bad": 'requests_total{status="500",status!="500"}', "total": 'requests_total{status!="500",status="500"}'}

    assert "no series was found" in traffic_of(service({"ratio": ratio}), {"a": 0.5}).unseen["a"]


def test_counters_only_grow_and_a_timestamp_stands_still_while_its_data_is_stale() -> None:
    spec = service({"ratio": RATIOS[0]}, {"freshness": {"timestamp": "updated_seconds", "max_age": "5m"}})
    made = Service(traffic_of(spec, {"a": 0.5, "b": 1.0}), NOW)

    before = {sample.name: sample.value for sample in made.page(NOW + SECOND)}
    made.break_down(NOW + 2 * SECOND)
    during = {sample.name: sample.value for sample in made.page(NOW + 9 * SECOND)}
    made.mend(NOW + 9 * SECOND)
    after = {sample.name: sample.value for sample in made.page(NOW + 10 * SECOND)}

    assert before["requests_total"] > 0
    assert during["updated_seconds"] == (NOW + 2 * SECOND).timestamp()
    assert after["updated_seconds"] == (NOW + 10 * SECOND).timestamp()


@pytest.mark.parametrize("pattern", ["5..", "time(out|r).*", "[45]xx", "a|b", "v[0-9]+", ".+", r"\\d\\d\\d"])
def test_a_text_is_found_for_the_usual_patterns(pattern: str) -> None:
    selector = parse_selector(f'requests_total{{label=~"{pattern}"}}')

    assert find_series("requests_total", [selector]) is not None
