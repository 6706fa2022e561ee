"""Kafka through librdkafka: one client that asks, one that reads records; both reconnect by themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from time import monotonic
from typing import Any

from burnline.collectors.queues.keys import Keys, Login, missing
from burnline.errors import CollectorError
from burnline.spec.queue import KafkaSpec

log = logging.getLogger(__name__)
SECONDS = 3.0  # for each answer
READ_SECONDS = 2.0  # for the first records of all partitions
GROUP = "burnline"  # the reading client must name one; it never joins it


class KafkaClient:
    """Call `connect` first at each look. Everything raises CollectorError with librdkafka's reason."""

    def __init__(self, spec: KafkaSpec) -> None:
        self._spec = spec
        self._login: Login | None = None
        self._admin: Any = None
        self._reader: Any = None

    def connect(self, keys: Keys) -> None:
        """New clients when there are none or the login has changed."""
        login = keys.login(self._spec, self._spec.brokers)
        if self._admin is not None and login == self._login:
            return
        self.close()
        try:
            from confluent_kafka import Consumer, KafkaException
            from confluent_kafka.admin import AdminClient
        except ImportError as error:
            raise missing("confluent-kafka", "kafka") from error
        settings = _settings(self._spec, login)
        try:
            self._admin = AdminClient(settings)
            self._reader = Consumer({**settings, **READING})
        except KafkaException as error:
            raise CollectorError(_reason(error)) from error
        self._login = login

    def close(self) -> None:
        """Drop both."""
        if self._reader is not None:
            self._reader.close()
        self._admin = self._reader = None

    def partitions(self, topic: str) -> list[int]:
        """Empty when there is no such topic. The reader is asked: the other one would have the broker make it."""
        found = self._ask(lambda: self._reader.list_topics(topic, timeout=SECONDS)).topics.get(topic)
        return sorted(found.partitions) if found is not None and found.error is None else []

    def committed(self, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Partition to offset, where the group has one."""
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, at) for at in partitions])
        (future,) = self._admin.list_consumer_group_offsets([asked], request_timeout=SECONDS).values()
        found = self._ask(future.result).topic_partitions
        return {each.partition: each.offset for each in found if each.error is None and each.offset >= 0}

    def ends(self, topic: str, partitions: Iterable[int]) -> tuple[dict[int, int], dict[int, int]]:
        """The first offset of each partition, and the one that comes next at its end."""
        spec: Any = import_module("confluent_kafka.admin").OffsetSpec  # it has no types
        first, end = (self._offsets(topic, partitions, each) for each in (spec.earliest(), spec.latest()))
        return first, end

    def _offsets(self, topic: str, partitions: Iterable[int], which: Any) -> dict[int, int]:
        from confluent_kafka import TopicPartition

        futures = self._admin.list_offsets(
            {TopicPartition(topic, at): which for at in partitions}, request_timeout=SECONDS
        )
        return {each.partition: self._ask(future.result).offset for each, future in futures.items()}

    def members(self, group: str) -> float | None:
        """How many; None when the brokers do not say or this login may not ask."""
        from confluent_kafka import KafkaException

        (future,) = self._admin.describe_consumer_groups([group], request_timeout=SECONDS).values()
        try:
            return float(len(future.result().members))
        except KafkaException as error:
            log.debug("members of a Kafka group are unknown", extra={"group": group, "error": _reason(error)})
            return None

    def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, datetime]:
        """Partition to the time of the first record at or after the offset, where one comes in time and has one."""
        if not offsets:
            return {}
        from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, TopicPartition

        places = [TopicPartition(topic, at, offset) for at, offset in offsets.items()]
        self._ask(lambda: self._reader.assign(places))
        found: dict[int, datetime] = {}
        waiting, ends = set(offsets), monotonic() + READ_SECONDS
        while waiting and (left := ends - monotonic()) > 0:
            record = self._reader.poll(left)
            if record is None or record.error() is not None or record.partition() not in waiting:
                continue
            waiting.discard(record.partition())
            self._reader.pause([TopicPartition(topic, record.partition())])
            kind, milliseconds = record.timestamp()
            if kind != TIMESTAMP_NOT_AVAILABLE:
                found[record.partition()] = datetime.fromtimestamp(milliseconds / 1000, UTC)
        self._reader.resume(places)  # one that is paused stays so when it is assigned again
        self._reader.unassign()
        return found

    def _ask(self, call: Any) -> Any:
        from confluent_kafka import KafkaException

        try:
            return call()
        except KafkaException as error:
            raise CollectorError(_reason(error)) from _cause(error)


READING = {
    "group.id": GROUP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "allow.auto.create.topics": False,
    "auto.offset.reset": "earliest",
    # One record of each partition is wanted: what comes with it is thrown away.
    "queued.min.messages": 1,
    "fetch.message.max.bytes": 64 * 1024,
    "fetch.queue.backoff.ms": 0,
}


def _settings(spec: KafkaSpec, login: Login) -> dict[str, Any]:
    secure = "SSL" if spec.tls or spec.ca else "PLAINTEXT"
    settings = {
        "bootstrap.servers": login.url,
        "client.id": "burnline",
        "socket.timeout.ms": int(SECONDS * 1000),
        "log_level": 0,  # librdkafka writes to stderr; a failed look says why
        "error_cb": _ignore,
        "security.protocol": secure if login.password is None else f"SASL_{secure}",
        "ssl.ca.location": spec.ca,
        "sasl.mechanism": spec.mechanism if login.password is not None else None,
        "sasl.username": login.user,
        "sasl.password": login.password,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _ignore(error: Any) -> None:
    """An error that a request meets too is raised there; the others pass, as librdkafka tries again."""


def _cause(error: Exception) -> Exception:
    """librdkafka has one exception for everything; what kind of failure it was is told by its code alone."""
    told: Any = error.args[0] if error.args else None
    code = str(told.name()) if hasattr(told, "name") else ""
    if "TIMED_OUT" in code:
        return TimeoutError()
    return ConnectionError() if code in ("_TRANSPORT", "_RESOLVE", "_ALL_BROKERS_DOWN") else error


def _reason(error: Any) -> str:
    told = error.args[0] if error.args else error
    return str(told.str()) if hasattr(told, "str") else str(told)
