"""Requests that leave burnline: to an address resolved once, without redirects, proxies, large or endless answers."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from burnline.errors import ActionError, InDoubt
from burnline.settings import read_settings

MAX_ANSWER_BYTES = 64 * 1024
MAX_API_BYTES = 8 * 1024 * 1024
DONE_ALREADY = (208, 409)
TOO_MANY = 429
# Addresses at which clouds hand out credentials; the other one, 169.254.169.254, is link-local.
METADATA = frozenset(
    ipaddress.ip_address(each) for each in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status below 300, or another one that the caller can use."""

    status: int
    body: bytes


def post_json(
    url: str, body: Mapping[str, Any], *, key: str, at: datetime, timeout: timedelta, secret: str | None = None
) -> Answer:
    """POST `body` with an `Idempotency-Key`; a secret adds `X-Burnline-Signature`, HMAC-SHA256 of "timestamp.body".

    `timeout` is for all of it, from the connection to the answer's last byte.

    Raises: ActionError (5xx and a refused connection may pass, 3xx and 4xx are permanent), InDoubt when the request
    went out and no answer came.
    """
    content = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if secret is not None:
        timestamp = str(int(at.timestamp()))
        headers |= {"X-Burnline-Timestamp": timestamp, "X-Burnline-Signature": sign(secret, timestamp, content)}
    return _send("POST", url, headers=headers, content=content, timeout=timeout)


def get(url: str, *, timeout: timedelta) -> Answer:
    """GET `url`, the first 64 KiB of it. Raises: ActionError."""
    check_host(url)
    try:
        return _send("GET", url, headers={}, content=b"", timeout=timeout)
    except InDoubt as error:
        raise ActionError(str(error), permanent=False) from error


def call_api(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    timeout: timedelta,
    content: bytes = b"",
    use: Collection[int] = (),
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask an API, and read the whole answer (8 MiB at most).

    Args:
        use: statuses from 300 on that the caller reads by itself, such as 404.
        tls: what the server's certificate is checked with, and a certificate to show; without it, what httpx trusts.

    Raises: ActionError (429, 5xx and a refused connection may pass, all else is permanent); InDoubt when anything but
    a GET went out and no answer came.
    """
    check_host(url)
    try:
        answer = _send(method, url, headers=headers, content=content, timeout=timeout, use=use, tls=tls)
    except InDoubt as error:
        if method == "GET":
            raise ActionError(str(error), permanent=False) from error
        raise
    if len(answer.body) > MAX_API_BYTES:
        raise ActionError(f"{method} {_shown(url)}: answered more than {MAX_API_BYTES} bytes", permanent=True)
    return answer


def check_host(url: str) -> None:
    """Whether hooks may ask this host at all, by `BURNLINE_HOOK_HOSTS`. Raises: ActionError."""
    host, allowed = (urlsplit(url).hostname or "").rstrip("."), read_settings().hook_hosts
    for pattern in (each.lower().strip("[]") for each in allowed):
        if pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:])):
            return
    raise ActionError(f"{host} is not in BURNLINE_HOOK_HOSTS: no hook may reach it", permanent=True)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature a receiver compares, in hex."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"  # a query may hold a token


def _send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes,
    timeout: timedelta,
    use: Collection[int] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request. `use` is what `call_api` was given; None for a webhook, whose answer says it all by its status."""
    parts = urlsplit(url)
    host, shown_url = parts.hostname or "", _shown(url)
    address = resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
    pinned = httpx.URL(url).copy_with(host=address)
    verify = tls or parts.scheme == "https"  # without TLS, reading every trusted certificate is for nothing
    try:
        with (
            Deadline(timeout).kept() as deadline,
            httpx.Client(
                timeout=timeout.total_seconds(), follow_redirects=False, trust_env=False, verify=verify
            ) as client,
            client.stream(
                method,
                pinned,
                headers={"Accept-Encoding": "identity", **headers, "Host": parts.netloc},
                content=content,
                # the certificate must be the name's, not the address's
                extensions={"sni_hostname": host, "trace": deadline.watch},
            ) as response,
        ):
            answer = _answer(method, shown_url, response, use)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ActionError(f"{method} {shown_url}: {_reason(error)}", permanent=False) from error
    except httpx.HTTPError as error:
        if not (deadline.passed or isinstance(error, httpx.TimeoutException)):
            raise InDoubt(f"{method} {shown_url}: no answer: {_reason(error)}") from error
        raise InDoubt(f"{method} {shown_url}: no answer within {timeout.total_seconds():g} s") from error
    if deadline.passed and (method == "GET" or use is not None):  # an answer without a length may have been cut
        raise InDoubt(f"{method} {shown_url}: no whole answer within {timeout.total_seconds():g} s")
    return answer


class Deadline:
    """Ends a request that takes too long in all: httpx bounds each read, and an answer may drip for ever."""

    def __init__(self, timeout: timedelta) -> None:
        self.passed = False
        self._timer = threading.Timer(timeout.total_seconds(), self._end)
        self._timer.daemon = True
        self._open = ExitStack()
        self._sockets: list[socket.socket] = []

    @contextmanager
    def kept(self) -> Iterator[Deadline]:
        """The time runs."""
        self._timer.start()
        try:
            yield self
        finally:
            self._timer.cancel()
            self._open.close()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpcore tells of a request: keep a second handle of its socket, which TLS takes the first of."""
        if event == "connection.connect_tcp.complete":
            self._sockets.append(self._open.enter_context(info["return_value"].get_extra_info("socket").dup()))
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _answer(method: str, url: str, response: httpx.Response, use: Collection[int] | None) -> Answer:
    status, wanted = response.status_code, DONE_ALREADY if use is None else use
    if status not in wanted and (status >= 500 or (status == TOO_MANY and use is not None)):
        raise ActionError(f"{method} {url}: answered {status}", permanent=False)
    if not (200 <= status < 300 or status in wanted):
        where = "; redirects are not followed" if 300 <= status < 400 else ""
        raise ActionError(f"{method} {url}: answered {status}{where}", permanent=True)
    if method == "POST" and use is None:  # the status says it all; what follows may drip
        return Answer(status, b"")
    if use is None:
        return Answer(status, _body(response, MAX_ANSWER_BYTES)[:MAX_ANSWER_BYTES])
    return Answer(status, _body(response, MAX_API_BYTES))


def _body(response: httpx.Response, most: int) -> bytes:
    """What was answered, up to a little more than `most` bytes."""
    body = bytearray()
    for chunk in response.iter_raw():  # raw: a small gzip body cannot swell
        body += chunk
        if len(body) > most:
            break
    return bytes(body)


def resolve(host: str, port: int) -> str:
    """The address to connect to: checked once and used as it is, so that a name cannot change in between.

    Raises: ActionError when the name has no address, or any of them is link-local or hands out credentials.
    """
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise ActionError(f"{host}: has no address: {error.strerror}", permanent=False) from error
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        inside = ipaddress.ip_address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
        plain = inside or getattr(address, "ipv4_mapped", None) or address
        if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain in METADATA:
            raise ActionError(f"{host}: {text} is an address no hook may reach", permanent=True)
    return found[0]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
