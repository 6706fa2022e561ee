"""A queue of RabbitMQ, over its management API: an AMQP client would have to declare the queue to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from burnline.collectors.queues.api import Api
from burnline.collectors.queues.depth import Depth, moment, number
from burnline.collectors.queues.keys import Keys
from burnline.errors import CollectorError
from burnline.spec.queue import CelerySpec, RabbitmqSpec
from burnline.spec.words import shown

# Done: acknowledged, and handed out to consumers that need not acknowledge. (deliver_get holds redeliveries too.)
DONE = ("ack", "deliver_no_ack", "get_no_ack")


class Rabbitmq:
    """What the management API shows is as old as its statistics: five seconds, unless it is told otherwise."""

    def __init__(self, spec: RabbitmqSpec | CelerySpec) -> None:
        self._queue, self._vhost = spec.source, spec.vhost
        self._api = Api(spec, spec.url)

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        found = self._api.get(keys, f"/api/queues/{quote(self._vhost, safe='')}/{quote(self._queue, safe='')}")
        if found is None:
            raise CollectorError(f"there is no queue {shown(self._queue)} in the vhost {shown(self._vhost)}")
        if not isinstance(found, dict):
            raise CollectorError("the answer describes no queue: is this RabbitMQ's management API?")
        counts = found.get("message_stats")
        yield Depth(
            ready=number(found.get("messages_ready")),
            inflight=number(found.get("messages_unacknowledged")),
            oldest=moment(found.get("head_message_timestamp")),
            consumers=number(found.get("consumers")),
            arrived=_counted(counts, "publish"),
            served=_counted(counts, *DONE),
        )

    def close(self) -> None:
        self._api.close()


def _counted(counts: Any, *events: str) -> float | None:
    """RabbitMQ leaves a kind of event out until the first one happens, and all of them until then."""
    if not isinstance(counts, dict) or not counts:
        return None
    return sum(number(counts.get(event)) or 0.0 for event in events)
