"""A connection to one Redis server, kept between looks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from burnline.collectors.queues.keys import Keys, Login, missing
from burnline.errors import CollectorError
from burnline.spec.queue import Watched

SECONDS = 3.0  # for connecting and for each answer


class RedisServer:
    """Gives a client, a new one after `close` and when the login has changed.

    It is Any: the library types an answer as everything that any server may say to any command.
    """

    def __init__(self, spec: Watched, url: str) -> None:
        self._spec, self._url = spec, url
        self._login: Login | None = None
        self._client: Any = None

    def client(self, keys: Keys) -> Any:
        """Raises: CollectorError without the library, or when the secret is no URL of a Redis."""
        login = keys.login(self._spec, self._url)
        if self._client is None or login != self._login:
            self.close()
            self._client, self._login = _connect(login, self._spec.ca), login
        return self._client

    def close(self) -> None:
        """Drop the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _connect(login: Login, ca: str | None) -> Any:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise missing("redis", "redis") from error
    _check(login.url)
    options: dict[str, Any] = {"username": login.user, "password": login.password}
    if ca is not None:
        options["ssl_ca_certs"] = ca
    return redis.Redis.from_url(
        login.url,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),  # the next look comes soon enough
        protocol=2,
        client_name="burnline",
        **{name: value for name, value in options.items() if value is not None},
    )


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise CollectorError("what is kept there is no URL of a Redis server; write redis://user:password@host:6379/0")
