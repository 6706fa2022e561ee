"""Queues in a service file: what is accepted, and what each mistake is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from burnline.spec.queue import QueueSpec
from tests.spec.conftest import Problems

PAGE = (Path(__file__).parents[2] / "docs/queues.md").read_text()
BROKERS_FORM = "write kafka-1:9092,kafka-2:9092, or env:NAME"
REDIS_FORM = "write one as in redis://redis:6379/0, or env:NAME"
LOGIN = "holds a user name or password; give the place of the whole URL (env:NAME or file:/path)"


@pytest.mark.parametrize(
    ("queue", "title"),
    [
        ('{redis_list: jobs, url: "env:REDIS_URL", processing: doing, timestamp: at}', "redis_list jobs"),
        ('{redis_stream: events, group: scorers, url: "redis://redis:6379/1"}', "redis_stream events/scorers"),
        ("{rabbitmq: jobs, url: http://rabbitmq:15672, user: env:U, password: env:P}", "rabbitmq jobs"),
        ('{kafka: orders, group: scorers, brokers: "a:9092,[::1]:9092"}', "kafka orders/scorers"),
        ('{celery: celery, url: "rediss://redis:6379"}', "celery celery"),
        ("{celery: celery, url: http://rabbitmq:15672}", "celery celery"),
        ("{nats: ORDERS, consumer: scorer, monitor: http://nats:8222}", "nats ORDERS/scorer"),
        ('{nats: ORDERS, consumer: scorer, url: "nats://nats:4222"}', "nats ORDERS/scorer"),
        ("{sqs: https://sqs.eu-central-1.amazonaws.com/123456789012/jobs}", "sqs jobs"),
        ("{sqs: https://sqs.eu-central-1.amazonaws.com/123456789012/jobs, name: scoring}", "sqs scoring"),
    ],
)
def test_every_kind_of_queue_is_read(queue: str, title: str) -> None:
    assert QueueSpec.model_validate({"queue": yaml.safe_load(queue)}).queue.title == title


@pytest.mark.parametrize(
    ("queue", "problem"),
    [
        ("{redis_list: jobs}", "url: is missing"),
        ("{redis_list: jobs, url: redis}", f"url: 'redis' is not an address here; {REDIS_FORM}"),
        ('{redis_list: jobs, url: "http://h/"}', f"url: 'http://h/' is not an address here; {REDIS_FORM}"),
        ('{redis_list: jobs, url: "redis://:hunter2@h/0"}', f"url: {LOGIN}"),
        ('{redis_list: jobs, url: "redis://h", password: hunter2}', "password: says no place; write env:NAME or"),
        ('{redis_list: jobs, url: "redis://h", user: env:U}', "has `user` without `password`"),
        (
            '{redis_list: jobs, url: "redis://h", group: g}',
            "group: is no key here; accepted: ca, head, interval, name, password, processing, redis_list, ",
        ),
        ('{redis_list: jobs, url: "redis://h", head: top}', "head: is 'top'; accepted: left or right"),
        ('{redis_list: jobs, url: "redis://h", interval: 10ms}', "interval: is 10ms; accepted: 1s to 1h"),
        ('{redis_stream: jobs, url: "redis://h"}', "group: is missing"),
        ('{rabbitmq: jobs, url: "amqp://h"}', "url: 'amqp://h' is not a URL; write one as in http://host:8000/metrics"),
        ("{kafka: orders, group: g, brokers: kafka}", f"brokers: 'kafka' names no brokers; {BROKERS_FORM}"),
        ('{kafka: orders, group: g, brokers: "u:p@h:1"}', f"brokers: '...@h:1' names no brokers; {BROKERS_FORM}"),
        ('{kafka: orders, group: g, brokers: "h:1", mechanism: GSSAPI}', "mechanism: is 'GSSAPI'; accepted: PLAIN, SC"),
        ('{celery: jobs, url: "amqp://u:hunter2@h"}', "url: is AMQP's; give RabbitMQ's management API, as in http://"),
        ("{nats: S, consumer: c}", "needs exactly one of `url` (nats://nats:4222) and `monitor` (http://nats:8222)"),
        ("{sqs: jobs}", "sqs: 'jobs' is not a URL; write one as in http://host:8000/metrics"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_accepted(problems: Problems, queue: str, problem: str) -> None:
    (found,) = problems(f"collect: [{{queue: {queue}}}]")

    assert found.startswith(f"4: collect[0].queue{'' if problem.startswith(('has', 'needs')) else '.'}")
    assert problem in found
    assert "hunter2" not in found


def test_two_queues_whose_series_would_be_the_same_are_refused(problems: Problems) -> None:
    found = problems(
        'collect: [{queue: {redis_list: a, url: "redis://h"}}, {queue: {redis_list: a, url: "redis://i"}}]'
    )

    assert found == ["4: collect[1].queue: the queue 'redis_list a' is used twice; first at collect[0].queue"]


def test_a_name_of_its_own_tells_two_queues_apart(problems: Problems) -> None:
    found = problems(
        'collect: [{queue: {redis_list: a, url: "redis://h"}}, {queue: {redis_list: a, url: "redis://i", name: b}}]'
    )

    assert found == []


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_of_the_page_load(problems: Problems, block: str) -> None:
    assert problems(block) == []
