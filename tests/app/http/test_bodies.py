"""Bodies that are too large, too slow, packed in some way or cut off."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Iterator

import pytest

from burnline.app.http import bodies
from burnline.store.inbox import ALERTS, PREDICTIONS
from tests.app.still import Still, everything

MEGABYTE = bytes(10**6)
DOORS = ["/v1/predictions", "/v1/labels", "/v1/alerts"]
JSON = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.4)


def megabytes(count: int, sent: list[int]) -> Iterator[bytes]:
    """A body of unknown length; what was asked for is counted in `sent`."""
    for _ in range(count):
        sent.append(len(MEGABYTE))
        yield MEGABYTE


@pytest.mark.parametrize("path", DOORS)
def test_a_body_that_says_it_is_too_large_is_refused_unread(door: Still, path: str) -> None:
    with door.connect() as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n".encode())

        answer = everything(connection)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 16,777,216 bytes" in answer
    assert door.counted("burnline_bodies_refused_total", door=path, reason="too_large") == 1


@pytest.mark.parametrize("path", DOORS)
def test_a_client_that_sends_a_hundred_megabytes_reads_why_they_are_refused(door: Still, path: str) -> None:
    answer = door.post(path, bytes(10**8), **JSON)

    assert answer.status_code == 413
    assert "send it in smaller batches" in answer.json()["error"]


@pytest.mark.parametrize("path", DOORS)
def test_an_endless_body_is_cut_off(door: Still, path: str) -> None:
    sent: list[int] = []

    start = time.monotonic()
    answer = door.post(path, megabytes(1_000_000, sent), **JSON)

    assert answer.status_code in (408, 413), "whichever limit comes first on this machine"
    assert time.monotonic() - start < 10
    assert len(sent) < 1_000_000
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []


@pytest.mark.parametrize("path", DOORS)
def test_a_gzip_bomb_is_refused(door: Still, path: str) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)

    answer = door.post(path, bomb, content_encoding="gzip", **JSON)

    assert len(bomb) < 1_000_000
    assert answer.status_code == 413
    assert "counted after decompression" in answer.json()["error"]
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("encoding", ["br", "zstd, zstd", "gzip, gzip", "deflate"])
def test_another_encoding_is_refused(door: Still, path: str, encoding: str) -> None:
    answer = door.post(path, b"{}", content_encoding=encoding, **JSON)

    assert answer.status_code == 415
    assert "send gzip, zstd, or nothing" in answer.json()["error"]
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("body", [b"{}", gzip.compress(b"{}", mtime=0)[:-6], gzip.compress(b"{}", mtime=0) * 2])
def test_damaged_gzip_is_refused(door: Still, path: str, body: bytes) -> None:
    answer = door.post(path, body, content_encoding="gzip", **JSON)

    assert answer.status_code == 400
    assert "gzip" in answer.json()["error"]
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_body_that_stalls_is_given_up_at_the_deadline(door: Still, path: str, framing: str) -> None:
    answer = door.say(
        f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", framing, body=b"2\r\n{}\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive in 0.4 s" in answer
    assert door.counted("burnline_bodies_refused_total", door=path, reason="too_slow") == 1
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []


def test_a_body_sent_byte_by_byte_is_given_up_at_the_deadline_too(door: Still) -> None:
    with door.connect() as connection:
        connection.sendall(b"POST /v1/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        start = time.monotonic()
        while time.monotonic() - start < 0.6:
            connection.sendall(b" ")
            time.sleep(0.05)

        assert everything(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("path", DOORS)
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    door: Still, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with door.connect() as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{{}}".encode())
        time.sleep(0.1)

    wait_for(lambda: door.counted("burnline_bodies_refused_total", door=path, reason="disconnected") == 1)
    assert door.kept(ALERTS) == door.kept(PREDICTIONS) == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("path", [*DOORS, "/v1/jobs", "/v1/logs"])
def test_bodies_hold_so_much_memory_in_all_and_no_more(door: Still, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "HELD_BYTES", 400_000)
    monkeypatch.setattr(bodies, "BODY_SECONDS", 30)
    with door.connect() as connection:
        connection.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        connection.sendall(bytes(350_000))

        wait_for(lambda: door.post(path, bytes(100_000), **JSON).status_code == 503)
        answer = door.post(path, bytes(100_000), **JSON)
        alert = door.alert(b"{}")

    assert answer.headers["retry-after"] == "5"
    assert "too many bodies at once; send it again" in answer.text
    assert door.counted("burnline_bodies_refused_total", door=path, reason="busy") == 2
    assert alert.status_code == 200, "what is small comes in all the same"
    wait_for(lambda: door.post(path, bytes(100_000), **JSON).status_code != 503)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/alerts/", "/"])
def test_a_large_body_that_nobody_asked_for_is_not_read_either(door: Still, path: str) -> None:
    with door.connect() as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n".encode())

        answer = everything(connection)

    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))


def test_a_connection_goes_on_after_a_body_that_was_read(door: Still) -> None:
    with door.connect() as connection:
        request = b"POST /v1/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
        for _ in range(3):
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")

    assert len(door.kept(ALERTS)) == 3


def wait_for(done: object, seconds: float = 5) -> None:
    """Until `done()` is true."""
    assert callable(done)
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)
