"""Pages that ask who is there: tokens, passwords, certificates; what was sent is in no message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError

from burnline.collectors.access import Access, system_trust
from burnline.collectors.reasons import REFUSED, reason_of
from burnline.collectors.scrape import Scraper
from burnline.errors import CollectorError
from burnline.spec.collect import AccessSpec
from tests.fakes.certificates import certificate
from tests.fakes.engine import serving_page

PAGE = "up 1\n"
TOKEN = "s3cr3t-t0ken"
ONCE = timedelta(seconds=5)


@contextmanager
def scraper(url: str, **access: Any) -> Iterator[Scraper]:
    made = Scraper("s", url, wanted=None, interval=ONCE, timeout=ONCE, access=AccessSpec.model_validate(access))
    yield made
    made.close()


def refusal(url: str, now: datetime, **access: Any) -> CollectorError:
    with scraper(url, **access) as made, pytest.raises(CollectorError) as told:
        made.collect(now)
    return told.value


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def test_a_token_is_sent_from_its_file_and_read_anew_for_each_turn(secret: Path, now: datetime) -> None:
    with (
        serving_page(PAGE, authorization=f"Bearer {TOKEN}") as engine,
        scraper(engine.url, bearer_token_file=str(secret)) as made,
    ):
        first = made.collect(now)
        engine.authorization = "Bearer another"
        with pytest.raises(CollectorError) as told:
            made.collect(now)
        secret.write_text("another")
        last = made.collect(now)

    assert [sample.name for sample in (*first, *last)] == ["up", "up"]
    assert str(told.value) == f"{engine.url}: answered 401; it does not let in who has what {secret} holds"
    assert reason_of(told.value) == REFUSED


def test_a_password_is_sent_with_its_user(secret: Path, now: datetime) -> None:
    login = {"username": "prometheus", "password_file": str(secret)}

    with (
        serving_page(PAGE, authorization="Basic cHJvbWV0aGV1czpzM2NyM3QtdDBrZW4=") as engine,
        scraper(engine.url, basic_auth=login) as made,
    ):
        assert made.collect(now)


def test_a_page_that_asks_for_a_login_where_none_is_written_says_what_to_write(now: datetime) -> None:
    with serving_page(PAGE, authorization=f"Bearer {TOKEN}") as engine:
        told = refusal(engine.url, now)

    assert "answered 401; it asks who is there: write `bearer_token_file` or `basic_auth` beside its url" in str(told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "is not there, or no file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"s3cr3t\nt0ken", "holds no token: one word of printable characters"),
        ("s3cr3t-tøken".encode(), "holds no token"),
        (b"s3cr3t\xff", "is not UTF-8"),
        (b"s3cr3t" * 20_000, "is larger than 65,536 bytes"),
    ],
    ids=["missing", "empty", "blank", "two lines", "not ASCII", "bytes", "large"],
)
def test_a_file_without_a_token_fails_by_its_name_alone(
    tmp_path: Path, now: datetime, content: bytes | None, told: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    error = refusal("http://127.0.0.1:9/metrics", now, bearer_token_file=str(file))

    assert f"http://127.0.0.1:9/metrics: {file} {told}" in str(error)
    chain = [error, error.__cause__, error.__cause__ and error.__cause__.__cause__]
    assert not any("s3cr3t" in repr(each) for each in chain)


@pytest.mark.parametrize("answer", ["location", "line"])
def test_a_server_that_sends_the_token_back_does_not_get_it_into_a_message(
    secret: Path, now: datetime, answer: str
) -> None:
    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.headers["Authorization"].removeprefix("Bearer ")
            body = f"up{{{sent} 1\n".encode()
            self.send_response(302 if answer == "location" else 200)
            self.send_header("Location", f"http://elsewhere/?{sent}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        told = refusal(f"http://127.0.0.1:{server.server_port}/metrics", now, bearer_token_file=str(secret))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert TOKEN not in str(told)
    assert "..." in str(told)


@pytest.mark.integration
def test_a_page_by_tls_is_read_by_whoever_trusts_its_authority(tmp_path: Path, now: datetime) -> None:
    ours, other, ca = certificate(tmp_path, "ours"), certificate(tmp_path, "other"), tmp_path / "ca.pem"
    ca.write_text(other.read_text())

    with serving_page(PAGE, pem=ours) as engine, scraper(engine.url, tls={"ca": str(ca)}) as made:
        with pytest.raises(CollectorError) as told:
            made.collect(now)
        ca.write_text(ours.read_text() + "\n")
        trusted = made.collect(now)
        blind = refusal(engine.url, now)
        with scraper(engine.url, tls={"insecure_skip_verify": True}) as careless:
            anyway = careless.collect(now)

    assert trusted
    assert anyway
    assert "CERTIFICATE_VERIFY_FAILED" in str(told.value)
    assert "name the authority that signed its certificate in `tls: {ca: FILE}`" in str(blind)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_authorities_fails_by_its_name(tmp_path: Path, now: datetime, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    told = refusal("https://127.0.0.1:9/metrics", now, tls={"ca": str(file)})

    assert f"https://127.0.0.1:9/metrics: {file} " in str(told)


def test_pages_without_authorities_of_their_own_share_the_system_s() -> None:
    assert Access(AccessSpec()).trust() is system_trust()


@pytest.mark.parametrize(
    ("access", "told"),
    [
        ({"bearer_token_file": TOKEN}, "names no file"),
        ({"basic_auth": {"username": "a", "password_file": TOKEN}}, "names no file"),
        ({"basic_auth": {"username": "a:b", "password_file": "/p"}}, "username"),
        ({"bearer_token_file": "/t", "basic_auth": {"username": "a", "password_file": "/p"}}, "write one of the two"),
        ({"tls": {}}, "says nothing"),
        ({"tls": {"ca": "/ca.pem", "insecure_skip_verify": True}}, "write one of the two"),
    ],
)
def test_a_login_that_cannot_be_meant_is_refused(access: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        AccessSpec.model_validate(access)

    assert told in str(error.value)
