"""JSON from an HTTP API, under limits of time and size."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

import httpx

from burnline.collectors.queues.keys import Keys, Login, trust
from burnline.errors import CollectorError
from burnline.spec.queue import Watched

SECONDS = 5.0  # for the whole answer
LIMIT_BYTES = 8 * 1024 * 1024


class Api:
    """Asks one server; its connection is kept between looks, its login read anew for each."""

    def __init__(self, spec: Watched, url: str) -> None:
        self._spec, self._url = spec, url
        self._client: httpx.Client | None = None

    def get(self, keys: Keys, path: str, **query: str) -> Any:
        """The answer, read as JSON; None when there is nothing of that name (404).

        Raises: CollectorError with the status or the reason.
        """
        login = keys.login(self._spec, self._url)
        base, auth = _base(login)
        target = base.copy_with(raw_path=(base.raw_path.decode().rstrip("/") + path).encode())
        try:
            status, body = self._fetch(target.copy_merge_params(query) if query else target, auth)
        except httpx.HTTPError as error:
            raise CollectorError(f"{type(error).__name__}: {error}") from error
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            raise CollectorError(f"answered {status}{_meaning(status)}")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise CollectorError("answered something that is no JSON: is this the right port?") from error

    def close(self) -> None:
        """Drop the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _fetch(self, url: httpx.URL, auth: tuple[str, str] | None) -> tuple[int, bytes]:
        ends, body = monotonic() + SECONDS, bytearray()
        with self._connected().stream("GET", url, auth=auth) as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > LIMIT_BYTES:
                    raise CollectorError(f"the answer is larger than {LIMIT_BYTES >> 20} MiB")
                if monotonic() > ends:
                    raise CollectorError(f"the answer did not end in {SECONDS:g} s")
        return response.status_code, bytes(body)

    def _connected(self) -> httpx.Client:
        if self._client is None:
            verify = trust(self._spec.ca) if self._spec.ca else True
            # trust_env: a proxy set for the outside world must not see what is asked inside.
            self._client = httpx.Client(timeout=SECONDS, verify=verify, follow_redirects=False, trust_env=False)
        return self._client


def _base(login: Login) -> tuple[httpx.URL, tuple[str, str] | None]:
    """The address without its login, and the login: the one the service file names comes first."""
    try:
        url = httpx.URL(login.url)
    except httpx.InvalidURL as error:
        raise CollectorError("what is kept there is no http URL") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise CollectorError("what is kept there is no http URL; write http://user:password@host:port")
    own = (url.username, url.password) if url.username or url.password else None
    given = (login.user or "", login.password) if login.password is not None else None
    return url.copy_with(username=None, password=None), given or own


def _meaning(status: int) -> str:
    return ": the login is refused" if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN) else ""
