"""A Redis list as a queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from burnline.collectors.queues.depth import Depth, moment
from burnline.collectors.queues.keys import Keys
from burnline.collectors.queues.redis_client import RedisServer
from burnline.errors import CollectorError
from burnline.spec.queue import RedisListSpec


class RedisList:
    """Depth by LLEN. Redis forgets a list when it is empty: one that is not there has nothing in it, and counts 0."""

    def __init__(self, spec: RedisListSpec) -> None:
        self._spec = spec
        self._server = RedisServer(spec, spec.url)

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        yield from self._server.ask(keys, self._ask)

    def _ask(self, client: Any) -> Iterator[Depth]:
        spec = self._spec
        pipe = client.pipeline(transaction=True)  # one moment: a message that moves is not counted twice
        lists = [spec.redis_list, *([spec.processing] if spec.processing else [])]
        for key in lists:
            pipe.type(key)
            pipe.llen(key)
        pipe.lindex(spec.redis_list, -1 if spec.head == "right" else 0)
        *answers, head = pipe.execute(raise_on_error=False)
        lengths = [_length(key, *answers[2 * at : 2 * at + 2]) for at, key in enumerate(lists)]
        yield Depth(
            ready=lengths[0],
            inflight=lengths[1] if spec.processing else None,
            oldest=moment(_field(head, spec.timestamp)) if spec.timestamp else None,
        )

    def close(self) -> None:
        self._server.close()


def _length(key: str, kind: Any, length: Any) -> int:
    if isinstance(kind, bytes) and kind not in (b"list", b"none"):
        raise CollectorError(f"{key} is no list but a {kind.decode()}")
    for answer in (kind, length):
        if isinstance(answer, Exception):
            raise answer
    return int(length)


def _field(head: Any, name: str) -> Any:
    """The field of a JSON message; None when it is no JSON object or has no such field."""
    try:
        message = json.loads(head)
    except (TypeError, ValueError, RecursionError):
        return None
    return message.get(name) if isinstance(message, dict) else None
