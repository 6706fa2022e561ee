"""Bodies at every path but the doors: none is read before the token, past a mebibyte, or past its deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from burnline.app.http import bodies
from burnline.app.http.bodies import SMALL_LIMIT_BYTES
from tests.app.still import Still, everything, still

GATE = "/v1/gates/flagger/rollback"
CHANGING = [
    "/v1/actions",
    "/v1/approvals/1",
    "/v1/drills",
    "/v1/releases",
    "/v1/releases/1/abort",
    "/v1/releases/1/promote",
    "/v1/silences",
]
SMALL = [GATE, "/v1/releases", "/approvals/1", "/answer/x"]
ENDLESS = 1_000_000
JSON = {"content_type": "application/json"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Still]:
    """burnline with a token."""
    with still(tmp_path_factory.mktemp("locked"), token="correct-horse") as made:
        yield made


@pytest.fixture
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.4)


def mebibytes(count: int, sent: list[int]) -> Iterator[bytes]:
    """A body of unknown length; what was asked for is counted in `sent`."""
    for _ in range(count):
        sent.append(1)
        yield b" " * SMALL_LIMIT_BYTES


def half(path: str, *headers: str) -> tuple[str, ...]:
    """A request of which two bytes of the body come, and then nothing."""
    return (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers)


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_without_the_token_nothing_of_a_body_is_waited_for(locked: Still, path: str, framing: str) -> None:
    start = time.monotonic()
    answer = locked.say(*half(path, framing), body=b"2\r\n{}\r\n")

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: Bearer" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert time.monotonic() - start < bodies.BODY_SECONDS / 2


def test_gates_need_no_token(locked: Still) -> None:
    assert locked.post(GATE, b'{"name": "nobody"}', **JSON).status_code == 404


def test_what_is_not_there_is_not_told_without_the_token(locked: Still) -> None:
    assert locked.post("/v1/nothing").status_code == 401
    assert locked.get("/v1/nothing").status_code == 404


@pytest.mark.parametrize("path", SMALL)
def test_a_body_of_no_known_length_is_cut_off_after_a_mebibyte(door: Still, path: str) -> None:
    sent: list[int] = []

    answer = door.post(path, mebibytes(ENDLESS, sent), **JSON)

    assert answer.status_code == 413
    assert answer.json() == {"error": "the body is larger than 1,048,576 bytes: nothing that large is kept here"}
    assert len(sent) < ENDLESS


@pytest.mark.parametrize("path", SMALL)
def test_a_body_that_says_it_is_larger_than_a_mebibyte_is_refused_unread(door: Still, path: str) -> None:
    with door.connect() as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n".encode())

        assert everything(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_just_a_mebibyte_is_read(door: Still) -> None:
    answer = door.post(GATE, b'{"name": "nobody"}'.ljust(SMALL_LIMIT_BYTES), **JSON)

    assert answer.status_code == 404


@pytest.mark.usefixtures("_short_deadline")
@pytest.mark.parametrize("path", SMALL)
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_body_that_stalls_is_given_up(door: Still, path: str, framing: str) -> None:
    answer = door.say(*half(path, framing), body=b"2\r\n{}\r\n")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive in 0.4 s" in answer


@pytest.mark.usefixtures("_short_deadline")
def test_a_body_sent_byte_by_byte_is_given_up_too(door: Still) -> None:
    with door.connect() as connection:
        connection.sendall("\r\n".join((*half(GATE, "Content-Length: 1000"), "", "")).encode())
        start = time.monotonic()
        while time.monotonic() - start < 0.6:
            connection.sendall(b" ")
            time.sleep(0.05)

        assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_what_is_refused_is_counted(door: Still) -> None:
    door.post(GATE, b" " * (SMALL_LIMIT_BYTES + 1), **JSON)

    counted = door.counted("burnline_bodies_refused_total", door="/v1/gates/flagger/{gate}", reason="too_large")
    assert counted == 1
