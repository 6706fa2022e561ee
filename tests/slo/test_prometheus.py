"""Reading the compiled rules' results: what Prometheus may answer, and that a bad answer is never good news."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import promql_parser
import pytest

from burnline.events import Counts, SloState, SloStatus
from burnline.slo.prometheus import PrometheusReader
from tests.slo.promtool import service

SLOS = """
- {name: availability, objective: 99.9%, window: 30d, min_events: 10, sli: {ratio: {bad: e_total, total: r_total}}}
"""
IDENTITY = {"service": "card-fraud", "slo": "availability"}
Handler = Callable[[httpx.Request], httpx.Response]


def reader(handler: Handler, slos: str = SLOS) -> PrometheusReader:
    """A reader of a Prometheus that is this function."""
    client = httpx.Client(transport=httpx.MockTransport(handler))
    return PrometheusReader("http://prometheus:9090/", [service(slos)], client)


def element(value: float | str, **labels: str) -> dict[str, Any]:
    return {"metric": {**IDENTITY, **labels}, "value": [0, str(value)]}


def vector(*elements: dict[str, Any], **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": elements}, **more})


def events(now: datetime, *, bad: float | str = 2, total: float | str = 100, age: float = 30) -> list[dict[str, Any]]:
    """What an answer to `read_sli` looks like."""
    return [
        element(bad, event="bad"),
        element(total, event="total"),
        element(now.timestamp() - age, event="seen"),
    ]


def read(found: PrometheusReader, now: datetime) -> Counts | None:
    return found.read_sli("card-fraud", "availability", now - timedelta(minutes=5), now)


def test_the_recorded_events_of_a_span_are_summed_in_one_question(now: datetime) -> None:
    asked: list[httpx.Request] = []

    def prometheus(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return vector(*events(now))

    counts = read(reader(prometheus), now)

    form = parse_qs(asked[0].content.decode())
    assert counts == Counts(2, 100)
    assert [str(request.url) for request in asked] == ["http://prometheus:9090/api/v1/query"]
    assert form["time"] == [f"{now.timestamp():.3f}"]
    assert 'slo="availability"}[4m59s999ms]' in form["query"][0]
    promql_parser.parse(form["query"][0])


def test_an_idle_span_is_known_to_be_idle(now: datetime) -> None:
    assert read(reader(lambda _: vector(*events(now, bad=0, total=0))), now) == Counts(0, 0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda now: vector(), "empty"),
        (lambda now: vector(*events(now)[:1]), "empty"),
        (lambda now: vector(*events(now)[1:]), "empty"),
        (lambda now: vector(*events(now, age=301)), "stale"),
        (lambda now: vector(*events(now, bad="NaN")), "not a number"),
        (lambda now: vector(*events(now, total="+Inf")), "not a number"),
        (lambda now: vector(*events(now), warnings=["a remote store did not answer"]), "warnings"),
        (lambda now: httpx.Response(503, text="starting"), "malformed"),
        (lambda now: httpx.Response(422, json={"status": "error", "error": "too many samples"}), "error"),
        (lambda now: httpx.Response(200, json={"status": "error", "error": "timeout"}), "error"),
        (lambda now: httpx.Response(302, headers={"location": "http://login/"}, json={}), "error"),
        (lambda now: httpx.Response(200, text="<html>"), "malformed"),
        (lambda now: httpx.Response(200, json=["success"]), "error"),
        (lambda now: httpx.Response(200, json={"status": "success", "data": {"result": [{}]}}), "malformed"),
        (lambda now: httpx.Response(200, json={"status": "success", "data": None}), "malformed"),
        (lambda now: vector({"metric": {}, "value": [0, "many"]}), "malformed"),
    ],
)
def test_an_answer_that_cannot_be_believed_is_no_data(
    now: datetime, answer: Callable[[datetime], httpx.Response], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = reader(lambda _: answer(now))

    with caplog.at_level(logging.WARNING):
        counts = read(found, now)

    assert counts is None
    assert found.refused == {reason: 1}
    assert [record.getMessage() for record in caplog.records] == ["prometheus answer refused"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ConnectError("refused"), "unreachable"),
        (httpx.RemoteProtocolError("half an answer"), "unreachable"),
    ],
)
def test_a_prometheus_that_does_not_answer_is_no_data(now: datetime, error: httpx.HTTPError, reason: str) -> None:
    def prometheus(request: httpx.Request) -> httpx.Response:
        raise error

    found = reader(prometheus)

    assert read(found, now) is None
    assert [status.state for status in found.statuses(now)] == [SloState.UNKNOWN]
    assert found.refused == {reason: 2}


def test_a_span_without_length_is_no_data(now: datetime) -> None:
    found = reader(lambda _: vector(*events(now)))

    assert found.read_sli("card-fraud", "availability", now, now) is None


def test_an_unknown_slo_is_an_error_of_the_caller(now: datetime) -> None:
    with pytest.raises(KeyError):
        reader(lambda _: vector()).read_sli("card-fraud", "other", now, now)


def test_a_password_in_the_address_stays_there(now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500, json={})))
    found = PrometheusReader("http://burnline:s3cret@prometheus:9090", [service(SLOS)], client)

    (status,) = found.statuses(now)

    assert "prometheus:9090" in status.cause
    assert "s3cret" not in status.cause + json.dumps([str(record.__dict__) for record in caplog.records])


def recorded(**but: Any) -> list[dict[str, Any]]:
    """What the rules recorded of an SLO that is well; `but` other values by name."""
    values = {"long": 0.5, "short": 0.2, "sli": 0.9995, "left": 0.8, "bad": 5, "total": 10_000} | but
    burn, window = "burnline_slo_burn_rate", "slo:events:increase_window"
    return [
        element(values["long"], __name__=burn, window="1h"),
        element(values["short"], __name__=burn, window="5m"),
        element(values["sli"], __name__="burnline_slo_sli_ratio", window="30d"),
        element(values["left"], __name__="burnline_slo_error_budget_remaining_ratio"),
        element(values["bad"], __name__=window, event="bad"),
        element(values["total"], __name__=window, event="total"),
    ]


def firing(tier: str, *, state: str = "firing") -> dict[str, Any]:
    return element(1, __name__="ALERTS", alertname="ErrorBudgetBurn", alertstate=state, tier=tier, severity="page")


def status_of(elements: list[dict[str, Any]], now: datetime, *, age: float | None = 30) -> SloStatus:
    """The status when the rules recorded these, and events `age` seconds ago."""

    def prometheus(request: httpx.Request) -> httpx.Response:
        query = parse_qs(request.content.decode())["query"][0]
        promql_parser.parse(query)
        if not query.startswith("timestamp"):
            return vector(*elements)
        return vector() if age is None else vector(element(now.timestamp() - age, event="total"))

    (status,) = reader(prometheus).statuses(now)
    return status


def test_a_status_is_what_the_rules_recorded(now: datetime) -> None:
    status = status_of(recorded(), now)

    page = status.burns[0]
    assert (status.service, status.slo, status.state, status.cause) == ("card-fraud", "availability", SloState.OK, "")
    assert (status.sli, status.budget_remaining, status.counts) == (0.9995, 0.8, Counts(5, 10_000))
    assert (page.tier, page.long_rate, page.short_rate, page.firing) == ("page-fast", 0.5, 0.2, False)
    assert (status.burns[1].long_rate, status.exhausted_in) == (None, None)
    assert status.at == now - timedelta(seconds=30)


@pytest.mark.parametrize(
    ("elements", "state"),
    [
        ([*recorded(long=20, short=30), firing("page-fast")], SloState.BREACHED),
        ([*recorded(), firing("page-fast", state="pending")], SloState.OK),
        (recorded(left=0.05), SloState.AT_RISK),
        (recorded(left=-0.2), SloState.BREACHED),
        (recorded(left=-0.2, total=9), SloState.OK),
        (recorded(left="NaN"), SloState.OK),
    ],
)
def test_the_state_is_judged_as_by_the_embedded_engine(
    now: datetime, elements: list[dict[str, Any]], state: SloState
) -> None:
    assert status_of(elements, now).state is state


def test_events_without_an_sli_are_not_healthy(now: datetime) -> None:
    """The rules are half through their first turn, or one of them fails."""
    elements = [each for each in recorded() if each["metric"]["__name__"] != "burnline_slo_sli_ratio"]

    status = status_of(elements, now)

    assert status.state is SloState.UNKNOWN
    assert "has no SLI of them yet" in status.cause


def test_the_time_to_exhaustion_is_passed_on(now: datetime) -> None:
    spent = element(3600, __name__="burnline_slo_budget_exhaustion_seconds")

    assert status_of([*recorded(), spent], now).exhausted_in == timedelta(hours=1)


@pytest.mark.parametrize(("age", "words"), [(None, "no events recorded"), (301, "5m1s ago")])
def test_old_or_missing_events_make_the_state_unknown(now: datetime, age: float | None, words: str) -> None:
    status = status_of(recorded(), now, age=age)

    assert status.state is SloState.UNKNOWN
    assert words in status.cause
    assert status.burns[0].short_rate is None


def test_an_alert_on_missing_data_makes_the_state_unknown(now: datetime) -> None:
    alert = element(1, __name__="ALERTS", alertname="SloNoData", alertstate="firing", severity="ticket")

    assert status_of([*recorded(), alert], now).state is SloState.UNKNOWN


def test_without_slos_nothing_is_asked(now: datetime) -> None:
    assert reader(lambda _: pytest.fail("asked"), "[]").statuses(now) == ()


def test_an_answer_that_may_be_better_is_asked_for_once_more(now: datetime) -> None:
    answers = [httpx.Response(503, json={}), vector(*events(now))]

    assert read(reader(lambda _: answers.pop(0)), now) == Counts(2, 100)


def test_a_question_that_is_wrong_is_not_asked_again(now: datetime) -> None:
    answers = [httpx.Response(422, json={"status": "error", "error": "too many samples"})]

    assert read(reader(lambda _: answers.pop(0)), now) is None


def test_a_partial_answer_is_unknown_even_when_it_comes_twice(now: datetime) -> None:
    partial = [vector(*recorded(), warnings=["half of the stores answered"]) for _ in range(2)]

    (status,) = reader(lambda _: partial.pop()).statuses(now)

    assert (status.state, status.budget_remaining) == (SloState.UNKNOWN, None)
    assert "half of the stores" in status.cause


def test_while_excluded_the_state_is_unknown_and_says_until_when(now: datetime) -> None:
    at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    spec = service(SLOS, exclude=[{"from": at, "for": "2h", "reason": "database move"}])

    def prometheus(request: httpx.Request) -> httpx.Response:
        if b"timestamp" in request.content:
            return vector(element(now.timestamp(), event="total"))
        return vector(*recorded(), element(1, __name__="burnline_slo_excluded"))

    client = httpx.Client(transport=httpx.MockTransport(prometheus))
    (status,) = PrometheusReader("http://p", [spec], client).statuses(now + timedelta(minutes=5))

    assert status.state is SloState.UNKNOWN
    assert status.cause == status.excluded
    assert status.cause.startswith("excluded until")
    assert status.cause.endswith("database move")


def test_a_calendar_period_says_when_its_budget_is_whole_again(now: datetime) -> None:
    slos = SLOS.replace("window: 30d", "window: {calendar: month, tz: Europe/Berlin}")
    monthly = [*recorded()[:2], element(0.5, __name__="burnline_slo_sli_ratio", window="month"), *recorded()[3:]]

    (status,) = reader(lambda _: vector(*monthly), slos).statuses(now)

    assert (status.sli, status.period) == (0.5, "month (Europe/Berlin)")
    assert status.resets_at is not None
    assert now < status.resets_at <= now + timedelta(days=31)


def test_the_events_of_a_composite_are_taken_together_as_it_says(now: datetime) -> None:
    slos = """
- {name: fast, objective: 99%, window: 30d, sli: {ratio: {bad: a, total: b}}}
- {name: right, objective: 99%, window: 30d, sli: {ratio: {bad: c, total: d}}}
- {name: availability, objective: 99%, window: 30d, sli: {composite: {weighted: {fast: 3, right: 1}}}}
"""
    both = [
        {**each, "metric": {**each["metric"], "member": member}}
        for member, bad in (("fast", 0), ("right", 40))
        for each in events(now, bad=bad, total=100)
    ]

    assert read(reader(lambda _: vector(*both), slos), now) == Counts(20, 200)
