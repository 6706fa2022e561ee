"""Brokers that are started once for all tests of a file, and how a queue is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from typing import Any

import pytest

from burnline.collectors.queues.build import watch
from burnline.collectors.queues.collector import QueueCollector
from burnline.spec.queue import QueueSpec
from tests.brokers import RabbitmqServer, RedisServer, started

Watch = Callable[..., QueueCollector]
Look = Callable[[QueueCollector], dict[str, float]]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis; each test uses keys of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with started(server):
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    """A real RabbitMQ, which takes twenty seconds to start; each test uses queues of its own."""
    server = RabbitmqServer(tmp_path_factory.mktemp("rabbitmq"))
    with started(server):
        yield server


@pytest.fixture
def watch_queue() -> Iterator[Watch]:
    """The collector of a queue written as in a service file; closed at the end."""
    watched: list[QueueCollector] = []

    def make(**queue: Any) -> QueueCollector:
        watched.append(watch("card-fraud", QueueSpec.model_validate({"queue": queue}).queue))
        return watched[-1]

    yield make
    for collector in watched:
        collector.close()


@pytest.fixture
def look() -> Look:
    """What a look finds now: series to value, names without `burnline_queue_`."""
    return lambda collector: found(collector, datetime.now(UTC))


def eventually(collector: QueueCollector, **expected: float) -> dict[str, float]:
    """The first look that finds these values, for a backend that counts late. Fails after 30 seconds."""
    pause, ends, seen = Event(), monotonic() + 30, dict[str, float]()
    while monotonic() < ends:
        seen = found(collector, datetime.now(UTC))
        if expected.items() <= seen.items():
            return seen
        pause.wait(0.2)
    raise AssertionError(f"{seen} never became {expected}")


def found(collector: QueueCollector, now: datetime) -> dict[str, float]:
    """What a look at `now` finds, by the names' ends; a partition's stand under `name[partition]`."""
    return {
        sample.name.removeprefix("burnline_queue_")
        + (f"[{sample.labels['partition']}]" if "partition" in sample.labels else ""): sample.value
        for sample in collector.collect(now)
    }
