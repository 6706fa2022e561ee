"""What a server may answer instead of what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.collectors.queues import api
from burnline.errors import CollectorError
from tests.collectors.queues.conftest import Look, Watch
from tests.fakes.web import serving


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (500, {}, "answered 500"),
        (302, {}, "answered 302"),
        (403, {}, "answered 403: the login is refused"),
        (200, [], "the answer describes no queue: is this RabbitMQ's management API?"),
        (200, "text", "the answer describes no queue"),
    ],
)
def test_an_answer_that_is_no_queue_is_an_error(
    watch_queue: Watch, look: Look, status: int, answer: Any, reason: str
) -> None:
    with serving(lambda _: (status, answer)) as url, pytest.raises(CollectorError, match=reason):
        look(watch_queue(rabbitmq="jobs", url=url))


@pytest.mark.parametrize("count", [True, -1, "7", None, [], {}])
def test_a_count_that_is_no_count_is_absent(watch_queue: Watch, look: Look, count: Any) -> None:
    body = {"messages_ready": count, "message_stats": count, "consumers": 2}

    with serving(lambda _: (200, body)) as url:
        assert look(watch_queue(rabbitmq="jobs", url=url)) == {"consumers": 2}


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "LIMIT_BYTES", 1 << 20)

    with serving(lambda _: (200, "a" * (2 << 20))) as url, pytest.raises(CollectorError, match="larger than 1 MiB"):
        look(watch_queue(rabbitmq="jobs", url=url))


def test_a_server_that_hangs_up_is_an_error(watch_queue: Watch, look: Look) -> None:
    with serving(lambda _: None) as url, pytest.raises(CollectorError, match="RemoteProtocolError"):
        look(watch_queue(rabbitmq="jobs", url=url))


def test_a_place_that_holds_no_url_is_named_without_what_it_holds(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", "amqp://guest:hunter2@host")
    collector = watch_queue(rabbitmq="jobs", url="env:RABBITMQ_URL")

    with pytest.raises(CollectorError, match="at env:RABBITMQ_URL: what is kept there is no http URL") as refused:
        look(collector)
    assert "hunter2" not in str(refused.value)


def test_a_file_without_authorities_is_named(watch_queue: Watch, look: Look) -> None:
    with pytest.raises(CollectorError, match="/not/there holds no certificate authorities"):
        look(watch_queue(rabbitmq="jobs", url="https://127.0.0.1:1", ca="/not/there"))
