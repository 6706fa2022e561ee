"""`burnline up` as a process: what it refuses before anything runs, how it stops, what it holds in memory."""

from __future__ import annotations

import gzip
import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import Cli
from tests.programs import free_port, running

Refused = Callable[..., str]
UP = [sys.executable, "-m", "burnline", "up"]
GOOD = "apiVersion: burnline/v1\nservice: scoring\nowner: scoring-ml\n"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A good service file."""
    path = tmp_path / "scoring.yaml"
    path.write_text(GOOD)
    return path


def environment(service: Path, **more: str) -> dict[str, str]:
    """Where everything is, by the variables."""
    folder = service.parent
    return {"BURNLINE_SERVICES": str(service), "BURNLINE_DATABASE": f"sqlite:///{folder}/burnline.db", **more}


@pytest.fixture
def refused(cli: Cli, service: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """`refused("--port", "1")`: the one line it says on stderr when it does not start."""
    monkeypatch.setattr("burnline.app.up.setup_logging", lambda _stream: None)
    monkeypatch.setattr("burnline.app.up.stop_on_signals", lambda: None)
    for name, value in environment(service, BURNLINE_PORT=str(free_port())).items():
        monkeypatch.setenv(name, value)

    def run(*argv: str) -> str:
        code, out, err = cli("up", *argv)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        return err

    return run


@contextmanager
def up(service: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """Where it is served, its process and its log."""
    port, log = free_port(), service.parent / "up.log"
    url = f"http://127.0.0.1:{port}"
    env = environment(service, BURNLINE_PORT=str(port))
    with running(UP, log=log, url=f"{url}/readyz", env=env) as process:
        yield url, process, log


def test_a_taken_port_is_told_before_the_database_is_touched(refused: Refused, service: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        told = refused("--port", port)

    assert told == f"burnline: cannot listen on 127.0.0.1 port {port}: another program has it (BURNLINE_PORT, --port)\n"
    assert not (service.parent / "burnline.db").exists()


def test_an_invalid_file_is_refused(refused: Refused, service: Path) -> None:
    service.write_text(GOOD + "colour: red\n")

    assert refused().startswith(f"{service}:4: colour: ")


def test_a_missing_folder_is_refused(refused: Refused, service: Path) -> None:
    assert "nowhere: cannot be read" in refused("nowhere")


def test_an_empty_folder_is_refused(refused: Refused, service: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert str(tmp_path / "empty") in refused(str(tmp_path / "empty"))


def test_a_damaged_database_is_refused_and_left_as_it_is(refused: Refused, service: Path, tmp_path: Path) -> None:
    (tmp_path / "burnline.db").write_bytes(b"not a database" * 1000)

    told = refused()

    assert "the file is damaged: restore a backup" in told
    assert (tmp_path / "burnline.db").read_bytes() == b"not a database" * 1000


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:////proc/burnline/b.db", "/proc/burnline"),
        ("nonsense", "is no database URL"),
        ("sqlite://", "needs a file"),
        ("mysql://127.0.0.1/burnline", "mysql"),
    ],
)
def test_a_database_that_cannot_be_opened_is_refused(refused: Refused, service: Path, url: str, told: str) -> None:
    assert told in refused("--database", url)


def test_listening_beyond_this_host_without_a_token_is_refused(refused: Refused, service: Path) -> None:
    assert "set BURNLINE_TOKEN" in refused("--host", "0.0.0.0")


def test_a_wrong_setting_is_told_by_its_name(refused: Refused, service: Path) -> None:
    assert refused("--port", "99999").startswith("environment: BURNLINE_PORT: 99999: ")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_and_keeps_what_it_acknowledged(service: Path, stop: signal.Signals) -> None:
    with up(service) as (url, process, log):
        accepted = httpx.post(f"{url}/v1/alerts", content=b'{"version": "4", "alerts": []}').json()["accepted"]
        process.send_signal(stop)

        assert process.wait(20) == 0, log.read_text()

    assert "Traceback" not in log.read_text()
    last = json.loads(log.read_text().splitlines()[-1])
    assert (last["event"], last["stopped_by"]) == ("down", stop.name), last
    with sqlite3.connect(service.parent / "burnline.db") as database:
        assert database.execute("SELECT count(*) FROM inbox WHERE id = ?", [accepted]).fetchone() == (1,)


def test_at_a_terminal_it_says_what_it_watches_and_where(service: Path) -> None:
    ours, terminal = pty.openpty()
    port = free_port()
    env = {**os.environ, **environment(service, BURNLINE_PORT=str(port))}
    with subprocess.Popen(UP, stdout=terminal, stderr=subprocess.DEVNULL, env=env) as process:
        os.close(terminal)
        said = os.read(ours, 1000).decode()
        process.send_signal(signal.SIGTERM)

    assert said.strip() == f"watching scoring: http://127.0.0.1:{port} (Ctrl-C stops it)"
    os.close(ours)


def test_a_second_one_on_the_same_database_is_refused_and_the_first_goes_on(service: Path) -> None:
    with up(service) as (url, _process, _log):
        env = {**os.environ, **environment(service, BURNLINE_PORT=str(free_port()))}
        second = subprocess.run(UP, env=env, capture_output=True, text=True, timeout=30, check=False)

        assert second.returncode == 1
        assert "another burnline works on this file" in second.stderr
        assert httpx.get(f"{url}/readyz").status_code == 200


def test_a_signal_while_it_starts_is_no_failure(service: Path) -> None:
    env = {**os.environ, **environment(service, BURNLINE_PORT=str(free_port()))}
    with subprocess.Popen(UP, stderr=subprocess.PIPE, env=env) as process:
        time.sleep(0.8)  # somewhere in its imports or its start
        process.send_signal(signal.SIGTERM)
        assert process.stderr
        said = process.stderr.read().decode()

    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in said


def test_a_flood_is_answered_from_flat_memory(service: Path) -> None:
    bomb = gzip.compress(bytes(1_000_000_000), 1)
    headers = {"Content-Type": "application/json"}
    with up(service) as (url, process, _log):
        httpx.post(f"{url}/v1/alerts", content=b"{}")
        before = most_memory(process.pid)
        for path in ("/v1/predictions", "/v1/alerts"):
            packed = {**headers, "Content-Encoding": "gzip"}
            assert httpx.post(url + path, content=bomb, headers=packed, timeout=30).status_code == 413
            assert httpx.post(url + path, content=bytes(10**8), headers=headers, timeout=30).status_code == 413
            chunked = (bytes(10**6) for _ in range(100))
            assert httpx.post(url + path, content=chunked, headers=headers, timeout=30).status_code == 413

        grown = most_memory(process.pid) - before

    assert grown < 80 * 2**20, f"{grown / 2**20:.0f} MiB; the limit of one body is 16"


def most_memory(pid: int) -> int:
    """The most memory the process ever had resident, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
