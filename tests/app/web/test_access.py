"""Who may come in, by the file as it is now; over TLS as it is now; and Prometheus as a client."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest

from burnline.app.server import make_server, take
from burnline.app.web.access import REMEMBERED, WebAccess
from burnline.app.web.guard import MOST_WAITING, Guard
from tests.app.web.conftest import PASSWORD, Certificates
from tests.programs import free_port, program, running

GOOD = ("prometheus", PASSWORD)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers everybody who comes this far."""
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"# TYPE in gauge\nin 1\n"})


@contextmanager
def served(file: Path, token: str = "") -> Iterator[str]:
    """The address of `hello` behind the file's guard, over TLS where it says so."""
    access = WebAccess(file)
    port = free_port()
    server = make_server(Guard(hello, access, token), access.tls)
    thread = threading.Thread(target=server.run, args=([take("127.0.0.1", port, "")],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"{'https' if access.tls else 'http'}://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def write(file: Path, text: str) -> None:
    """Replace the file, as an editor or Kubernetes does; never unnoticed, however coarse the clock."""
    new = file.with_suffix(".new")
    new.write_text(text)
    before = file.stat().st_mtime_ns if file.exists() else 0
    os.utime(new, ns=(before + 1, before + 1))
    new.replace(file)


@pytest.fixture
def file(tmp_path: Path, hashed: str) -> Path:
    file = tmp_path / "web.config.yml"
    write(file, f"basic_auth_users:\n  prometheus: {hashed}\n")
    return file


def basic(name: str, password: str | bytes) -> str:
    """The header."""
    pair = name.encode() + b":" + (password.encode() if isinstance(password, str) else password)
    return f"Basic {base64.b64encode(pair).decode()}"


def test_only_those_whom_the_file_knows_come_in(file: Path) -> None:
    with served(file) as url:
        assert httpx.get(f"{url}/metrics", auth=GOOD).status_code == 200
        for refused in (None, ("prometheus", "wrong"), ("nobody", PASSWORD), ("", ""), ("prometheus", "")):
            answer = httpx.get(f"{url}/metrics", auth=refused)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
            assert "who you are" in answer.json()["error"]


def test_that_the_process_answers_needs_no_password(file: Path) -> None:
    with served(file) as url:
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 401
        assert httpx.get(f"{url}/healthz/../metrics").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic ", "Basic ???", "Basic cHJvbWV0aGV1cw==", "Bearer", "Bearer x", "Digest a"),
        basic("prometheus", b"\0"),
        basic("prometheus", b"\xff" * 100),
        basic("prometheus", PASSWORD + "\0"),
        basic("\u202e", "x" * 10_000),
    ],
    ids=range(12),
)
def test_no_nonsense_comes_in(file: Path, header: str) -> None:
    access = WebAccess(file)

    assert not access.has_token(header)
    assert not access.remembers(header)
    assert not access.knows(header)


def test_a_header_sent_twice_is_refused(file: Path) -> None:
    headers = [("Authorization", basic("nobody", "x")), ("Authorization", basic(*GOOD))]
    with served(file) as url:
        assert httpx.get(url, headers=headers).status_code == 401


def test_a_bearer_token_of_the_file_and_burnlines_own_come_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("scraper\n")
    file = tmp_path / "web.config.yml"
    write(file, "bearer_token_file: token\n")
    with served(file, token="burnline") as url:
        answers = [
            httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code
            for token in ("scraper", "burnline", "other", "x")
        ]

    assert answers == [200, 200, 401, 401]


def test_without_users_or_token_everybody_comes_in_even_where_burnline_has_one(tmp_path: Path) -> None:
    file = tmp_path / "web.config.yml"
    write(file, "")
    with served(file, token="burnline") as url:
        assert httpx.get(url).status_code == 200


def test_a_password_is_hashed_once_and_a_wrong_one_each_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bytes] = []
    check = bcrypt.checkpw

    def noting(password: bytes, hashed: bytes) -> bool:
        looks.append(password)
        return bool(check(password, hashed))

    monkeypatch.setattr(bcrypt, "checkpw", noting)
    with served(file) as url:
        for _ in range(3):
            assert httpx.get(url, auth=GOOD).status_code == 200
            assert httpx.get(url, auth=("prometheus", "wrong")).status_code == 401
            assert httpx.get(url, auth=("nobody", "wrong")).status_code == 401, "a name that is not there takes as long"

    assert looks.count(PASSWORD.encode()) == 1
    assert looks.count(b"wrong") == 6


def test_a_name_that_is_not_there_costs_what_the_dearest_hash_of_the_file_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, costs = tmp_path / "web.config.yml", list[bytes]()
    users = {f"user-{cost}": bcrypt.hashpw(b"right", bcrypt.gensalt(cost)).decode() for cost in (4, 5)}
    write(file, "basic_auth_users:\n" + "".join(f"  {name}: {hashed}\n" for name, hashed in users.items()))
    access, check = WebAccess(file), bcrypt.checkpw

    def noting(password: bytes, hashed: bytes) -> bool:
        costs.append(hashed[4:6])
        return bool(check(password, hashed))

    monkeypatch.setattr(bcrypt, "checkpw", noting)
    known = [access.knows(_basic(name, "wrong")) for name in ("user-5", "nobody")]

    assert known == [False, False]
    assert costs == [b"05", b"05"]


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_what_is_remembered_has_an_end(tmp_path: Path, hashed: str) -> None:
    file = tmp_path / "web.config.yml"
    write(file, "basic_auth_users:\n" + "".join(f"  user-{n}: {hashed}\n" for n in range(REMEMBERED + 5)))
    access = WebAccess(file)

    for number in range(REMEMBERED + 5):
        assert access.knows(basic(f"user-{number}", PASSWORD))

    assert len(access._right) == REMEMBERED
    assert access.remembers(basic(f"user-{REMEMBERED}", PASSWORD))


def test_a_flood_of_passwords_waits_in_a_short_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    with served(file) as url:
        assert httpx.get(url, auth=GOOD).status_code == 200
        monkeypatch.setattr(bcrypt, "checkpw", lambda *_: gate.wait() and False)
        with ThreadPoolExecutor(MOST_WAITING + 8) as pool:
            flood = [pool.submit(httpx.get, url, auth=("a", str(n)), timeout=30) for n in range(MOST_WAITING + 8)]
            first = next(each for each in iter_done(flood))
            assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
            assert httpx.get(url, auth=GOOD).status_code == 200, "who was right before is let in past the line"
            while sum(each.done() for each in flood) < 8:  # all have come before one leaves the line
                time.sleep(0.01)
            gate.set()
            statuses = [each.result().status_code for each in flood]

    assert sorted(set(statuses)) == [401, 429]
    assert statuses.count(401) == MOST_WAITING


def iter_done(flood: list[Any]) -> Iterator[httpx.Response]:
    """Answers as they come."""
    while True:
        yield from (each.result() for each in flood if each.done())
        time.sleep(0.01)


def test_a_change_of_the_file_counts_from_the_next_request_on(file: Path, hashed: str) -> None:
    with served(file) as url:
        assert httpx.get(url, auth=GOOD).status_code == 200

        write(file, f"basic_auth_users:\n  other: {hashed}\n")

        assert httpx.get(url, auth=GOOD).status_code == 401
        assert httpx.get(url, auth=("other", PASSWORD)).status_code == 200


def test_a_file_that_became_wrong_changes_nothing_and_is_told_once(
    file: Path, hashed: str, caplog: pytest.LogCaptureFixture
) -> None:
    with served(file) as url:
        write(file, "basic_auth_users: {prometheus: hunter2}\n")

        assert [httpx.get(url, auth=GOOD).status_code for _ in range(3)] == [200] * 3
        assert httpx.get(url).status_code == 401

        write(file, f"basic_auth_users: {{other: {hashed}}}\n")
        assert httpx.get(url, auth=("other", PASSWORD)).status_code == 200

    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.message for record in told] == ["web config cannot be used; what it said before stays"]
    assert "hunter2" not in caplog.text


def tls(certificates: Certificates, name: str = "server", more: str = "") -> str:
    """The part of the file."""
    folder = certificates.folder
    return f"tls_server_config:\n  cert_file: {folder}/{name}.pem\n  key_file: {folder}/{name}_key.pem\n{more}"


def trusting(certificates: Certificates) -> ssl.SSLContext:
    """A client's context."""
    return ssl.create_default_context(cafile=str(certificates.authority))


def subject(url: str, certificates: Certificates) -> Any:
    """Whose certificate the server shows to a new connection."""
    host, port = url.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port))) as raw,
        trusting(certificates).wrap_socket(raw, server_hostname=host) as made,
    ):
        shown = made.getpeercert()
    assert shown
    return dict(pair for part in shown["subject"] for pair in part)["commonName"]  # type: ignore[misc]


def test_over_tls_the_certificate_is_the_newest_and_plain_http_gets_nothing(
    tmp_path: Path, certificates: Certificates, hashed: str
) -> None:
    file = tmp_path / "web.config.yml"
    write(file, tls(certificates) + f"basic_auth_users: {{prometheus: {hashed}}}\n")
    with served(file) as url, httpx.Client(verify=trusting(certificates), auth=GOOD) as before:
        assert before.get(url).status_code == 200
        assert subject(url, certificates) == "server"
        with pytest.raises(httpx.HTTPError):
            httpx.get(url.replace("https", "http"))

        write(file, tls(certificates, "other") + f"basic_auth_users: {{prometheus: {hashed}}}\n")

        assert subject(url, certificates) == "other"
        assert before.get(url).status_code == 200, "who is connected stays so"


def test_tls_cannot_be_switched_off_while_it_runs(
    tmp_path: Path, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "web.config.yml"
    write(file, tls(certificates))
    with served(file) as url:
        write(file, "")

        assert httpx.get(url, verify=trusting(certificates)).status_code == 200

    assert "TLS is switched on or off by a start only" in caplog.text


def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(
    tmp_path: Path, certificates: Certificates
) -> None:
    file = tmp_path / "web.config.yml"
    asked = f"  client_ca_file: {certificates.authority}\n  client_auth_type: RequireAndVerifyClientCert\n"
    write(file, tls(certificates, more=asked))
    with served(file) as url:
        with pytest.raises(httpx.HTTPError):
            httpx.get(url, verify=trusting(certificates))
        own = trusting(certificates)
        own.load_cert_chain(certificates.client, certificates.client_key)
        assert httpx.get(url, verify=own).status_code == 200


def test_an_old_tls_version_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    file = tmp_path / "web.config.yml"
    write(file, tls(certificates, more="  min_version: TLS13\n"))
    old = trusting(certificates)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with served(file) as url:
        with pytest.raises(httpx.HTTPError):
            httpx.get(url, verify=old)
        assert httpx.get(url, verify=trusting(certificates)).status_code == 200


@pytest.mark.integration
def test_prometheus_scrapes_over_tls_with_a_password(tmp_path: Path, certificates: Certificates, hashed: str) -> None:
    file = tmp_path / "web.config.yml"
    write(file, tls(certificates) + f"basic_auth_users: {{prometheus: {hashed}}}\n")
    with served(file) as url:
        target, port = url.removeprefix("https://"), free_port()
        job = {
            "scheme": "https",
            "basic_auth": {"username": "prometheus", "password": PASSWORD},
            "tls_config": {"ca_file": str(certificates.authority)},
            "static_configs": [{"targets": [target]}],
        }
        jobs = [{"job_name": "good", **job}, {"job_name": "stranger", **job, "basic_auth": None}]
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        argv = [program("prometheus"), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        asked = f"http://127.0.0.1:{port}/api/v1/query"

        def scraped() -> bool:
            answer = httpx.get(asked, params={"query": 'up{job="good"} == 1 and on() up{job="stranger"} == 0'})
            return bool(answer.json()["data"]["result"])

        def ready() -> bool:
            try:
                return scraped()
            except (httpx.HTTPError, ValueError):  # it answers 503 in words until its storage is there
                return False

        with running(argv, log=tmp_path / "prometheus.log", ready=ready, cwd=tmp_path):
            assert scraped()
