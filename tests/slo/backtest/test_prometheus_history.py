"""History from a Prometheus that is slow, answers in half, warns, or dies on the way: a gap, never zero errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from burnline.slo.answer import Limits
from burnline.slo.backtest.prometheus import MOST_POINTS, Fetch
from burnline.slo.backtest.samples import Samples
from burnline.spec.selector import parse_selector
from tests.slo.dripping import dripping

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BAD, TOTAL = parse_selector('req{code="5"}'), parse_selector("req")
Answer = Callable[[dict[str, str]], httpx.Response]


def matrix(*series: tuple[dict[str, str], list[tuple[float, str]]], **more: Any) -> httpx.Response:
    result = [{"metric": labels, "values": values} for labels, values in series]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return httpx.Response(200, json=body)


def raw(values: str) -> httpx.Response:
    body = '{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": %s}]}}'
    return httpx.Response(200, content=(body % values).encode())


def steady(asked: dict[str, str]) -> httpx.Response:
    start, end, step = float(asked["start"]), float(asked["end"]), float(asked["step"])
    moments = [start + step * number for number in range(int((end - start) / step) + 1)]
    return matrix(({"__name__": "req", "instance": "a"}, [(at, str(at)) for at in moments]))


def fetch(answer: Answer, until: datetime = START + 90 * MINUTE) -> tuple[Samples, Fetch, list[float]]:
    waited: list[float] = []

    def handle(request: httpx.Request) -> httpx.Response:
        return answer({name: values[0] for name, values in parse_qs(request.content.decode()).items()})

    client = httpx.Client(transport=httpx.MockTransport(handle))
    reader = Fetch("http://prometheus/", MINUTE, client, sleep=waited.append)
    samples = Samples()
    reader.read([BAD, TOTAL], START, until, samples)
    return samples, reader, waited


def test_a_long_time_is_asked_for_in_parts_without_a_hole() -> None:
    length = MOST_POINTS * MINUTE

    samples, reader, _ = fetch(steady, START + 2 * length + 5 * MINUTE)

    [track] = samples.tracks.values()
    moments = sorted(set(track.at))
    assert reader.gaps == []
    assert len(moments) == 2 * MOST_POINTS + 5
    assert moments[0] == (START + MINUTE).timestamp()
    assert {late - early for early, late in pairwise(moments)} == {60.0}


@pytest.mark.parametrize(
    ("answer", "why", "tries"),
    [
        (lambda _: httpx.Response(500, json={"status": "error", "error": "too many samples"}), "too many samples", 3),
        (lambda _: httpx.Response(400, json={"status": "error", "error": "bad_data"}), "HTTP 400: bad_data", 1),
        (lambda _: httpx.Response(200, text="<html>"), "HTTP 200 without JSON", 1),
        (lambda _: matrix(warnings=["partial response"]), "may be partial", 3),
        (lambda _: httpx.Response(200, json={"status": "success", "data": {}}), "not a matrix", 1),
        (lambda _: httpx.Response(200, content=json.dumps([1]).encode()), "no reason given", 1),
        (lambda _: httpx.Response(200, content=b"[" * 100_000 + b"]" * 100_000), "HTTP 200 without JSON", 1),
        (lambda _: matrix(({}, [(1e300, "1")])), "not a matrix: 1e+300 is no time", 1),
        (lambda _: matrix(({}, [(-1.0, "1")])), "not a matrix: -1.0 is no time", 1),
        (lambda _: matrix(({}, [(4102444800.0, "1")])), "is no time", 1),
        (lambda _: raw('[[NaN,"1"]]'), "not a matrix: nan is no time", 1),
        (lambda _: raw(f'[[1{"0" * 400},"1"]]'), "not a matrix", 1),
    ],
)
def test_what_cannot_be_believed_is_a_gap(answer: Answer, why: str, tries: int) -> None:
    samples, reader, waited = fetch(answer)

    assert samples.count == 0
    [gap] = reader.gaps
    assert why in gap.why
    assert (gap.since, gap.until) == (START, START + 90 * MINUTE)
    assert len(waited) == tries - 1


def test_one_that_hangs_is_a_gap() -> None:
    def hang(_: dict[str, str]) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    _, reader, _ = fetch(hang)

    assert reader.gaps[0].why == "timed out"


def test_one_that_drips_for_ever_is_a_gap() -> None:
    with dripping() as url, httpx.Client(trust_env=False) as client:
        reader = Fetch(url, MINUTE, client, limits=Limits(seconds=0.1, size_bytes=1_000_000))
        reader.read([TOTAL], START, START + MINUTE, Samples())

    assert [gap.why for gap in reader.gaps] == ["the answer did not end within 0.1 s"]


def test_one_that_answers_more_than_can_be_is_a_gap() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"#" * 2_000)))
    reader = Fetch("http://prometheus", MINUTE, client, limits=Limits(seconds=5, size_bytes=1_000))

    reader.read([TOTAL], START, START + MINUTE, Samples())

    assert [gap.why for gap in reader.gaps] == ["the answer is larger than 1,000 bytes"]


def test_errors_are_not_kept_without_their_total() -> None:
    def half(asked: dict[str, str]) -> httpx.Response:
        return steady(asked) if "code" in asked["query"] else httpx.Response(503, json={})

    samples, reader, _ = fetch(half)

    assert samples.count == 0
    assert len(reader.gaps) == 1


def test_a_second_try_that_works_is_no_gap() -> None:
    asked: list[int] = []

    def wakes(question: dict[str, str]) -> httpx.Response:
        asked.append(1)
        return httpx.Response(503, json={}) if len(asked) == 1 else steady(question)

    samples, reader, waited = fetch(wakes)

    assert reader.gaps == []
    assert samples.count == 90
    assert waited == [1.0]


def test_one_that_dies_on_the_way_leaves_a_gap_to_the_end_and_is_not_asked_for_ever() -> None:
    asked: list[int] = []

    def dies(question: dict[str, str]) -> httpx.Response:
        asked.append(1)
        if len(asked) > 4:
            raise httpx.ConnectError("refused")
        return steady(question)

    length = MOST_POINTS * MINUTE
    samples, reader, _ = fetch(dies, START + 50 * length)

    assert samples.count == 2 * MOST_POINTS
    assert reader.gaps[0].since == START + 2 * length
    assert reader.gaps[-1].until == START + 50 * length
    assert len(asked) < 20


def test_an_address_that_is_none_is_a_gap() -> None:
    reader = Fetch("http://[", MINUTE, httpx.Client())

    reader.read([TOTAL], START, START + MINUTE, Samples())

    assert len(reader.gaps) == 1
