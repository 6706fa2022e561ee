"""NATS JetStream, on a real server, over NATS itself and over its monitoring page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats
import pytest
from nats.js.api import ConsumerConfig

from burnline.errors import CollectorError
from tests.brokers import NatsServer, started
from tests.collectors.queues.conftest import Look, Watch
from tests.fakes.web import serving

pytestmark = pytest.mark.integration
Talk = Callable[[Any], Awaitable[None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    made = NatsServer(tmp_path_factory.mktemp("nats"))
    with started(made):
        yield made


@pytest.fixture(params=["url", "monitor"])
def way(request: pytest.FixtureRequest, server: NatsServer) -> dict[str, str]:
    """Each of the two sources."""
    return {request.param: getattr(server, request.param)}


@pytest.fixture
def stream() -> str:
    return f"ORDERS-{uuid4().hex}"


def talk(url: str, what: Talk, **options: Any) -> None:
    async def connected() -> None:
        connection = await nats.connect(url, **options)
        try:
            await what(connection.jetstream())
        finally:
            await connection.close()

    asyncio.run(connected())


def orders(stream: str, *, sent: int, taken: int = 0, done: int = 0, **consumer: Any) -> Talk:
    """A stream with a consumer `scorer`, which was given some messages and acknowledged some of those."""

    async def make(js: Any) -> None:
        await js.add_stream(name=stream, subjects=[f"{stream}.*"])
        await js.add_consumer(stream, ConsumerConfig(durable_name="scorer", **consumer))
        for number in range(sent):
            await js.publish(f"{stream}.{'even' if number % 2 == 0 else 'odd'}", b"a")
        if taken:
            given = await (await js.pull_subscribe_bind("scorer", stream)).fetch(taken)
            for message in given[:done]:
                await message.ack_sync()

    return make


def test_a_consumer_shows_depth_and_counters(
    server: NatsServer, way: dict[str, str], stream: str, watch_queue: Watch, look: Look
) -> None:
    talk(server.url, orders(stream, sent=10, taken=4, done=3))

    seen = look(watch_queue(nats=stream, consumer="scorer", **way))

    assert {name: value for name, value in seen.items() if "oldest" not in name} == {
        "messages_ready": 6,
        "messages_inflight": 1,
        "messages_arrived_total": 10,
        "messages_served_total": 3,
    }


def test_the_age_is_that_of_the_next_message(server: NatsServer, stream: str, watch_queue: Watch, look: Look) -> None:
    talk(server.url, orders(stream, sent=3, taken=1))

    seen = look(watch_queue(nats=stream, consumer="scorer", url=server.url))

    assert 0 <= seen["oldest_message_age_seconds"] < 10


def test_the_page_knows_the_age_while_the_streams_first_message_waits(
    server: NatsServer, stream: str, watch_queue: Watch, look: Look
) -> None:
    talk(server.url, orders(stream, sent=3))

    seen = look(watch_queue(nats=stream, consumer="scorer", monitor=server.monitor))

    assert 0 <= seen["oldest_message_age_seconds"] < 10


def test_the_page_does_not_know_the_age_of_a_later_message(
    server: NatsServer, stream: str, watch_queue: Watch, look: Look
) -> None:
    talk(server.url, orders(stream, sent=3, taken=1))

    assert "oldest_message_age_seconds" not in look(watch_queue(nats=stream, consumer="scorer", monitor=server.monitor))


def test_a_consumer_that_has_everything_has_nothing_waiting(
    server: NatsServer, way: dict[str, str], stream: str, watch_queue: Watch, look: Look
) -> None:
    talk(server.url, orders(stream, sent=2, taken=2, done=2))

    seen = look(watch_queue(nats=stream, consumer="scorer", **way))

    assert (seen["messages_ready"], seen["oldest_message_age_seconds"]) == (0, 0)


def test_of_a_consumer_of_some_subjects_the_streams_counters_say_nothing(
    server: NatsServer, way: dict[str, str], stream: str, watch_queue: Watch, look: Look
) -> None:
    talk(server.url, orders(stream, sent=5, filter_subject=f"{stream}.odd"))

    seen = look(watch_queue(nats=stream, consumer="scorer", **way))

    assert seen["messages_ready"] == 2
    assert not {"messages_arrived_total", "messages_served_total"} & seen.keys()


def test_a_stream_that_is_not_there_is_named(way: dict[str, str], watch_queue: Watch, look: Look) -> None:
    with pytest.raises(CollectorError, match="no stream 'NOPE'"):
        look(watch_queue(nats="NOPE", consumer="scorer", **way))


def test_a_consumer_that_is_not_there_is_named(
    server: NatsServer, way: dict[str, str], stream: str, watch_queue: Watch, look: Look
) -> None:
    talk(server.url, orders(stream, sent=0))

    with pytest.raises(CollectorError, match="the stream has no consumer 'nope'"):
        look(watch_queue(nats=stream, consumer="nope", **way))


def test_a_server_that_goes_and_comes_back_is_an_error_and_then_well_again(
    tmp_path: Path, watch_queue: Watch, look: Look
) -> None:
    server = NatsServer(tmp_path)
    collectors = [
        watch_queue(nats="ORDERS", consumer="scorer", url=server.url),
        watch_queue(nats="ORDERS", consumer="scorer", monitor=server.monitor),
    ]
    with started(server):
        talk(server.url, orders("ORDERS", sent=2))
        assert [look(collector)["messages_ready"] for collector in collectors] == [2, 2]

    for collector in collectors:
        with pytest.raises(CollectorError, match=r"no answer|ConnectError"):
            look(collector)

    with started(server):
        assert [look(collector)["messages_ready"] for collector in collectors] == [2, 2]


def test_a_password_is_read_from_its_place(
    tmp_path: Path, watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NatsServer(tmp_path, "--user", "watcher", "--pass", "hunter2")
    login = {"user": "env:NATS_USER", "password": "env:NATS_PASSWORD"}
    collector = watch_queue(nats="ORDERS", consumer="scorer", url=server.url, **login)
    monkeypatch.setenv("NATS_USER", "watcher")
    with started(server):
        monkeypatch.setenv("NATS_PASSWORD", "swordfish")
        with pytest.raises(CollectorError, match=r"no answer: .*Authorization") as refused:
            look(collector)
        assert "swordfish" not in str(refused.value)
        monkeypatch.setenv("NATS_PASSWORD", "hunter2")
        talk(server.url, orders("ORDERS", sent=1), user="watcher", password="hunter2")

        assert look(collector)["messages_ready"] == 1


def test_a_server_without_jetstream_says_so(tmp_path: Path, watch_queue: Watch, look: Look) -> None:
    server = NatsServer(tmp_path, "--js=false")
    with started(server), pytest.raises(CollectorError, match="nobody answers for JetStream"):
        look(watch_queue(nats="ORDERS", consumer="scorer", url=server.url))


@pytest.mark.parametrize("page", [[], {}, {"server_id": "x", "account_details": "no"}])
def test_a_page_of_something_else_is_an_error(watch_queue: Watch, look: Look, page: Any) -> None:
    with serving(lambda _: (200, page)) as url, pytest.raises(CollectorError, match=r"no page of /jsz|no stream"):
        look(watch_queue(nats="ORDERS", consumer="scorer", monitor=url))


def test_one_name_in_two_accounts_needs_the_account(watch_queue: Watch, look: Look) -> None:
    account = {"stream_detail": [{"name": "ORDERS"}]}
    page = {"server_id": "x", "account_details": [account, account]}

    with serving(lambda _: (200, page)) as url, pytest.raises(CollectorError, match="more than one account has"):
        look(watch_queue(nats="ORDERS", consumer="scorer", monitor=url))


def test_a_missing_library_is_named_with_its_extra(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nats.aio.client", None)

    with pytest.raises(CollectorError, match=r"needs the library nats-py: pip install 'burnline\[nats\]'"):
        look(watch_queue(nats="ORDERS", consumer="scorer", url="nats://127.0.0.1:1"))
