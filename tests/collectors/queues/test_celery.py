"""Celery's own library publishes and takes, on a real Redis and a real RabbitMQ."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import Celery

from burnline.errors import CollectorError
from tests.brokers import RabbitmqServer, RedisServer
from tests.collectors.queues.conftest import Look, Watch, eventually

kombu: Any = import_module("kombu")  # it has no types
celery: Any = import_module("celery.signals") and import_module("celery")
pytestmark = pytest.mark.integration
App = Callable[..., Celery]


@pytest.fixture
def apps() -> Iterator[App]:
    """A Celery application of some broker; its connections are closed at the end."""
    made: list[Celery] = []

    def make(broker: str, **settings: Any) -> Celery:
        made.append(Celery("scoring", broker=broker, set_as_current=False))
        made[-1].conf.update(settings)
        return made[-1]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def queue() -> str:
    return f"jobs-{uuid4().hex}"


@pytest.fixture
def broker(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A Redis broker with nothing in it."""
    monkeypatch.setenv("BROKER_URL", redis_server.url)
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
    return {"url": "env:BROKER_URL"}


@contextmanager
def taken(app: Celery, queue: Any, count: int) -> Iterator[None]:
    """So many messages are held without being acknowledged, as a busy worker does."""
    held: list[Any] = []
    with app.connection_for_read() as connection, connection.channel() as channel:
        channel.basic_qos(0, count, False)
        consumer = connection.Consumer([queue], channel=channel, auto_declare=True)
        consumer.register_callback(lambda _, message: held.append(message))
        consumer.consume()
        while len(held) < count:
            connection.drain_events(timeout=10)
        yield


def test_the_depth_is_that_of_all_priorities(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    app = apps(redis_server.url, broker_transport_options={"priority_steps": list(range(10))})
    for priority in (0, 3, 5, 9):
        app.send_task("score", queue=queue, priority=priority)

    assert look(watch_queue(celery=queue, **broker)) == {
        "messages_ready": 4,
        "messages_inflight": 0,
        "oldest_inflight_age_seconds": 0,
    }


def test_a_separator_and_a_prefix_of_the_brokers_options_are_followed(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    app = apps(redis_server.url, broker_transport_options={"sep": ":", "global_keyprefix": "ml."})
    for priority in (0, 9):
        app.send_task("score", queue=queue, priority=priority)

    assert look(watch_queue(celery=queue, separator=":", prefix="ml.", **broker))["messages_ready"] == 2


def test_what_workers_hold_is_in_flight_and_other_queues_are_not_counted(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    app, ours, theirs = (
        apps(redis_server.url),
        kombu.Queue(queue, routing_key=queue),
        kombu.Queue("other", routing_key="other"),
    )
    for name, count in ((queue, 3), ("other", 2)):
        for _ in range(count):
            app.send_task("score", queue=name)

    with taken(app, ours, 2), taken(app, theirs, 2):
        seen = look(watch_queue(celery=queue, **broker))

    assert (seen["messages_ready"], seen["messages_inflight"]) == (1, 2)
    assert 0 <= seen["oldest_inflight_age_seconds"] < 10


def test_a_queue_with_an_exchange_and_a_routing_key_of_its_own_is_followed(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    own = kombu.Queue(queue, kombu.Exchange("media"), routing_key="media.video")
    app = apps(redis_server.url, task_queues=[own])
    for _ in range(2):
        app.send_task("score", queue=queue, exchange="media", routing_key="media.video")

    with taken(app, own, 1):
        seen = look(watch_queue(celery=queue, exchange="media", **broker))

    assert (seen["messages_ready"], seen["messages_inflight"]) == (1, 1)


def test_more_than_can_be_looked_at_is_absent_and_not_a_part_of_it(
    apps: App,
    redis_server: RedisServer,
    watch_queue: Watch,
    look: Look,
    queue: str,
    broker: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("burnline.collectors.queues.celery.HELD", 1)
    app = apps(redis_server.url)
    for _ in range(2):
        app.send_task("score", queue=queue)

    with taken(app, kombu.Queue(queue, routing_key=queue), 2):
        assert "messages_inflight" not in look(watch_queue(celery=queue, **broker))


def test_the_age_is_read_from_a_header_that_the_sender_sets(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    app, now = apps(redis_server.url), datetime.now(UTC).timestamp()
    app.send_task("score", queue=queue, priority=9, headers={"sent_at": now - 300})
    app.send_task("score", queue=queue, priority=0, headers={"sent_at": now - 60})

    seen = look(watch_queue(celery=queue, timestamp="sent_at", **broker))

    assert seen["oldest_message_age_seconds"] == pytest.approx(300, abs=5)


def test_the_signal_on_the_page_sets_the_header(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    page = (Path(__file__).parents[3] / "docs/queues.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"celery": celery, "time": time}
    exec(code, names)

    try:
        apps(redis_server.url).send_task("score", queue=queue)
    finally:
        celery.signals.before_task_publish.disconnect(names["sent_at"])

    assert 0 <= look(watch_queue(celery=queue, timestamp="sent_at", **broker))["oldest_message_age_seconds"] < 10


def test_a_task_without_the_header_has_no_known_age(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    apps(redis_server.url).send_task("score", queue=queue)

    assert "oldest_message_age_seconds" not in look(watch_queue(celery=queue, timestamp="sent_at", **broker))


def test_a_queue_that_was_emptied_holds_nothing(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    app = apps(redis_server.url)
    app.send_task("score", queue=queue)
    with app.connection_for_write() as connection:
        connection.SimpleQueue(queue).get(timeout=10).ack()

    seen = look(watch_queue(celery=queue, **broker))

    assert (seen["messages_ready"], seen["oldest_message_age_seconds"]) == (0, 0)


def test_a_queue_that_is_not_there_is_named(
    apps: App, redis_server: RedisServer, watch_queue: Watch, look: Look, queue: str, broker: dict[str, str]
) -> None:
    apps(redis_server.url).send_task("score", queue=queue)

    with pytest.raises(CollectorError, match="there is no Celery queue 'clery': it is empty and bound to nothing"):
        look(watch_queue(celery="clery", **broker))


def test_on_rabbitmq_consumers_and_counters_are_known_too(
    apps: App, rabbitmq_server: RabbitmqServer, watch_queue: Watch, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", rabbitmq_server.url.replace("://", "://guest:guest@"))
    app = apps(rabbitmq_server.amqp)
    for _ in range(3):
        app.send_task("score", queue=queue)

    with taken(app, kombu.Queue(queue, routing_key=queue), 1):
        seen = eventually(watch_queue(celery=queue, url="env:RABBITMQ_URL"), messages_ready=2, messages_inflight=1)

    assert (seen["consumers"], seen["messages_arrived_total"]) == (1, 3)


def test_the_address_of_amqp_itself_is_refused_without_its_password(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", "amqp://guest:hunter2@host//")

    with pytest.raises(CollectorError, match="looked into over its management API") as refused:
        look(watch_queue(celery="jobs", url="env:BROKER_URL"))
    assert "hunter2" not in str(refused.value)
