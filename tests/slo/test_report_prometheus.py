"""A report from a Prometheus: a day that it recorded, and answers that cannot be believed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from burnline.slo.report.kept import Report, SloReport, Verdict
from burnline.slo.report.period import parse_period
from burnline.slo.report.prometheus import Recorded
from burnline.spec.service import ServiceSpec
from tests.programs import free_port, program, running

MINUTE = timedelta(minutes=1)
DAY = datetime(2025, 10, 14, tzinfo=UTC)
MADE = datetime(2025, 10, 20, tzinfo=UTC)
RATIO = {"ratio": {"bad": "b", "total": "t"}}
SHOP = ServiceSpec.model_validate(
    {
        "apiVersion": "burnline/v1",
        "service": "shop",
        "owner": "team",
        "slos": [
            {"name": "availability", "objective": "99%", "window": "30d", "sli": RATIO},
            {"name": "latency", "objective": "99%", "window": "30d", "sli": RATIO},
            {
                "name": "journey",
                "objective": "99%",
                "window": "30d",
                "sli": {"composite": {"weighted": {"availability": 3, "latency": 1}}},
            },
            {"name": "unheard", "objective": "99%", "window": "30d", "sli": RATIO},
        ],
    }
)


def recorded(url: str, client: httpx.Client | None = None, period: str = "2025-10-14", now: datetime = MADE) -> Report:
    reader = Recorded(url, [SHOP], parse_period(period, now), "UTC", client=client, sleep=lambda _seconds: None)
    try:
        return reader.report(MADE)
    finally:
        reader.close()


def slos(report: Report) -> dict[str, SloReport]:
    return {slo.slo: slo for slo in report.services[0].slos}


def history() -> Iterator[str]:
    """A day of ten requests a minute; half of them fail from 09:30 to 09:50, and nothing is recorded 12:00 to 18:00."""
    events = "slo:events:increase1m"
    yield f"# TYPE {events} gauge"
    for slo, member in (("availability", ""), ("latency", ""), ("journey", "availability"), ("journey", "latency")):
        labels = f'service="shop",slo="{slo}"' + (f',member="{member}"' if member else "")
        for event in ("bad", "total"):
            for minute in range(1, 1441):
                if slo == "latency" and 720 < minute <= 1080:
                    continue
                failing = 570 < minute <= 590 and "availability" in (slo, member)
                value = 10 if event == "total" else 5 if failing else 0
                yield f'{events}{{{labels},event="{event}"}} {value} {int((DAY + minute * MINUTE).timestamp())}'
    yield "# TYPE ALERTS gauge"
    page = 'alertname="ErrorBudgetBurn",alertstate="firing",service="shop",slo="availability",severity="page"'
    for labels, minutes in (
        (f'{page},tier="page-fast"', [*range(573, 596), *range(598, 600)]),
        ('alertname="SloNoData",alertstate="firing",service="shop",slo="latency",severity="ticket"', range(722, 1081)),
        ('alertname="Other",alertstate="firing",service="shop"', range(10, 20)),
        ('alertname="Pending",alertstate="pending",service="shop"', range(10, 20)),
    ):
        for minute in minutes:
            yield f"ALERTS{{{labels}}} 1 {int((DAY + minute * MINUTE).timestamp())}"
    yield "# EOF"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "history").write_text("\n".join(history()) + "\n")
    argv = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "-q", "history", "data"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("")
    port = free_port()
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(argv, log=folder / "prometheus.log", url=f"{url}/-/ready"):
        yield url


@pytest.mark.integration
def test_a_day_in_a_real_prometheus(prometheus: str) -> None:
    report = recorded(prometheus)

    found = slos(report)
    availability, latency = found["availability"], found["latency"]
    assert (availability.bad, availability.total) == (100, 14_400)
    assert availability.coverage == 1
    assert availability.verdict is Verdict.MET  # 0.69 % of 1 %
    assert availability.worst_hours[0].bad == 100
    assert availability.worst_hours[0].since == DAY + 9 * 60 * MINUTE
    assert latency.coverage == pytest.approx(0.75)
    assert latency.verdict is Verdict.UNKNOWN
    assert found["unheard"].verdict is Verdict.NO_DATA
    assert "does it run the rules" in found["unheard"].trouble
    assert report.services[0].others == (("Other", 1),)


@pytest.mark.integration
def test_a_composite_is_taken_together_over_the_whole_day(prometheus: str) -> None:
    journey = slos(recorded(prometheus))["journey"]

    assert journey.sli == pytest.approx(1 - 3 / 4 * 100 / 14_400)
    assert journey.total == 28_800


@pytest.mark.integration
def test_alerts_are_found_with_the_minute_their_failure_began(prometheus: str) -> None:
    found = slos(recorded(prometheus))

    [page] = found["availability"].episodes  # a gap of three minutes is one of Prometheus
    assert (page.tier, page.severity) == ("page-fast", "page")
    assert (page.began, page.ended) == (DAY + 573 * MINUTE, DAY + 600 * MINUTE)
    assert page.detected_in == 3 * MINUTE
    assert not page.at_most
    [silence] = found["latency"].silences
    assert silence.began == DAY + 722 * MINUTE


@pytest.mark.integration
def test_a_short_period_is_told_by_the_minute(prometheus: str) -> None:
    report = recorded(prometheus, period="1h", now=DAY + 600 * MINUTE)

    [first, *_] = slos(report)["availability"].worst_hours
    assert first.until - first.since == MINUTE
    assert first.burn == pytest.approx(50)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "error": "x"},
        {"status": "success", "warnings": ["store down"], "data": {"result": []}},
        {"status": "success", "data": {}},
        {"status": "success", "data": {"result": [{"metric": {}, "values": [[1]]}]}},
        {"status": "success", "data": {"result": [{"metric": {}, "values": [[1, "NaN"]]}]}},
        [],
        "text",
    ],
)
def test_an_answer_that_cannot_be_believed_is_no_data(body: Any) -> None:
    report = recorded("http://prometheus", answering(lambda _request: httpx.Response(200, json=body)))

    assert {slo.verdict for slo in slos(report).values()} == {Verdict.NO_DATA}
    assert all("Prometheus cannot say" in slo.trouble for slo in slos(report).values())


@pytest.mark.parametrize("status", [302, 400, 422, 503])
def test_a_refusal_is_told(status: int) -> None:
    report = recorded("http://prometheus", answering(lambda _request: httpx.Response(status, text="no")))

    assert f"HTTP {status}" in slos(report)["availability"].trouble


def test_nobody_there_is_told_after_some_tries() -> None:
    asked: list[str] = []

    def hang_up(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("gone", request=request)

    report = recorded("http://prometheus", answering(hang_up))

    assert "no answer: gone" in slos(report)["availability"].trouble
    assert len(asked) == 4


def test_the_other_services_do_not_wait_for_nobody_again() -> None:
    asked: list[str] = []

    def hang_up(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ReadTimeout("slow", request=request)

    other = SHOP.model_copy(update={"service": "other"})
    reader = Recorded(
        "http://prometheus",
        [SHOP, other],
        parse_period("2025-10-14", MADE),
        "UTC",
        client=answering(hang_up),
        sleep=lambda _seconds: None,
    )

    services = reader.report(MADE).services

    assert len(asked) == 4
    assert services[1].slos[0].trouble == services[0].slos[0].trouble


def test_a_long_period_is_asked_for_in_answers_that_prometheus_gives() -> None:
    spans: list[tuple[float, float, float]] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked = httpx.QueryParams(request.content.decode())
        spans.append((float(asked["start"]), float(asked["end"]), float(asked["step"])))
        return httpx.Response(200, json={"status": "success", "data": {"result": []}})

    recorded("http://prometheus", answering(note), period="30d")

    assert max((end - start) / step for start, end, step in spans) < 11_000
    alerts = [span for span in spans if span[2] == 60]
    assert len(alerts) > 4
    assert all(after[0] - before[1] == 60 for before, after in pairwise(alerts))
