"""`burnline job`: the command is run as if it were alone, and burnline is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.app.job_command import run_command
from burnline.client import job as client_job
from burnline.client.job import JobRun, job
from tests.programs import free_port


class Told(HTTPServer):
    """Keeps what it is told; `refusing`: how many postings it answers 503 first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, Any]] = []
        self.refusing = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def events(self) -> list[str]:
        return [body["event"] for body in self.bodies]


class Handler(BaseHTTPRequestHandler):
    server: Told

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 200
        if self.server.refusing:
            self.server.refusing, status = self.server.refusing - 1, 503
        else:
            self.server.bodies.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@pytest.fixture
def told() -> Iterator[Told]:
    server = Told()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@contextmanager
def trickling() -> Iterator[str]:
    """Answers byte by byte, without an end: each byte is in time."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not done.wait(0.05):
                        connection.sendall(b"x")
                    connection.close()

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        done.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def wrapped(url: str, *command: str, options: tuple[str, ...] = ()) -> list[str]:
    burnline = [sys.executable, "-m", "burnline", "job", "--service", "shop", "--job", "train", "--server", url]
    return [*burnline, *options, "--", *command]


def python(code: str) -> tuple[str, str, str]:
    return sys.executable, "-c", code


def test_the_commands_own_exit_code_and_output_come_through(told: Told) -> None:
    done = subprocess.run(
        wrapped(told.url, *python("print('hi'); exit(7)")), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (7, "hi\n", "")
    assert told.events == ["started", "failed"]
    assert (told.bodies[1]["reason"], told.bodies[1]["message"]) == ("exit", "exit code 7")
    assert told.bodies[0]["run"] == told.bodies[1]["run"]


def test_a_good_end_is_told_with_its_time_and_its_record(told: Told, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    code = f"open({str(record)!r}, 'w').write('{{\"commit\": \"abc\"}}')"

    done = subprocess.run(
        wrapped(told.url, *python(code), options=("--gpus", "4", "--record", str(record))),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0
    assert told.events == ["started", "finished"]
    assert told.bodies[1]["record"] == {"commit": "abc"}
    assert told.bodies[1]["gpus"] == 4
    assert told.bodies[1]["duration_seconds"] > 0


def test_without_burnline_the_command_runs_all_the_same() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    done = subprocess.run(wrapped(url, *python("exit(3)")), capture_output=True, text=True, check=False)

    assert done.returncode == 3
    [line] = done.stderr.splitlines()
    assert line.startswith("burnline: not told")
    assert "cannot be reached" in line


def test_a_burnline_that_never_comes_to_an_end_holds_nobody_up_for_long(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client_job, "START_SECONDS", 0.2)
    monkeypatch.setattr(client_job, "LONGEST_SECONDS", 0.4)
    with trickling() as url:
        begun = time.monotonic()

        code = run_command(JobRun("shop", "train", url=url), python("exit(5)"))

        assert (code, time.monotonic() - begun < 5) == (5, True)
    assert "did not answer" in capfd.readouterr().err


def test_a_signal_is_handed_on_and_what_it_stopped_is_aborted(told: Told) -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(9)); print('up', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(wrapped(told.url, *python(code)), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 9
    process.stdout.close()
    assert told.events == ["started", "aborted"]


def test_a_command_that_a_signal_killed_gives_the_code_that_shells_give(told: Told) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    done = subprocess.run(wrapped(told.url, *python(code)), check=False)

    assert done.returncode == 128 + 9
    assert (told.bodies[1]["reason"], told.bodies[1]["message"]) == ("signal", "died of SIGKILL")


def test_a_signal_that_python_has_no_name_for_gives_its_code_too(told: Told) -> None:
    number = signal.SIGRTMIN + 6

    code = run_command(JobRun("shop", "train", url=told.url), python(f"import os; os.kill(os.getpid(), {number})"))

    assert code == 128 + number
    assert told.bodies[1]["message"] == "died of SIGRTMIN+6"


@pytest.mark.parametrize("kind", ["nested", "pipe", "device", "large", "text"])
def test_a_record_that_cannot_be_used_costs_neither_the_code_nor_the_end(
    told: Told, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    record = Path("/dev/zero") if kind == "device" else tmp_path / "record.json"
    if kind == "pipe":
        os.mkfifo(record)
    elif kind != "device":
        record.write_text({"nested": "[" * 100_000, "large": " " * 2_000_000 + "{}", "text": "no"}[kind])

    code = run_command(JobRun("shop", "train", url=told.url), python("exit(4)"), record=record)

    assert code == 4
    assert told.events == ["started", "failed"]
    assert f"the record {record}, which cannot be read: " in capfd.readouterr().err


def test_without_an_stderr_nothing_is_put_among_the_commands_output() -> None:
    command = wrapped(f"http://127.0.0.1:{free_port()}", *python("print('mine'); exit(3)"))

    done = subprocess.run(["bash", "-c", '"$@" 2>&-', "bash", *command], stdout=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stdout) == (3, "mine\n")


def test_a_command_that_is_not_there_is_told_in_words(told: Told) -> None:
    done = subprocess.run(wrapped(told.url, "/no/such"), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (127, "burnline: /no/such: No such file or directory\n")
    assert told.events == ["started", "failed"]


def test_without_a_service_it_says_what_to_write(told: Told) -> None:
    command = [sys.executable, "-m", "burnline", "job", "--server", told.url, "--", "true"]
    bare = {name: value for name, value in os.environ.items() if name != "BURNLINE_SERVICE"}

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=bare)

    assert done.returncode == 1
    assert "--service" in done.stderr


def test_the_end_is_tried_again(told: Told) -> None:
    run = JobRun("shop", "train", url=told.url)
    run.started()
    told.refusing = 2

    trouble = run.ended("finished")

    assert trouble == ""
    assert told.events == ["started", "finished"]


def test_what_is_refused_is_not_tried_again() -> None:
    asked = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(422, json={"error": "rows_in: no"})

    run = JobRun("shop", "train", transport=httpx.MockTransport(refuse))

    assert "422" in run.ended("finished")
    assert len(asked) == 1


@pytest.mark.parametrize("token", ["sekret", "sekret\n", "sek\nret", "sekr\u00e9t"])
@pytest.mark.parametrize("url", ["http://user:PASS@127.0.0.1:{port}", "http://user:PASS/x@127.0.0.1", "u:PASS@x"])
def test_no_message_holds_the_token_or_the_password(
    token: str, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_job, "LONGEST_SECONDS", 0.2)
    run = JobRun("shop", "train", url=url.format(port=free_port()), token=token)

    said = f"{run.started()} {run.ended('finished')} {caplog.text}"

    assert "...@" in said
    assert [secret for secret in ("sek", "PASS", "refused: ", "again: ") if secret in said] == []


def test_a_token_is_sent_without_the_newline_of_its_file() -> None:
    sent = []

    def door(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return httpx.Response(422, json={"error": "no"})

    trouble = JobRun("shop", "train", token="sekret\n", transport=httpx.MockTransport(door)).started()

    assert sent == ["Bearer sekret"]
    assert trouble == "http://127.0.0.1:8600 answered 422: no"


def test_an_end_whose_facts_are_refused_is_told_without_them() -> None:
    told: list[dict[str, Any]] = []

    def door(request: httpx.Request) -> httpx.Response:
        told.append(json.loads(request.content))
        refused = "rows_out" in told[-1]
        return httpx.Response(422 if refused else 200, json={"error": "rows_out: is -1"} if refused else {})

    run = JobRun("shop", "train", transport=httpx.MockTransport(door))
    run.rows(out=-1)

    trouble = run.ended("finished")

    assert trouble.endswith("answered 422: rows_out: is -1")
    assert [("rows_out" in body, body["event"]) for body in told] == [(True, "finished"), (False, "finished")]


def test_an_end_with_a_number_that_json_has_not_is_told_without_it(told: Told) -> None:
    run = JobRun("shop", "train", url=told.url)
    run.record(metrics={"loss": float("nan")})

    trouble = run.ended("finished")

    assert "not JSON compliant" in trouble
    assert told.events == ["finished"]


def test_a_block_tells_its_rows_and_its_failure_and_lets_the_error_go_on(told: Told) -> None:
    def work() -> None:
        with job("shop", "train", url=told.url) as run:
            run.rows(in_=10, out=9)
            raise TimeoutError("too slow")

    with pytest.raises(TimeoutError):
        work()

    assert told.events == ["started", "failed"]
    body = told.bodies[1]
    assert (body["rows_in"], body["rows_out"], body["reason"]) == (10, 9, "timeout")


def test_a_block_without_burnline_is_not_held_up() -> None:
    begun = time.monotonic()

    with job("shop", "train", url=f"http://127.0.0.1:{free_port()}"):
        pass

    assert time.monotonic() - begun < 15
