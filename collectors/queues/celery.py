"""A Celery queue on a Redis broker, as kombu's Redis transport keeps it. On RabbitMQ it is a queue like any other.

kombu keeps each step of priority in a list of its own, what workers hold of all queues in the hash `unacked`, when they
took it in `unacked_index`, and which queues there are in `_kombu.binding.<exchange>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from burnline.collectors.queues.depth import Depth, moment
from burnline.collectors.queues.keys import Keys
from burnline.collectors.queues.rabbitmq import Rabbitmq
from burnline.collectors.queues.redis_client import RedisServer
from burnline.errors import CollectorError
from burnline.spec.queue import CelerySpec
from burnline.spec.words import shown

PRIORITIES = range(1, 10)  # the steps beside 0, which has no suffix; those that are not used are empty
HELD = 2_000  # messages in the hands of workers that are read to see whose they are; of more than that nobody knows


class CeleryOnRedis:
    """Consumers are absent: Redis does not know which client takes from which list."""

    def __init__(self, spec: CelerySpec) -> None:
        self._spec = spec
        self._server = RedisServer(spec, spec.url)
        self._steps = [self._key(spec.celery), *(self._key(f"{spec.celery}{spec.separator}{p}") for p in PRIORITIES)]

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        client = self._server.client(keys)
        pipe = client.pipeline(transaction=True)
        for step in self._steps:
            pipe.llen(step)
        for step in self._steps if self._spec.timestamp else ():
            pipe.lindex(step, -1)
        pipe.smembers(self._key(f"_kombu.binding.{self._spec.exchange or self._spec.celery}"))
        pipe.zrange(self._key("unacked_index"), 0, HELD, withscores=True)
        *found, bound, taken = pipe.execute()
        lengths, heads = found[: len(self._steps)], found[len(self._steps) :]
        if not (ready := sum(lengths)) and not self._routes(bound):
            raise CollectorError(
                f"there is no Celery queue {shown(self._spec.celery)}: it is empty and bound to nothing"
            )
        held = self._held(client, self._routes(bound), taken)
        yield Depth(
            ready=ready,
            inflight=None if held is None else len(held),
            oldest=min((at for head in heads if (at := self._sent(head))), default=None),
            held_seconds=max(0.0, now.timestamp() - min(held)) if held else None,
        )

    def close(self) -> None:
        self._server.close()

    def _key(self, name: str) -> str:
        return self._spec.prefix + name

    def _routes(self, bound: set[bytes]) -> set[str]:
        """The routing keys that lead to the queue: members are `routing key, separator, pattern, separator, queue`."""
        parts = (member.decode(errors="replace").split(self._spec.separator) for member in bound)
        return {part[0] for part in parts if part[-1] == self._spec.celery}

    def _held(self, client: Any, routes: set[str], taken: Sequence[tuple[bytes, float]]) -> list[float] | None:
        """When each message of this queue that a worker holds was taken; None when there are too many to look at."""
        if len(taken) > HELD:
            return None
        bodies = client.hmget(self._key("unacked"), [tag for tag, _ in taken]) if taken else []
        routes = routes | {self._spec.celery}
        return [at for (_, at), body in zip(taken, bodies, strict=True) if _route(body) in routes]

    def _sent(self, message: bytes | None) -> datetime | None:
        headers = _read(message).get("headers")
        return moment(headers.get(self._spec.timestamp)) if isinstance(headers, dict) else None


def _read(message: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(message or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _route(held: bytes | None) -> str | None:
    """The routing key of what `unacked` holds: message, exchange, routing key. None when it was acknowledged since."""
    try:
        _, _, route = json.loads(held or b"")
    except (TypeError, ValueError, RecursionError):
        return None
    return route if isinstance(route, str) else None


class Celery:
    """On Redis or RabbitMQ, as its address says at each look: it may be kept in a place that is read only then."""

    def __init__(self, spec: CelerySpec) -> None:
        self._spec = spec
        self._on_redis, self._on_rabbitmq = CeleryOnRedis(spec), Rabbitmq(spec)

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        scheme = keys.address(self._spec.url).partition(":")[0]
        if scheme in ("amqp", "amqps", "pyamqp"):
            raise CollectorError(
                "a broker of AMQP is looked into over its management API: http://user:password@host:15672"
            )
        return (self._on_rabbitmq if scheme in ("http", "https") else self._on_redis).look(keys, now)

    def close(self) -> None:
        self._on_redis.close()
        self._on_rabbitmq.close()
