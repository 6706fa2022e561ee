"""From service files to collectors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from burnline.collectors.build import build_all
from burnline.collectors.contract import Closeable, Collector
from burnline.spec.service import ServiceSpec

PAGE = {"url": "http://127.0.0.1:1/metrics"}


def spec(name: str, *collect: Any) -> ServiceSpec:
    return ServiceSpec.model_validate(
        {"apiVersion": "burnline/v1", "service": name, "owner": "team", "collect": collect}
    )


@pytest.fixture
def built() -> Iterator[list[Collector]]:
    """What a test builds; closed at its end."""
    collectors: list[Collector] = []
    yield collectors
    for collector in collectors:
        if isinstance(collector, Closeable):
            collector.close()


def nothing(service: str) -> frozenset[str]:
    return frozenset()


def test_a_page_is_scraped_at_its_interval(built: list[Collector]) -> None:
    built += build_all([spec("card-fraud", {**PAGE, "interval": "5s"})], lambda _: frozenset({"up"}))

    (scraper,) = built
    assert (scraper.service, scraper.name, scraper.target) == ("card-fraud", "http", PAGE["url"])
    assert scraper.interval == timedelta(seconds=5)


def test_two_pages_of_one_profile_have_names_of_their_own(built: list[Collector]) -> None:
    built += build_all([spec("chat", PAGE, {**PAGE, "profile": "vllm"}, PAGE)], nothing)

    assert [scraper.name for scraper in built] == ["http", "vllm", "http-2"]


def test_the_machine_is_read_once_however_many_services_ask(built: list[Collector]) -> None:
    built += build_all([spec("a", "host", PAGE), spec("b", "host", "gpu", PAGE)], nothing)

    assert [(collector.service, collector.name) for collector in built] == [
        ("", "host"),
        ("", "gpu"),
        ("a", "http"),
        ("b", "http"),
    ]


def test_the_machine_is_not_read_when_nobody_asks(built: list[Collector]) -> None:
    built += build_all([spec("a", PAGE)], nothing)

    assert [collector.name for collector in built] == ["http"]


def test_each_service_gets_the_metrics_it_wants(built: list[Collector]) -> None:
    asked: list[str] = []

    def wanted(service: str) -> frozenset[str]:
        asked.append(service)
        return frozenset({service})

    built += build_all([spec("a", PAGE), spec("b", PAGE)], wanted)

    assert asked == ["a", "b"]
