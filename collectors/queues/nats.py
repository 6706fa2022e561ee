"""A consumer of a JetStream stream, by the JSON that NATS gives over its API and on its monitoring page alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from burnline.collectors.queues.api import Api
from burnline.collectors.queues.depth import Depth, moment, number
from burnline.collectors.queues.keys import Keys
from burnline.collectors.queues.nats_client import ask
from burnline.errors import CollectorError
from burnline.spec.queue import NatsSpec
from burnline.spec.words import choice, shown

API = "$JS.API."


@dataclass(frozen=True, slots=True)
class Seen:
    """Stream and consumer as NATS describes them, and when the next message was sent, where that is known."""

    stream: Mapping[str, Any]
    consumer: Mapping[str, Any]
    oldest: datetime | None


class Source(Protocol):
    def look(self, keys: Keys) -> Seen: ...
    def close(self) -> None: ...


class Nats:
    """Depth is what the consumer was not given yet, in flight what it was given and has not acknowledged."""

    def __init__(self, spec: NatsSpec) -> None:
        self._source: Source = _Monitor(spec) if spec.monitor else _Client(spec)

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        seen = self._source.look(keys)
        consumer, pending = seen.consumer, number(seen.consumer.get("num_ack_pending"))
        given = number(_part(consumer, "delivered").get("stream_seq"))
        # Sequences count the whole stream: of a consumer that is given a part of it, they say nothing.
        whole = not _filters(consumer)
        yield Depth(
            ready=number(consumer.get("num_pending")),
            inflight=pending,
            oldest=seen.oldest,
            arrived=number(_part(seen.stream, "state").get("last_seq")) if whole else None,
            served=max(0.0, given - pending) if whole and given is not None and pending is not None else None,
        )

    def close(self) -> None:
        self._source.close()


class _Monitor:
    """The monitoring page of one server; in a cluster it shows what that server knows."""

    def __init__(self, spec: NatsSpec) -> None:
        self._spec = spec
        self._api = Api(spec, spec.monitor or "")

    def look(self, keys: Keys) -> Seen:
        spec = self._spec
        query = {"consumers": "true", "config": "true", **({"acc": spec.account} if spec.account else {})}
        page = self._api.get(keys, "/jsz", **query)
        if not isinstance(page, dict) or "server_id" not in page:
            raise CollectorError("the answer is no page of /jsz: is this the monitoring port, and JetStream on?")
        streams = [stream for account in _parts(page, "account_details") for stream in _parts(account, "stream_detail")]
        stream = _named(streams, spec.nats, "stream", "the server")
        consumer = _named(_parts(stream, "consumer_detail"), spec.consumer, "consumer", "the stream")
        return Seen(stream, consumer, _first(stream, consumer))

    def close(self) -> None:
        self._api.close()


class _Client:
    """A connection for each look: NATS is made for many of them."""

    def __init__(self, spec: NatsSpec) -> None:
        self._spec = spec

    def look(self, keys: Keys) -> Seen:
        return asyncio.run(ask(self._spec, keys, self._look))

    def close(self) -> None:
        """Nothing stays open."""

    async def _look(self, request: Any) -> Seen:
        spec = self._spec
        stream = await request(f"{API}STREAM.INFO.{spec.nats}", None)
        if _missing(stream):
            raise CollectorError(f"there is no stream {shown(spec.nats)}")
        consumer = await request(f"{API}CONSUMER.INFO.{spec.nats}.{spec.consumer}", None)
        if _missing(consumer):
            raise CollectorError(f"the stream has no consumer {shown(spec.consumer)}")
        return Seen(stream, consumer, await self._oldest(request, consumer))

    async def _oldest(self, request: Any, consumer: Mapping[str, Any]) -> datetime | None:
        filters = _filters(consumer)
        if not consumer.get("num_pending") or len(filters) > 1:
            return None
        given = number(_part(consumer, "delivered").get("stream_seq")) or 0
        wanted = {"seq": int(given) + 1, "next_by_subj": filters[0] if filters else ">"}
        found = await request(f"{API}STREAM.MSG.GET.{self._spec.nats}", wanted)
        return moment(_part(found, "message").get("time"))


def _first(stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> datetime | None:
    """The page knows the time of the stream's first message alone: of use while that one was not given out yet."""
    state, given = _part(stream, "state"), number(_part(consumer, "delivered").get("stream_seq"))
    first = number(state.get("first_seq"))
    if _filters(consumer) or given is None or first is None or given >= first:
        return None
    return moment(state.get("first_ts"))


def _filters(consumer: Mapping[str, Any]) -> list[str]:
    config = _part(consumer, "config")
    several = config.get("filter_subjects")
    return [config["filter_subject"]] if config.get("filter_subject") else list(several or [])


def _named(found: list[Mapping[str, Any]], name: str, noun: str, owner: str) -> Mapping[str, Any]:
    """Raises: CollectorError naming those that are there, or that there is more than one."""
    matching = [each for each in found if each.get("name") == name]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise CollectorError(f"more than one account has a {noun} {shown(name)}; give its `account`")
    names = sorted(str(each.get("name")) for each in found)[:10]
    raise CollectorError(f"{owner} has no {noun} {shown(name)}; it has {choice(names) if names else 'none'}")


def _missing(answer: Mapping[str, Any]) -> bool:
    """Raises: CollectorError for any other error than that there is no such thing."""
    error = _part(answer, "error")
    if error and error.get("code") != 404:
        raise CollectorError(f"JetStream answered {error.get('code')}: {error.get('description')}")
    return bool(error)


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _parts(whole: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    parts = whole.get(name)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
