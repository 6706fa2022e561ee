"""The HTTP server: uvicorn, with the deadlines it lacks."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
import ssl
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from burnline.errors import BurnlineError

if TYPE_CHECKING:  # exporters serve with this too, and know neither
    from burnline.settings import Settings

HEADER_SECONDS = 10.0
HEADER_BYTES = 64 * 1024
LINGER_SECONDS = 1.0


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, with five things it lacks.

    A deadline for request headers (issue 157 there): a few hundred half-open connections would be held for ever. The
    body has its own deadline where it is read.

    A limit to request headers, HEADER_BYTES in all.

    An end to refused bodies, which it would read to their end, however large: the answer is followed by the end of our
    side, and what still comes is dropped for LINGER_SECONDS. Closing at once would reset the connection, and the client
    might never read the answer.

    The bodies of requests that offer an upgrade, as the first of every Java client does (h2c): they would be lost.

    Word to the request that is being answered that its client left, while others that came after it wait: it tells the
    last one alone, and each answer to nobody would be an error with a traceback in the log.
    """

    _deadline: asyncio.TimerHandle | None = None
    _lingering = False
    _in_head = False
    _head_bytes = 0
    _answered: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
            if self._in_head:  # a header is handed over when it is complete: until then, all that came counts
                self._count_head(len(data))
        except HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except HttpParserError:
            if self._head_bytes > HEADER_BYTES:
                self.send_400_response(f"the headers are larger than {HEADER_BYTES:,} bytes")
                return
            self.logger.warning("what came is not HTTP/1.1", extra={"client": self.client})
            self.send_400_response("this is not HTTP/1.1")

    def _should_upgrade(self) -> bool:
        return True  # to have the request left alone until _decline

    def _decline(self, rest: bytes) -> None:
        """Read the request again, without the offer (RFC 9110 7.8 lets a server ignore it)."""
        if self.scope["method"] == "CONNECT":
            self.send_400_response("this is no proxy")
            return
        version = self.parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s" % (self.scope["method"].encode(), self.url, version)]
        head += [b"%s: %s" % header for header in self.headers if header[0] not in (b"connection", b"upgrade")]
        self.parser = HttpRequestParser(self)
        self.data_received(b"\r\n".join([*head, b"", rest]))

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEADER_BYTES:
            raise HttpParserError

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        super().on_headers_complete()
        if not self.pipeline:
            self._answered = self.cycle

    def on_response_complete(self) -> None:
        self._answered = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if self.transport.is_closing():
            return
        self._disarm()
        if self.cycle.response_complete and self.cycle.more_body:
            self._lingering = True
            self.transport.write_eof()
            self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._answered:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _disarm(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """Knows which signal stopped it.

    Attributes:
        stopped_by: its name; empty while there was none.
    """

    stopped_by = ""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.stopped_by = signal.Signals(sig).name
        super().handle_exit(sig, frame)


def stop_on_signals() -> None:
    """Have SIGINT and SIGTERM end the process as if all was done, also while it starts."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _leave)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Stopping on request is no failure; while it serves, uvicorn takes the signal first and stops gracefully."""
    raise SystemExit(0)


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; take it first: of two burnlines on one port, the second must not touch the database.

    Raises: BurnlineError when it would be reachable from other hosts without a token, or cannot be taken.
    """
    if not _is_loopback(settings.host) and not settings.token:
        raise BurnlineError(
            f"BURNLINE_HOST={settings.host} is reachable from other hosts: set BURNLINE_TOKEN, or listen on 127.0.0.1"
        )
    return take(settings.host, settings.port, "BURNLINE_PORT, --port")


def take(host: str, port: int, options: str) -> socket.socket:
    """A socket that listens there, `::` being every address, IPv4 too; `options` is where another port is written.

    Raises: BurnlineError when it cannot be taken.
    """
    both = host == "::" and socket.has_dualstack_ipv6()
    where = "" if host == "::" and not both else host  # without IPv6 "" is every address there is
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    try:
        return socket.create_server((where, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = f"another program has it ({options})" if error.errno == errno.EADDRINUSE else str(error)
        raise BurnlineError(f"cannot listen on {host} port {port}: {reason}") from error


def address_of(host: str, port: int) -> str:
    """As it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def make_server(app: Any, tls: ssl.SSLContext | None = None) -> Server:
    """A server for the ASGI application `app`, ready for `.run([socket])`; over TLS where there is a context."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(HEADER_SECONDS),
        timeout_graceful_shutdown=5,
    )
    config.load()
    config.ssl = tls  # uvicorn would make one of its own from file names, once for all time
    return Server(config)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
