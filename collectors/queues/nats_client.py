"""One conversation with a NATS server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from burnline.collectors.queues.keys import Keys, missing, trust
from burnline.errors import CollectorError
from burnline.spec.queue import NatsSpec

Seen = TypeVar("Seen")
SECONDS = 3.0  # for connecting and for each answer
CLOSE_SECONDS = 0.5


async def ask(spec: NatsSpec, keys: Keys, talk: Callable[[Any], Awaitable[Seen]]) -> Seen:
    """Connect, let `talk` send requests (`await request(subject, body)` gives the JSON that comes back), disconnect.

    Raises: CollectorError without the library, without a connection, and when an answer does not come.
    """
    try:
        from nats.aio.client import Client
        from nats.errors import Error, NoRespondersError
    except ImportError as error:
        raise missing("nats-py", "nats") from error
    client, problems = Client(), list[Exception]()
    options = _options(spec, keys, problems)  # before the block: what was never connected cannot be closed
    try:
        await asyncio.wait_for(client.connect(**options), 2 * SECONDS)
        return await talk(_requests(client))
    except NoRespondersError as error:
        raise CollectorError("nobody answers for JetStream: it is off, or not for this account") from error
    except (Error, OSError, TimeoutError) as error:
        raise CollectorError(f"no answer: {_reason(problems[-1] if problems else error)}") from error
    finally:
        with suppress(TimeoutError):  # after a failed TLS handshake it waits for ever
            await asyncio.wait_for(client.close(), CLOSE_SECONDS)
        await _drop(client)


async def _drop(client: Any) -> None:
    """A connection that was refused its login is left open by the library."""
    transport = getattr(client, "_transport", None)
    if transport is not None:
        transport.close()
        await asyncio.sleep(0)  # one turn of the loop, in which it closes


def _requests(connection: Any) -> Callable[[str, Mapping[str, Any] | None], Awaitable[Mapping[str, Any]]]:
    async def request(subject: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        answer = await connection.request(subject, json.dumps(body).encode() if body else b"", timeout=SECONDS)
        return _read(answer.data)

    return request


def _options(spec: NatsSpec, keys: Keys, problems: list[Exception]) -> dict[str, Any]:
    async def note(error: Exception) -> None:
        problems.append(error)

    options = {
        "servers": [keys.address(spec.url or "")],
        "user": keys.read(spec.user),
        "password": keys.read(spec.password),
        "token": keys.read(spec.token),
        "user_credentials": spec.credentials,
        "tls": trust(spec.ca) if spec.ca else None,
    }
    return {
        **{name: value for name, value in options.items() if value is not None},
        "name": "burnline",
        "connect_timeout": SECONDS,
        "allow_reconnect": False,
        "max_reconnect_attempts": 1,
        "error_cb": note,
    }


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _read(data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CollectorError("JetStream answered something that is no JSON") from error
    if not isinstance(found, dict):
        raise CollectorError("JetStream answered something that is no object")
    return found
