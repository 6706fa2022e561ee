"""HTTP itself: methods, paths, names, framing, pipelines, offers to upgrade."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from burnline.store.inbox import ALERTS
from tests.app.still import Still, everything, still

DOORS = ["/v1/predictions", "/v1/alerts"]
ASK = ("POST /v1/alerts HTTP/1.1", "Host: localhost")


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_post_opens_a_door(door: Still, path: str, method: str) -> None:
    """A GET answered with 200 would lose alerts in silence; OPTIONS grants no other site anything."""
    answer = httpx.request(method, door.url + path, headers={"Origin": "http://evil.example"})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/v1/alerts/", "/v1/predictions/", "//v1/alerts", "/v1//alerts", "/V1/alerts"])
def test_nothing_redirects_to_a_door(door: Still, path: str) -> None:
    """A sender may not follow, or follow with a GET: the alert would be lost."""
    answer = door.post(path, b"{}")

    assert answer.status_code == 404
    assert answer.json() == {"error": f"nothing is at {path}"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:8600", "[::1]:8600", "LOCALHOST"])
def test_it_answers_to_its_own_names(door: Still, host: str) -> None:
    answer = door.say(ASK[0], f"Host: {host}", "Content-Length: 2", "Connection: close", body=b"{}")

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "::1", "[::1", "a b", "localhost:x"],
)
def test_another_name_is_refused_with_what_to_do(door: Still, host: str) -> None:
    answer = door.say(ASK[0], f"Host: {host}", "Content-Length: 2", "Connection: close", body=b"{}")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"add it to BURNLINE_ALLOWED_HOSTS" in answer
    assert b"content-security-policy" in answer
    assert door.kept(ALERTS) == []


def test_a_request_without_a_name_is_refused(door: Still) -> None:
    answer = door.say(ASK[0], "Content-Length: 2", "Connection: close", body=b"{}")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert door.kept(ALERTS) == []


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("*.example.com", "burnline.example.com", 200),
        ("*.example.com", "a.b.example.com:80", 200),
        ("*.example.com", "example.com", 400),
        ("*.example.com", "evilexample.com", 400),
        ("www.example.com", "example.com", 400),  # and no redirect to www.
        ("*", "anything", 200),
    ],
)
def test_names_can_be_allowed(allowed: str, host: str, status: int, tmp_path: Path) -> None:
    with still(tmp_path, allowed_hosts=allowed) as door:
        answer = door.say("GET /healthz HTTP/1.1", f"Host: {host}", "Connection: close")

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    "framing",
    [
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Content-Length: -2",),
        ("Content-Length: two",),
        ("Content-Length: 99999999999999999999999999",),
        ("Transfer-Encoding: chunked, gzip",),
        ("Transfer-Encoding: chunked",),  # but what follows is not
        ("X: a\x00b",),
    ],
)
def test_a_length_that_cannot_be_believed_ends_the_connection(door: Still, framing: tuple[str, ...]) -> None:
    answer = door.say(*ASK, *framing, body=b"{}\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert door.kept(ALERTS) == []


def test_a_body_without_a_length_is_not_taken_for_an_empty_webhook(door: Still) -> None:
    answer = door.say(*ASK, "Connection: close", body=b"{}")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"the body is empty" in answer


def test_what_follows_a_body_longer_than_it_said_is_no_request(door: Still) -> None:
    answer = door.say(*ASK, "Content-Length: 2", body=b'{}"alerts": []}')

    assert answer.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 400 " in answer
    assert [row.body for row in door.kept(ALERTS)] in ([], [b"{}"])


def test_a_chunked_body_is_put_together(door: Still) -> None:
    chunks = b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"

    answer = door.say(*ASK, "Transfer-Encoding: chunked", "Connection: close", body=chunks)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [row.body for row in door.kept(ALERTS)] == [b"{}"]


def test_pipelined_requests_are_answered_in_order(door: Still) -> None:
    def request(n: int, more: str = "") -> bytes:
        return f'{ASK[0]}\r\n{ASK[1]}\r\nContent-Length: 7\r\n{more}\r\n{{"n":{n}}}'.encode()

    with door.connect() as connection:
        connection.sendall(b"".join(request(n) for n in range(4)) + request(4, "Connection: close\r\n"))
        answers = everything(connection)

    ids = [row.id for row in door.kept(ALERTS)]
    assert [row.body for row in door.kept(ALERTS)] == [b'{"n":%d}' % n for n in range(5)]
    places = [answers.index(f'{{"accepted":{row_id}}}'.encode()) for row_id in ids]
    assert places == sorted(places)


def test_the_expect_header_is_answered_before_the_body_is_sent(door: Still) -> None:
    with door.connect() as connection:
        head = "\r\n".join([*ASK, "Content-Length: 2", "Expect: 100-continue", "Connection: close", "", ""])
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")

        assert b"HTTP/1.1 200 " in everything(connection)


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.0"])
@pytest.mark.parametrize("cut", [0, 30, 60, 90, 110, 115])
def test_an_offer_to_upgrade_does_not_cost_the_body(door: Still, offer: str, cut: int) -> None:
    """Java's HTTP client offers h2c with its first request; wherever the packets end, the body is kept."""
    lines = [*ASK, "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {offer}", "Content-Length: 2", "", "{}"]
    request = "\r\n".join(lines).encode()
    with door.connect() as connection:
        connection.sendall(request[:cut])
        connection.sendall(request[cut:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall("\r\n".join([*ASK, "Content-Length: 2", "Connection: close", "", "[]"]).encode())

        assert everything(connection).startswith(b"HTTP/1.1 200 ")

    assert [row.body for row in door.kept(ALERTS)] == [b"{}", b"[]"]


@pytest.mark.parametrize(
    "request_line", ["CONNECT evil.example:443 HTTP/1.1", "nonsense", "POST /v1/alerts HTTP/9.9", "\x16\x03\x01\x02"]
)
def test_what_is_no_request_is_refused(door: Still, request_line: str) -> None:
    assert door.say(request_line, "Host: localhost").startswith(b"HTTP/1.1 400 ")


def test_every_answer_carries_the_security_headers(door: Still) -> None:
    for answer in (door.alert(b"{}"), door.alert(b""), door.post("/nothing"), httpx.get(door.url + "/v1/alerts")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


@pytest.mark.parametrize("hosts", [("localhost", "evil.example"), ("localhost", "localhost")])
def test_two_host_headers_are_refused(door: Still, hosts: tuple[str, str]) -> None:
    answer = door.say("GET /healthz HTTP/1.1", *(f"Host: {host}" for host in hosts), "Connection: close")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"send one Host header" in answer
