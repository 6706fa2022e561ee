"""A connection to one Redis server, kept between looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from burnline.collectors.queues.keys import Keys, Login, missing, trust
from burnline.errors import CollectorError
from burnline.spec.queue import Watched

Seen = TypeVar("Seen")
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

    def ask(self, keys: Keys, question: Callable[[Any], Iterable[Seen]]) -> list[Seen]:
        """What the question finds; in a cluster at the node that has its keys, which is asked first from then on.

        Raises: as `client`, and whatever the question does.
        """
        client = self.client(keys)
        from redis.exceptions import MovedError

        try:
            return list(question(client))
        except MovedError as moved:
            login = keys.login(self._spec, self._url)
            self.close()
            self._client = _connect(replace(login, url=_at(login.url, moved.host, moved.port)), self._spec.ca)
            return list(question(self._client))

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
    options: dict[str, Any] = {"username": login.user, "password": login.password, "ssl_ca_certs": ca}
    if ca is not None:
        if not login.url.startswith("rediss:"):
            raise CollectorError("`ca` needs TLS: write rediss:// instead of redis://")
        trust(ca)  # says which file is no good
    return redis.Redis.from_url(
        login.url,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),  # the next look comes soon enough
        protocol=2,
        client_name="burnline",
        **{name: value for name, value in options.items() if value is not None},
    )


def _at(url: str, host: str, port: int) -> str:
    """The same URL at another node; a node without a name of its own has that of the one who tells of it."""
    parts = urlsplit(url)
    login = "".join(parts.netloc.rpartition("@")[:2])
    name = host or parts.hostname or ""
    return parts._replace(netloc=f"{login}[{name}]:{port}" if ":" in name else f"{login}{name}:{port}").geturl()


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise CollectorError("what is kept there is no URL of a Redis server; write redis://user:password@host:6379/0")
