"""A consumer group's place in a topic of Kafka.

Everything is asked without joining the group: its committed offsets, both ends of the partitions, and for the age the
first record that waits in each, read by a consumer that is in no group and commits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from burnline.collectors.queues.depth import Depth, number
from burnline.collectors.queues.kafka_client import KafkaClient
from burnline.collectors.queues.keys import Keys
from burnline.errors import CollectorError
from burnline.spec.queue import KafkaSpec
from burnline.spec.words import shown

AGED = 100  # partitions whose first waiting record is read; of more, those with the longest lag


@dataclass(frozen=True, slots=True)
class Place:
    """Offsets of one partition: its ends, and the group's; None where the group never committed."""

    first: int
    end: int
    committed: int | None

    @property
    def next(self) -> int | None:
        """The offset that is read next; None where the consumers' own settings decide it."""
        if self.committed is None:
            return self.end if self.first == self.end else None
        # Records before the first were deleted by retention: they wait no more. An end that is lower than what was
        # committed is that of a topic made anew.
        return max(self.committed, self.first) if self.committed <= self.end else None

    @property
    def lag(self) -> int | None:
        return None if self.next is None else self.end - self.next


class Kafka:
    """Kafka does not know what a member has in hand: a record is waiting until its offset is committed."""

    def __init__(self, spec: KafkaSpec) -> None:
        self._spec = spec
        self._client = KafkaClient(spec)

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        topic, group = self._spec.kafka, self._spec.group
        self._client.connect(keys)
        partitions = self._client.partitions(topic)
        if not partitions:
            raise CollectorError(f"there is no topic {shown(topic)}")
        committed = self._client.committed(group, topic, partitions)
        if not committed:
            raise CollectorError(
                f"the group {shown(group)} has committed nothing on the topic: is it the group's name?"
            )
        first, end = self._client.ends(topic, partitions)
        places = {at: Place(first[at], end[at], committed.get(at)) for at in partitions}
        oldest = self._oldest(places) if self._spec.age else {}
        members = self._client.members(group)
        if self._spec.partitions:
            yield Depth(consumers=members)
            yield from (_one(at, place, oldest.get(at)) for at, place in places.items())
        else:
            yield _sum(places, oldest, members)

    def close(self) -> None:
        self._client.close()

    def _oldest(self, places: Mapping[int, Place]) -> dict[int, datetime]:
        waiting = [(place.lag, at, place.next) for at, place in places.items() if place.lag and place.next is not None]
        longest = sorted(waiting, reverse=True)[:AGED]
        return self._client.times(self._spec.kafka, {at: offset for _, at, offset in longest})


def _one(partition: int, place: Place, oldest: datetime | None) -> Depth:
    return Depth(
        ready=number(place.lag),
        oldest=oldest,
        arrived=place.end,
        served=number(place.committed),
        labels={"partition": str(partition)},
    )


def _sum(places: Mapping[int, Place], oldest: Mapping[int, datetime], members: float | None) -> Depth:
    """A sum of which one part is unknown is unknown: a backlog must not look smaller than it is."""
    lags = [place.lag for place in places.values()]
    behind = {at for at, place in places.items() if place.lag}
    served = [place.committed if place.committed is not None else 0 for place in places.values()]
    return Depth(
        ready=None if None in lags else sum(lag for lag in lags if lag is not None),
        oldest=min(oldest.values()) if behind and (behind == oldest.keys() or len(behind) > AGED) else None,
        consumers=members,
        arrived=sum(place.end for place in places.values()),
        served=sum(served),
    )
