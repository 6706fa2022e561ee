"""Kafka, on the cluster that librdkafka plays in this process (test.mock.num.brokers)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from burnline.collectors.queues.kafka import Place
from burnline.errors import CollectorError
from tests.collectors.queues.conftest import Look, Watch, found
from tests.programs import free_port

TOPIC, GROUP = "orders", "scorers"
MINUTE = timedelta(minutes=1)


class Cluster:
    """Brokers, with a producer and what a group commits."""

    def __init__(self) -> None:
        settings = {"test.mock.num.brokers": 2, "bootstrap.servers": "ignored", "log_level": 0}
        self._producer = Producer({**settings, "allow.auto.create.topics": True})
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self.brokers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def send(self, partition: int, *sent: datetime) -> None:
        for at in sent:
            self._producer.produce(TOPIC, b"a", partition=partition, timestamp=int(at.timestamp() * 1000))
        assert self._producer.flush(10) == 0

    def commit(self, **offsets: int) -> None:
        """As the group does: `p0=3` is partition 0 up to 3."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": GROUP, "log_level": 0})
        places = [TopicPartition(TOPIC, int(name[1:]), offset) for name, offset in offsets.items()]
        consumer.assign(places)
        consumer.commit(offsets=places, asynchronous=False)
        consumer.close()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def queue(cluster: Cluster) -> dict[str, Any]:
    return {"kafka": TOPIC, "group": GROUP, "brokers": cluster.brokers}


def test_a_group_shows_its_lag_its_age_and_counters_of_all_partitions(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, now: datetime
) -> None:
    cluster.send(0, now - 4 * MINUTE, now - 3 * MINUTE, now - 2 * MINUTE)
    cluster.send(1, now - 5 * MINUTE, now - MINUTE)
    cluster.commit(p0=1, p1=1)

    assert found(watch_queue(**queue), now) == {
        "messages_ready": 3,
        "oldest_message_age_seconds": 180,
        "oldest_message_timestamp_seconds": (now - 3 * MINUTE).timestamp(),
        "messages_arrived_total": 5,
        "messages_served_total": 2,
    }


def test_each_partition_has_its_series_where_that_is_asked_for(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, now: datetime
) -> None:
    cluster.send(0, now - 2 * MINUTE)
    cluster.send(1, now - MINUTE, now)
    cluster.commit(p0=0, p1=2)

    seen = found(watch_queue(**queue, partitions=True), now)

    assert (seen["messages_ready[0]"], seen["oldest_message_age_seconds[0]"]) == (1, 120)
    assert (seen["messages_ready[1]"], seen["oldest_message_age_seconds[1]"]) == (0, 0)
    assert not [name for name in seen if "[" not in name]


def test_a_partition_without_a_commit_makes_the_sum_unknown_and_not_smaller(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, now: datetime
) -> None:
    cluster.send(0, now)
    cluster.send(1, now)
    cluster.commit(p0=1)

    assert "messages_ready" not in found(watch_queue(**queue), now)
    assert "messages_ready[1]" not in found(watch_queue(**queue, partitions=True), now)


def test_no_record_is_read_where_the_age_is_not_wanted(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, now: datetime
) -> None:
    cluster.send(0, now - MINUTE)
    cluster.commit(p0=0)

    seen = found(watch_queue(**queue, age=False), now)

    assert seen["messages_ready"] == 1
    assert "oldest_message_age_seconds" not in seen


def test_a_second_look_sees_what_came_since(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, now: datetime
) -> None:
    cluster.send(0, now - 3 * MINUTE, now - 2 * MINUTE)
    cluster.commit(p0=0)
    collector = watch_queue(**queue)
    assert found(collector, now)["oldest_message_age_seconds"] == 180

    cluster.commit(p0=1)

    assert found(collector, now)["oldest_message_age_seconds"] == 120


def test_a_topic_that_is_not_there_is_named_and_not_made(queue: dict[str, Any], watch_queue: Watch, look: Look) -> None:
    collector = watch_queue(**{**queue, "kafka": "nope"})

    for _ in range(2):
        with pytest.raises(CollectorError, match="there is no topic 'nope'"):
            look(collector)


def test_a_group_that_never_committed_is_named(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, look: Look, now: datetime
) -> None:
    cluster.send(0, now)

    with pytest.raises(CollectorError, match="the group 'scorers' has committed nothing on the topic"):
        look(watch_queue(**queue))


def test_brokers_that_are_not_there_are_an_error_in_time(watch_queue: Watch, look: Look) -> None:
    collector = watch_queue(kafka=TOPIC, group=GROUP, brokers=f"127.0.0.1:{free_port()}")

    with pytest.raises(CollectorError, match=r"kafka orders/scorers at 127.0.0.1:\d+: .+"):
        look(collector)


def test_brokers_may_be_kept_in_a_place(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BROKERS", cluster.brokers)
    cluster.send(0, now)
    cluster.commit(p0=1)
    collector = watch_queue(**{**queue, "brokers": "env:KAFKA_BROKERS"})

    assert found(collector, now)["messages_ready"] == 0
    assert collector.target == "kafka orders/scorers at env:KAFKA_BROKERS"


def test_a_password_that_is_refused_is_not_repeated(
    cluster: Cluster, queue: dict[str, Any], watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_USER", "watcher")
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2")

    with pytest.raises(CollectorError) as refused:
        look(watch_queue(**queue, user="env:KAFKA_USER", password="env:KAFKA_PASSWORD"))
    assert "hunter2" not in str(refused.value)


def test_a_missing_library_is_named_with_its_extra(
    watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)

    with pytest.raises(CollectorError, match=r"needs the library confluent-kafka: pip install 'burnline\[kafka\]'"):
        look(watch_queue(kafka=TOPIC, group=GROUP, brokers="127.0.0.1:1"))


@pytest.mark.parametrize(
    ("place", "lag"),
    [
        (Place(first=0, end=10, committed=4), 6),
        (Place(first=6, end=10, committed=4), 4),  # 4 and 5 were deleted before they were read
        (Place(first=0, end=10, committed=12), None),  # the topic was made anew
        (Place(first=0, end=10, committed=None), None),
        (Place(first=10, end=10, committed=None), 0),  # nothing to read, wherever it begins
    ],
)
def test_the_lag_is_of_what_can_still_be_read(place: Place, lag: int | None) -> None:
    assert place.lag == lag
