"""A consumer group of a Redis stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from burnline.collectors.queues.depth import Depth, moment, number
from burnline.collectors.queues.keys import Keys
from burnline.collectors.queues.redis_client import RedisServer
from burnline.errors import CollectorError
from burnline.spec.queue import RedisStreamSpec
from burnline.spec.words import choice, shown

COUNTED = 500  # entries that are read to count them, where Redis does not know how many there are
LAST = 2**64 - 1  # of each half of an id


class RedisStream:
    """Depth is the group's lag, not the stream's length: entries stay in a stream when they are done.

    Redis 7 knows the lag, and forgets it (nil) once an entry was deleted among those not delivered; up to COUNTED are
    counted then, and more than that are unknown.
    """

    def __init__(self, spec: RedisStreamSpec) -> None:
        self._spec = spec
        self._server = RedisServer(spec, spec.url)

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        yield from self._server.ask(keys, self._ask)

    def _ask(self, client: Any) -> Iterator[Depth]:
        stream = self._spec.redis_stream
        info, group = self._infos(client)
        delivered, last = _text(group["last-delivered-id"]), _text(info["last-generated-id"])
        waiting = [] if delivered == last else client.xrange(stream, min=_after(delivered), count=1)
        ready = 0.0 if not waiting else number(group.get("lag"))
        if ready is None or (waiting and ready == 0):  # an entry that came between the two answers
            ready = _counted(client, stream, delivered)
        pending = number(group["pending"])
        read = number(group.get("entries-read"))
        yield Depth(
            ready=ready,
            inflight=pending,
            oldest=_sent(waiting[0][0]) if waiting else None,
            held_seconds=self._held(client) if pending else None,
            consumers=number(group["consumers"]),
            arrived=number(info.get("entries-added")),
            served=None if read is None or pending is None else max(0.0, read - pending),
        )

    def close(self) -> None:
        self._server.close()

    def _infos(self, client: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        import redis

        stream, wanted = self._spec.redis_stream, self._spec.group
        pipe = client.pipeline(transaction=True)
        pipe.xinfo_stream(stream)
        pipe.xinfo_groups(stream)
        info, groups = pipe.execute(raise_on_error=False)
        for answer in (info, groups):
            if isinstance(answer, redis.ResponseError) and "no such key" in str(answer):
                raise CollectorError(f"there is no stream {shown(stream)}")
            if isinstance(answer, Exception):
                raise answer
        named = {_text(group["name"]): group for group in groups}
        if wanted not in named:
            known = f"it has {choice(sorted(named)[:10])}" if named else "it has none"
            raise CollectorError(f"the stream has no group {shown(wanted)}; {known}")
        return info, named[wanted]

    def _held(self, client: Any) -> float | None:
        oldest = client.xpending_range(self._spec.redis_stream, self._spec.group, min="-", max="+", count=1)
        return oldest[0]["time_since_delivered"] / 1000 if oldest else None


def _counted(client: Any, stream: str, delivered: str) -> float | None:
    found = len(client.xrange(stream, min=_after(delivered), count=COUNTED + 1))
    return float(found) if found <= COUNTED else None


def _after(entry: str) -> str:
    """The first id after `entry`: `(` for "without" is of Redis 6.2."""
    milliseconds, _, sequence = entry.partition("-")
    at, count = int(milliseconds), int(sequence or 0)
    return f"{at}-{count + 1}" if count < LAST else f"{at + 1}-0"


def _sent(entry: Any) -> datetime | None:
    """An id begins with the milliseconds of its moment, unless the sender made it himself."""
    return moment(int(_text(entry).partition("-")[0]) / 1000)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
