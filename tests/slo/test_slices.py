"""Events of one version of two: each scrape is counted once, for the version that served."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qs

import httpx
import promql_parser
import pytest

from burnline.events import Collection, Counts, Sample
from burnline.slo.prometheus import PrometheusReader
from burnline.slo.slices import EmbeddedSlices
from burnline.spec.selector import Selector
from burnline.spec.slice import Slice, matchers, narrow, with_labels
from tests.slo.promtool import service

SCRAPE = timedelta(seconds=15)
SLOS = """
- {name: up, objective: 99%, window: 30d, sli: {ratio: {bad: 'r_total{code=~"5.."}', total: r_total}}}
- {name: fast, objective: 99%, window: 30d, sli: {latency: {histogram: wait_seconds, below: 250ms}}}
- {name: fresh, objective: 99%, window: 30d, sli: {freshness: {timestamp: t, max_age: 1h}}}
"""
SPEC = service(SLOS)
UP, FAST, FRESH = (slo.sli for slo in SPEC.slos)


def of_version(version: str) -> Slice:
    return Slice("card-fraud", with_labels(UP, {"version": version}))


def page(at: datetime, served: dict[tuple[str, str], float], name: str = "r_total") -> Collection:
    """One scrape: `served` by version and code."""
    samples = tuple(
        Sample(name, {"version": version, "code": code}, value) for (version, code), value in served.items()
    )
    return Collection("card-fraud", "scrape", "http://h/metrics", at, 0.1, True, samples)


def test_each_version_is_counted_for_itself(now: datetime) -> None:
    slices = EmbeddedSlices()
    slices.watch([of_version("1"), of_version("2")])
    slices.observe(page(now, {("1", "200"): 100}))

    slices.observe(page(now + SCRAPE, {("1", "200"): 190, ("1", "500"): 1, ("2", "200"): 7, ("2", "503"): 3}))

    assert slices.read_slice(of_version("1"), now, now + SCRAPE) == Counts(1, 91)
    assert slices.read_slice(of_version("2"), now, now + SCRAPE) == Counts(3, 10)  # born since the scrape before


def test_spans_follow_each_other_without_a_gap_or_an_overlap(now: datetime) -> None:
    slices = EmbeddedSlices()
    slices.watch([of_version("1")])
    for n in range(21):
        slices.observe(page(now + n * SCRAPE, {("1", "200"): 10 * n}))

    spans = [slices.read_slice(of_version("1"), now + n * 4 * SCRAPE, now + (n + 1) * 4 * SCRAPE) for n in range(5)]

    assert spans == [Counts(0, 40)] * 5


def test_a_version_that_is_not_scraped_is_no_data(now: datetime) -> None:
    slices = EmbeddedSlices()
    slices.watch([of_version("2")])
    slices.observe(page(now, {("1", "200"): 1}))
    slices.observe(page(now + SCRAPE, {("1", "200"): 9}))

    assert slices.read_slice(of_version("2"), now, now + SCRAPE) is None
    assert slices.read_slice(of_version("3"), now, now + SCRAPE) is None


def test_what_nobody_asks_for_any_more_is_forgotten(now: datetime) -> None:
    slices = EmbeddedSlices()
    slices.watch([of_version("1")])
    slices.observe(page(now, {("1", "200"): 1}))
    slices.observe(page(now + SCRAPE, {("1", "200"): 9}))

    slices.watch([])

    assert slices.read_slice(of_version("1"), now, now + SCRAPE) is None


def test_a_failed_scrape_and_another_service_are_passed_over(now: datetime) -> None:
    slices = EmbeddedSlices()
    slices.watch([of_version("1")])
    other = page(now + SCRAPE, {("1", "200"): 500})
    slices.observe(page(now, {("1", "200"): 1}))
    slices.observe(Collection("fraud-eu", "scrape", "http://h/metrics", other.at, 0.1, True, other.samples))
    slices.observe(Collection("card-fraud", "scrape", "http://h/metrics", other.at, 0.1, False, (), "refused"))

    slices.observe(page(now + 2 * SCRAPE, {("1", "200"): 4}))

    assert slices.read_slice(of_version("1"), now, now + 2 * SCRAPE) == Counts(0, 3)


def test_a_gauge_gives_its_newest_values_while_they_are_new(now: datetime) -> None:
    of = Slice("card-fraud", gauge=narrow(Selector("quality"), matchers({"version": "2"})))
    slices = EmbeddedSlices()
    slices.watch([of])
    slices.observe(page(now, {("1", ""): 0.9, ("2", ""): 0.7}, name="quality"))

    assert slices.read_values(of, now + SCRAPE) == (0.7,)
    assert slices.read_values(of, now + timedelta(minutes=6)) == ()


def test_what_is_no_counter_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="an SLI of kind freshness cannot be told apart by labels"):
        with_labels(FRESH, {"version": "2"})


@pytest.mark.parametrize("sli", [UP, FAST], ids=["ratio", "latency"])
def test_prometheus_is_asked_for_the_series_of_that_version_alone(now: datetime, sli: object) -> None:
    asked: list[str] = []

    def prometheus(request: httpx.Request) -> httpx.Response:
        asked.append(parse_qs(request.content.decode())["query"][0])
        found = [{"metric": {"event": name}, "value": [0, value]} for name, value in (("bad", "3"), ("total", "10"))]
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": found}})

    reader = PrometheusReader("http://p:9090", [SPEC], httpx.Client(transport=httpx.MockTransport(prometheus)))

    counts = reader.read_slice(
        Slice("card-fraud", with_labels(sli, {"version": 'v"2'})),  # type: ignore[arg-type]
        now - timedelta(minutes=1),
        now,
    )

    assert counts == Counts(3, 10)
    promql_parser.parse(asked[0])
    selectors = [part for part in asked[0].split("{")[1:] if 'version="v\\"2"' in part.split("}")[0]]
    assert len(selectors) == asked[0].count("{")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": []}}),
        httpx.Response(503, text="starting"),
        httpx.Response(200, json={"status": "error", "error": "timeout"}),
    ],
)
def test_an_answer_that_says_nothing_is_no_data(now: datetime, answer: httpx.Response) -> None:
    reader = PrometheusReader("http://p:9090", [SPEC], httpx.Client(transport=httpx.MockTransport(lambda _: answer)))

    assert reader.read_slice(of_version("2"), now - timedelta(minutes=1), now) is None
    assert reader.read_values(Slice("card-fraud", gauge=Selector("quality")), now) == ()
