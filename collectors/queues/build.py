"""From what a service file says of a queue to the collector that watches it."""

from __future__ import annotations

from burnline.collectors.queues.collector import Backend, QueueCollector
from burnline.collectors.queues.keys import place
from burnline.collectors.queues.redis_list import RedisList
from burnline.collectors.queues.redis_stream import RedisStream
from burnline.spec.queue import (
    KafkaSpec,
    NatsSpec,
    QueueKind,
    RedisListSpec,
    RedisStreamSpec,
    SqsSpec,
)


def watch(service: str, spec: QueueKind) -> QueueCollector:
    """The collector; nothing is connected to, and no optional library loaded, before its first turn."""
    return QueueCollector(service, spec, _backend(spec), place=place(_address(spec)))


def _backend(spec: QueueKind) -> Backend:
    match spec:
        case RedisListSpec():
            return RedisList(spec)
        case RedisStreamSpec():
            return RedisStream(spec)
    raise NotImplementedError


def _address(spec: QueueKind) -> str:
    match spec:
        case KafkaSpec():
            return spec.brokers
        case NatsSpec():
            return spec.url or spec.monitor or ""
        case SqsSpec():
            return spec.sqs
        case _:
            return spec.url
