"""What /metrics says of the collectors and of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from burnline import metrics
from burnline.collectors.exposition import Turns, families
from burnline.events import Collection, Sample
from burnline.metrics.register import host


def turn(at: datetime, *samples: Sample, service: str = "", collector: str = "host", ok: bool = True) -> Collection:
    error = "" if ok else "refused"
    return Collection(service, collector, "", at, 0.25, ok, samples, error, measured=collector != "http")


class Exposed(Collector):
    def __init__(self, *turns: Collection) -> None:
        self.turns = turns

    def collect(self) -> Iterator[Metric]:
        return families(self.turns)


def registry(*turns: Collection) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(Exposed(*turns))
    return made


def test_every_collector_has_a_duration_a_success_and_a_last_success(now: datetime) -> None:
    page = registry(turn(now), turn(now, service="card-fraud", collector="http", ok=False))

    fraud = {"service": "card-fraud", "collector": "http"}
    machine = {"service": "", "collector": "host"}
    assert page.get_sample_value(metrics.COLLECTOR_DURATION, machine) == 0.25
    assert page.get_sample_value(metrics.COLLECTOR_SUCCESS, machine) == 1
    assert page.get_sample_value(metrics.COLLECTOR_SUCCESS, fraud) == 0
    assert page.get_sample_value(metrics.COLLECTOR_LAST_SUCCESS, machine) == now.timestamp()
    assert page.get_sample_value(metrics.COLLECTOR_LAST_SUCCESS, fraud) is None


def test_a_failing_collector_keeps_the_time_of_its_last_success_but_not_its_samples(now: datetime) -> None:
    load = Sample(host.LOAD, {"window": "1m"}, 0.5)

    page = registry(turn(now + timedelta(seconds=15), ok=False), turn(now, load))

    machine = {"service": "", "collector": "host"}
    assert page.get_sample_value(metrics.COLLECTOR_SUCCESS, machine) == 0
    assert page.get_sample_value(metrics.COLLECTOR_LAST_SUCCESS, machine) == now.timestamp()
    assert page.get_sample_value(host.LOAD, {"window": "1m"}) is None


def test_the_last_failure_has_a_time_and_one_of_a_few_words(now: datetime) -> None:
    later = now + timedelta(seconds=15)
    failed = replace(turn(now, ok=False), error="10.0.0.7: connection refused", reason="unreachable")

    page = registry(failed, turn(later, Sample(host.CPUS, {}, 4)))

    machine = {"service": "", "collector": "host"}
    assert page.get_sample_value(metrics.COLLECTOR_SUCCESS, machine) == 1
    assert page.get_sample_value(metrics.COLLECTOR_LAST_ERROR, machine) == now.timestamp()
    assert page.get_sample_value(metrics.COLLECTOR_ERROR_INFO, {**machine, "reason": "unreachable"}) == 1
    assert page.get_sample_value(metrics.COLLECTOR_SAMPLES, machine) == 1
    assert "10.0.0.7" not in generate_latest(page).decode()


def test_a_collector_that_never_failed_has_no_failure(now: datetime) -> None:
    text = generate_latest(registry(turn(now))).decode()

    assert "last_error" not in text


def test_a_turn_that_is_the_newest_still_gives_the_same_source(now: datetime) -> None:
    turns, still, moved = Turns(), turn(now), turn(now, collector="gpu")

    first = turns.sources([still, moved])
    second = turns.sources([still, turn(now + timedelta(seconds=15), collector="gpu")])

    assert first[0] is second[0]
    assert first[1] is not second[1]


def test_the_machine_is_exposed_with_its_types_and_help(now: datetime) -> None:
    text = generate_latest(registry(turn(now, Sample(host.OOM_KILLS, {}, 2), Sample(host.CPUS, {}, 4)))).decode()

    assert "# TYPE burnline_host_oom_kills_total counter\nburnline_host_oom_kills_total 2.0\n" in text
    assert "# TYPE burnline_host_cpus gauge\nburnline_host_cpus 4.0\n" in text
    assert "# HELP burnline_host_cpus CPUs online.\n" in text


def test_openmetrics_accepts_it_too(now: datetime) -> None:
    page = registry(turn(now, Sample(host.OOM_KILLS, {}, 2)))

    text = generate_openmetrics(page).decode()  # type: ignore[no-untyped-call]  # the library's own gap

    assert "# TYPE burnline_host_oom_kills counter\n" in text
    assert text.endswith("# EOF\n")


def test_samples_of_a_page_are_not_passed_on(now: datetime) -> None:
    own, posing = Sample("http_requests_total", {}, 1), Sample(host.CPUS, {}, 1)

    text = generate_latest(registry(turn(now, own, posing, service="card-fraud", collector="http"))).decode()

    assert "http_requests_total" not in text
    assert host.CPUS not in text


def test_what_was_measured_for_a_service_says_whose_it_is(now: datetime) -> None:
    page = registry(turn(now, Sample(host.CPUS, {}, 1), service="card-fraud", collector="pushed"))

    assert page.get_sample_value(host.CPUS, {"service": "card-fraud"}) == 1
