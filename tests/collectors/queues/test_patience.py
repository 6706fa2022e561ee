"""A server that takes the connection and says nothing costs a look its time limit, and no more."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from burnline.collectors.reasons import TIMEOUT, UNREACHABLE, reason_of
from burnline.errors import CollectorError
from tests.collectors.queues.conftest import Look, Watch

CLIENTS = ("redis_client", "api", "kafka_client", "nats_client", "sqs")


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of somebody who listens and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for client in CLIENTS:
        monkeypatch.setattr(import_module(f"burnline.collectors.queues.{client}"), "SECONDS", 1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")


@pytest.mark.parametrize(
    "queue",
    [
        {"redis_list": "jobs", "url": "redis://{}"},
        {"redis_stream": "jobs", "group": "g", "url": "redis://{}"},
        {"celery": "jobs", "url": "redis://{}"},
        {"rabbitmq": "jobs", "url": "http://{}"},
        {"kafka": "jobs", "group": "g", "brokers": "{}"},
        {"nats": "JOBS", "consumer": "c", "url": "nats://{}"},
        {"nats": "JOBS", "consumer": "c", "monitor": "http://{}"},
        {"sqs": "http://{}/1/jobs", "endpoint": "http://{}", "region": "eu-central-1"},
    ],
    ids="-".join,
)
def test_a_server_that_never_answers_is_an_error(
    watch_queue: Watch, look: Look, silent: str, queue: dict[str, Any]
) -> None:
    collector = watch_queue(**{name: value.format(silent) for name, value in queue.items()})

    with pytest.raises(CollectorError, match=silent) as failed:
        look(collector)
    assert reason_of(failed.value) in (TIMEOUT, UNREACHABLE)  # Kafka's client says only that it got no metadata


HOSTILE = 'a"b\\c{d}\u2028é'


def test_a_name_of_hostile_text_is_data(watch_queue: Watch, look: Look, silent: str) -> None:
    collector = watch_queue(redis_list=HOSTILE, url=f"redis://{silent}")

    with pytest.raises(CollectorError) as failed:
        look(collector)
    assert str(failed.value).startswith(f"redis_list {HOSTILE} at redis://")
