"""From what a service file says of a queue to the collector that watches it."""

from __future__ import annotations

from burnline.collectors.queues.celery import Celery
from burnline.collectors.queues.collector import Backend, QueueCollector
from burnline.collectors.queues.kafka import Kafka
from burnline.collectors.queues.keys import place
from burnline.collectors.queues.nats import Nats
from burnline.collectors.queues.rabbitmq import Rabbitmq
from burnline.collectors.queues.redis_list import RedisList
from burnline.collectors.queues.redis_stream import RedisStream
from burnline.collectors.queues.sqs import Sqs
from burnline.spec.queue import (
    CelerySpec,
    KafkaSpec,
    NatsSpec,
    QueueKind,
    RabbitmqSpec,
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
        case CelerySpec():
            return Celery(spec)
        case KafkaSpec():
            return Kafka(spec)
        case NatsSpec():
            return Nats(spec)
        case RabbitmqSpec():
            return Rabbitmq(spec)
        case SqsSpec():
            return Sqs(spec)


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
