"""The server's deadlines, and where it agrees to listen."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from burnline.app import server as server_module
from burnline.app.server import address_of, listen, take
from burnline.errors import BurnlineError
from burnline.settings import Settings
from tests.app.serving import serving
from tests.programs import free_port


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A small application behind the real server, with a header deadline short enough to wait for."""
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.4)
    app = FastAPI()

    @app.post("/")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    with serving(app) as url:
        yield url


def connect(url: str) -> socket.socket:
    """A plain connection to the server."""
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port or 80), timeout=5)


def closed_after(connection: socket.socket) -> float:
    """Seconds until the server closes the connection."""
    start = time.monotonic()
    while connection.recv(4096):
        pass
    return time.monotonic() - start


def wait_for(done: Callable[[], bool]) -> None:
    """Until `done()` is true."""
    until = time.monotonic() + 5
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_every_address_is_of_both_kinds() -> None:
    with take("::", free_port(), "--port") as listening:
        port = listening.getsockname()[1]

        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            if family == socket.AF_INET or socket.has_dualstack_ipv6():
                socket.create_connection((address, port), timeout=5).close()


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert address_of("::1", 8600) == "[::1]:8600"
    assert address_of("127.0.0.1", 8600) == "127.0.0.1:8600"


def test_half_open_headers_are_closed_at_the_deadline(url: str) -> None:
    with connect(url) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        assert closed_after(slow) < 3


def test_a_connection_that_says_nothing_is_closed_at_the_deadline(url: str) -> None:
    with connect(url) as silent:
        assert closed_after(silent) < 3


def test_a_second_request_that_stalls_in_its_headers_is_closed_too(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
        assert b"200 OK" in connection.recv(4096)

        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        assert closed_after(connection) < 3


def test_many_half_open_connections_do_not_keep_others_out(url: str) -> None:
    stuck = [connect(url) for _ in range(100)]
    for connection in stuck:
        connection.sendall(b"POST / HTTP/1.1\r\n")

    answer = httpx.post(url, content=b"hello")

    assert answer.json() == {"bytes": 5}
    for connection in stuck:
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [b"X-Much: " + b"x" * 300_000, b"\r\n".join(b"X-%d: %s" % (n, b"x" * 1000) for n in range(300))],
    ids=["one large", "many"],
)
def test_headers_without_end_are_refused(url: str, headers: bytes) -> None:
    with connect(url) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        with suppress(ConnectionError):  # it may have closed before it was sent all
            connection.sendall(headers)

        assert b"400 Bad Request" in connection.recv(4096)


def test_headers_as_large_as_any_client_sends_are_served_beside_a_large_body(url: str) -> None:
    answer = httpx.post(url, content=b"x" * 300_000, headers={f"x-{n}": "x" * 1000 for n in range(50)})

    assert answer.json() == {"bytes": 300_000}


def test_a_client_that_leaves_while_its_next_request_is_answered_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    app, begun = FastAPI(), list[int]()

    @app.get("/")
    async def large() -> Response:
        begun.append(1)
        return Response(bytes(20_000_000))

    with serving(app) as url:
        state = app.state.server.server_state
        with connect(url) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
            wait_for(lambda: len(begun) == 2)  # and waits: nobody has read the first answer
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        wait_for(lambda: not state.connections and not state.tasks)

    assert len(begun) == 2
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_request_longer_than_the_header_deadline_is_served(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nsl")
        time.sleep(0.6)
        connection.sendall(b"ow")

        assert b"200 OK" in connection.recv(4096)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "burnline.example.com"])
def test_listening_beyond_this_host_needs_a_token(host: str) -> None:
    with pytest.raises(BurnlineError, match="BURNLINE_TOKEN"):
        listen(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "localhost"])
def test_it_listens_where_it_is_told(host: str) -> None:
    port = free_port()

    with listen(Settings(host=host, port=port, token="secret")) as taken:
        assert taken.getsockname()[1] == port


def test_a_taken_port_is_told_in_words() -> None:
    port = free_port()

    with listen(Settings(port=port)), pytest.raises(BurnlineError, match=f"port {port}: another program has it"):
        listen(Settings(port=port))


def test_an_address_that_is_not_ours_is_told_in_words() -> None:
    with pytest.raises(BurnlineError, match=r"cannot listen on 192\.0\.2\.1 port"):
        listen(Settings(host="192.0.2.1", token="secret"))
