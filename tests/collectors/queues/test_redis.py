"""Redis lists and streams, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from burnline.errors import CollectorError
from tests.brokers import RedisServer, started
from tests.collectors.queues.conftest import Look, Watch, found

pytestmark = pytest.mark.integration
MINUTE = timedelta(minutes=1)


@pytest.fixture
def key() -> str:
    return f"jobs-{uuid4().hex}"


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(redis_server.url) as connected:
        yield connected


@pytest.fixture
def url(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """As a service file names it."""
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    return "env:REDIS_URL"


def ago(span: timedelta) -> float:
    return (datetime.now(UTC) - span).timestamp()


# Lists


def test_a_list_shows_its_length_and_nothing_that_redis_does_not_know(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str
) -> None:
    client.lpush(key, "a", "b", "c")

    assert look(watch_queue(redis_list=key, url=url)) == {"messages_ready": 3}


def test_a_list_that_is_empty_holds_nothing_and_is_of_age_0(
    client: Any, watch_queue: Watch, key: str, url: str, now: datetime
) -> None:
    collector = watch_queue(redis_list=key, url=url)

    assert found(collector, now) == {
        "messages_ready": 0,
        "oldest_message_age_seconds": 0,
        "oldest_message_timestamp_seconds": now.timestamp(),
    }


@pytest.mark.parametrize(("head", "age"), [("right", 120), ("left", 60)])
def test_the_age_is_read_from_the_message_that_is_taken_next(
    client: Any, watch_queue: Watch, key: str, url: str, now: datetime, head: str, age: float
) -> None:
    for minutes in (2, 1):
        client.lpush(key, json.dumps({"sent_at": (now - minutes * MINUTE).timestamp()}))

    seen = found(watch_queue(redis_list=key, url=url, timestamp="sent_at", head=head), now)

    assert seen["oldest_message_age_seconds"] == age


@pytest.mark.parametrize(
    "message", ["no json", '{"other": 1}', '{"sent_at": "soon"}', '{"sent_at": 7}', "[1]", b"\xff"]
)
def test_a_message_that_does_not_say_when_it_was_sent_has_no_known_age(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str, message: str | bytes
) -> None:
    client.lpush(key, message)

    assert look(watch_queue(redis_list=key, url=url, timestamp="sent_at")) == {"messages_ready": 1}


def test_messages_in_the_processing_list_are_in_flight(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str
) -> None:
    client.lpush(key, "a", "b", "c")
    client.lmove(key, f"{key}:doing", "RIGHT", "LEFT")

    seen = look(watch_queue(redis_list=key, processing=f"{key}:doing", url=url))

    assert seen == {"messages_ready": 2, "messages_inflight": 1}


def test_a_key_that_is_no_list_is_named(client: Any, watch_queue: Watch, look: Look, key: str, url: str) -> None:
    client.set(key, "a")

    with pytest.raises(CollectorError, match=f"redis_list {key} at env:REDIS_URL: {key} is no list but a string"):
        look(watch_queue(redis_list=key, url=url))


# Streams


def add(client: Any, key: str, *ages: timedelta) -> list[bytes]:
    return [client.xadd(key, {"n": "1"}, id=f"{int(ago(age) * 1000)}-*") for age in ages]


def test_a_group_shows_lag_pending_age_and_counters(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str
) -> None:
    add(client, key, 5 * MINUTE, 4 * MINUTE, 3 * MINUTE, 2 * MINUTE)
    client.xgroup_create(key, "scorers", id="0")
    (_, taken), *_ = client.xreadgroup("scorers", "one", {key: ">"}, count=2)
    client.xack(key, "scorers", taken[0][0])

    seen = look(watch_queue(redis_stream=key, group="scorers", url=url))

    assert seen.pop("oldest_message_age_seconds") == pytest.approx(180, abs=5)
    assert seen.pop("oldest_message_timestamp_seconds") == pytest.approx(ago(3 * MINUTE), abs=5)
    assert 0 <= seen.pop("oldest_inflight_age_seconds") < 5
    assert seen == {
        "messages_ready": 2,
        "messages_inflight": 1,
        "consumers": 1,
        "messages_arrived_total": 4,
        "messages_served_total": 1,
    }


def test_the_length_of_the_stream_is_not_its_depth(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str
) -> None:
    add(client, key, MINUTE, MINUTE)
    client.xgroup_create(key, "scorers", id="$")

    seen = look(watch_queue(redis_stream=key, group="scorers", url=url))

    assert client.xlen(key) == 2
    assert (seen["messages_ready"], seen["oldest_message_age_seconds"]) == (0, 0)


def test_a_lag_that_redis_no_longer_knows_is_counted_while_it_is_small(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str
) -> None:
    entries = add(client, key, 5 * MINUTE, 4 * MINUTE, 3 * MINUTE)
    client.xgroup_create(key, "scorers", id="0")
    client.xdel(key, entries[1])

    assert client.xinfo_groups(key)[0]["lag"] is None
    assert look(watch_queue(redis_stream=key, group="scorers", url=url))["messages_ready"] == 2


def test_a_lag_that_nobody_knows_is_absent_and_not_0(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = add(client, key, *[MINUTE] * 10)
    client.xgroup_create(key, "scorers", id="0")
    client.xdel(key, entries[5])
    monkeypatch.setattr("burnline.collectors.queues.redis_stream.COUNTED", 5)

    seen = look(watch_queue(redis_stream=key, group="scorers", url=url))

    assert "messages_ready" not in seen
    assert seen["oldest_message_age_seconds"] == pytest.approx(60, abs=5)


def test_ids_that_are_no_times_give_no_age(client: Any, watch_queue: Watch, look: Look, key: str, url: str) -> None:
    client.xadd(key, {"n": "1"}, id="1-1")
    client.xgroup_create(key, "scorers", id="0")

    seen = look(watch_queue(redis_stream=key, group="scorers", url=url))

    assert seen["messages_ready"] == 1
    assert "oldest_message_age_seconds" not in seen


def test_a_stream_that_is_not_there_is_named(watch_queue: Watch, look: Look, key: str, url: str) -> None:
    with pytest.raises(CollectorError, match=f"there is no stream '{key}'"):
        look(watch_queue(redis_stream=key, group="scorers", url=url))


def test_a_group_that_is_not_there_is_named_with_those_that_are(
    client: Any, watch_queue: Watch, look: Look, key: str, url: str
) -> None:
    add(client, key, MINUTE)
    client.xgroup_create(key, "auditors", id="0")

    with pytest.raises(CollectorError, match="the stream has no group 'scorers'; it has auditors"):
        look(watch_queue(redis_stream=key, group="scorers", url=url))


def test_a_key_that_is_no_stream_says_so(client: Any, watch_queue: Watch, look: Look, key: str, url: str) -> None:
    client.lpush(key, "a")

    with pytest.raises(CollectorError, match="WRONGTYPE"):
        look(watch_queue(redis_stream=key, group="scorers", url=url))


# The server


def test_a_server_that_goes_and_comes_back_is_an_error_and_then_well_again(
    tmp_path: Path, watch_queue: Watch, look: Look
) -> None:
    server = RedisServer(tmp_path)
    collector = watch_queue(redis_list="jobs", url=server.url)
    with started(server):
        redis.Redis.from_url(server.url).lpush("jobs", "a")
        assert look(collector) == {"messages_ready": 1}

    with pytest.raises(CollectorError, match=f"127.0.0.1:{server.port}.*refused"):
        look(collector)

    with started(server):
        assert look(collector) == {"messages_ready": 1}


def test_a_password_is_read_from_its_place_and_a_new_one_is_taken_up(
    tmp_path: Path, watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = RedisServer(tmp_path, password="hunter2")
    collector = watch_queue(redis_list="jobs", url=server.url, password="env:REDIS_PASSWORD")
    with started(server):
        with pytest.raises(CollectorError, match="the secret env:REDIS_PASSWORD is not there"):
            look(collector)
        monkeypatch.setenv("REDIS_PASSWORD", "swordfish")
        with pytest.raises(CollectorError, match="invalid username-password pair") as refused:
            look(collector)
        monkeypatch.setenv("REDIS_PASSWORD", "hunter2")

        assert look(collector)["messages_ready"] == 0
    assert "swordfish" not in str(refused.value)


@pytest.mark.parametrize(
    "secret", ["redis://:hun%74er2@127.0.0.1:1/0", "redis://u:hunter2", "hunter2", "http://hunter2:x/"]
)
def test_no_message_repeats_what_the_url_holds(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("REDIS_URL", secret)
    collector = watch_queue(redis_list="jobs", url="env:REDIS_URL")

    with pytest.raises(CollectorError) as refused:
        look(collector)

    assert "hunter2" not in str(refused.value)
    assert "hun%74er2" not in str(refused.value)
    assert collector.target == "redis_list jobs at env:REDIS_URL"


def test_a_missing_library_is_named_with_its_extra(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)

    with pytest.raises(CollectorError, match=r"needs the library redis: pip install 'burnline\[redis\]'"):
        look(watch_queue(redis_list="jobs", url="redis://127.0.0.1:1/0"))
