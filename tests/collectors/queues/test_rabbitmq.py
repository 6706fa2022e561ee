"""RabbitMQ, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest

from burnline.errors import CollectorError
from tests.brokers import RabbitmqServer
from tests.collectors.queues.conftest import Look, Watch, eventually
from tests.programs import free_port

amqp: Any = import_module("amqp")  # it has no types
pytestmark = pytest.mark.integration


@pytest.fixture
def channel(rabbitmq_server: RabbitmqServer) -> Iterator[Any]:
    with amqp.Connection(f"127.0.0.1:{rabbitmq_server.port}", userid="guest", password="guest") as connection:
        yield connection.channel()


@pytest.fixture
def queue(channel: Any) -> str:
    name = f"jobs/{uuid4().hex}"  # a slash is a letter like any other
    channel.queue_declare(name, auto_delete=False)
    return name


@pytest.fixture
def login(rabbitmq_server: RabbitmqServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("RABBITMQ_USER", "guest")
    monkeypatch.setenv("RABBITMQ_PASSWORD", "guest")
    return {"url": rabbitmq_server.url, "user": "env:RABBITMQ_USER", "password": "env:RABBITMQ_PASSWORD"}


def publish(channel: Any, queue: str, count: int, **properties: Any) -> None:
    for _ in range(count):
        channel.basic_publish(amqp.Message("a", **properties), routing_key=queue)


def test_a_queue_shows_depth_consumers_and_counters(
    channel: Any, queue: str, watch_queue: Watch, login: dict[str, str]
) -> None:
    collector = watch_queue(rabbitmq=queue, **login)
    publish(channel, queue, 5)
    channel.basic_qos(0, 3, False)
    taken: list[Any] = []
    channel.basic_consume(queue, callback=taken.append, consumer_tag="one")
    while len(taken) < 3:
        channel.connection.drain_events(timeout=10)
    channel.basic_cancel("one")
    channel.basic_ack(taken[0].delivery_tag)

    seen = eventually(collector, messages_ready=2, messages_inflight=2, messages_served_total=1)

    assert seen == {
        "messages_ready": 2,
        "messages_inflight": 2,
        "consumers": 0,
        "messages_arrived_total": 5,
        "messages_served_total": 1,
    }


def test_consumers_are_counted(channel: Any, queue: str, watch_queue: Watch, login: dict[str, str]) -> None:
    channel.basic_consume(queue, callback=print)
    channel.basic_consume(queue, callback=print)

    assert eventually(watch_queue(rabbitmq=queue, **login), consumers=2)["messages_ready"] == 0


def test_the_age_is_known_where_the_publisher_says_when_it_sent(
    channel: Any, queue: str, watch_queue: Watch, login: dict[str, str]
) -> None:
    publish(channel, queue, 1, timestamp=int(datetime.now(UTC).timestamp()) - 120)
    publish(channel, queue, 1)

    seen = eventually(watch_queue(rabbitmq=queue, **login), messages_ready=2)

    assert seen["oldest_message_age_seconds"] == pytest.approx(120, abs=10)


def test_without_the_publishers_time_there_is_no_age(
    channel: Any, queue: str, watch_queue: Watch, login: dict[str, str]
) -> None:
    publish(channel, queue, 1)

    assert "oldest_message_age_seconds" not in eventually(watch_queue(rabbitmq=queue, **login), messages_ready=1)


def test_what_rabbitmq_has_not_counted_yet_is_absent_and_not_0(
    queue: str, watch_queue: Watch, look: Look, login: dict[str, str]
) -> None:
    assert 0 not in look(watch_queue(rabbitmq=queue, **login)).values()


def test_a_queue_that_is_not_there_is_named(watch_queue: Watch, look: Look, login: dict[str, str]) -> None:
    collector = watch_queue(rabbitmq="nope", vhost="/", **login)

    with pytest.raises(CollectorError, match="there is no queue 'nope' in the vhost '/'") as missing:
        look(collector)
    assert str(missing.value).startswith(f"rabbitmq nope at {login['url']}: ")


def test_a_wrong_password_is_named_and_not_repeated(
    watch_queue: Watch, look: Look, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_PASSWORD", "hunter2")

    with pytest.raises(CollectorError, match="answered 401: the login is refused") as refused:
        look(watch_queue(rabbitmq="jobs", **login))
    assert "hunter2" not in str(refused.value)


def test_a_url_with_a_login_may_be_kept_in_its_place(
    queue: str, watch_queue: Watch, look: Look, rabbitmq_server: RabbitmqServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", rabbitmq_server.url.replace("://", "://guest:guest@"))
    collector = watch_queue(rabbitmq=queue, url="env:RABBITMQ_URL")

    look(collector)

    assert collector.target == f"rabbitmq {queue} at env:RABBITMQ_URL"


def test_a_server_that_is_not_there_is_an_error(watch_queue: Watch, look: Look) -> None:
    with pytest.raises(CollectorError, match="ConnectError"):
        look(watch_queue(rabbitmq="jobs", url=f"http://127.0.0.1:{free_port()}"))


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back_is_an_error_and_then_well_again(
    rabbitmq_server: RabbitmqServer, watch_queue: Watch, look: Look, login: dict[str, str]
) -> None:
    rabbitmq_server.ask("PUT", "/api/queues/%2F/durable", {"durable": True})
    collector = watch_queue(rabbitmq="durable", **login)
    eventually(collector, messages_ready=0)

    rabbitmq_server.stop()
    try:
        with pytest.raises(CollectorError, match="ConnectError"):
            look(collector)
    finally:
        rabbitmq_server.start()

    assert eventually(collector, messages_ready=0)["consumers"] == 0
