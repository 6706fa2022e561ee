"""Real programs for tests marked `integration`: found, started on loopback, waited for, stopped by pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import randrange
from time import monotonic
from typing import Any, NoReturn, Protocol

import httpx
import pytest

# What a program is called where it is not called by its own name, and the Debian package that brings it.
OTHER_NAMES = {"alertmanager": "prometheus-alertmanager", "chromium": "chromium-browser"}
PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "epmd": "erlang-base",
    "openssl": "openssl",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "psql": "postgresql",
}
SELDOM = {"GOGC": "400"}  # Prometheus' programs would spend a fifth of their time on collecting garbage
FIRST_PORT, PORTS_EACH, WORKERS = 20_000, 1_500, 8
POLL_SECONDS = 0.02
STOP_SECONDS = 10.0


class Process(Protocol):
    """What is asked of a process that runs: a `subprocess.Popen` and a `tests.warm.Warm` answer."""

    args: Any
    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def program(name: str) -> str:
    """The path of `name`; without it the test is skipped at a desk and fails in CI (CI=true)."""
    return _find(name) or _absent(f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}")


def python_of(part: str) -> str:
    """The interpreter that has `requirements/{part}.txt`; without one as `program` does."""
    name = f"BURNLINE_TEST_{part.upper()}"
    return os.environ.get(name) or _absent(f"{name} names no python that has requirements/{part}.txt")


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment, and that nobody else is given soon.

    Each worker of the tests has ports of its own, below those (from 32768 on) that the kernel gives to who wants any.
    """
    while True:
        port = next(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _ports() -> Iterator[int]:
    """Of this process's worker, round and round: children of the tests have its name too, and begin elsewhere."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST_PORT + worker % WORKERS * PORTS_EACH
    start = randrange(PORTS_EACH)
    while True:
        yield first + start
        start = (start + 1) % PORTS_EACH


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    log: Path,
    url: str | None = None,
    ready: Callable[[], bool] | None = None,
    deadline_seconds: float = 120.0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `argv` until the block ends, with its output in `log`.

    The block starts once `url` answers 2xx or `ready()` is true (at once with neither). `env` is added to this
    process's environment. On the way out the program gets SIGTERM, and SIGKILL when it has not gone in ten seconds.

    Raises: AssertionError with the end of the log when the program exits or is not ready in time.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **SELDOM, **(env or {})},
            cwd=cwd,
        )
        try:
            if url is not None:
                wait_until(lambda: answers(url), process, log=log, deadline_seconds=deadline_seconds)
            if ready is not None:
                wait_until(ready, process, log=log, deadline_seconds=deadline_seconds)
            yield process
        finally:
            stop(process)


def wait_until(ready: Callable[[], bool], process: Process, *, log: Path, deadline_seconds: float = 120.0) -> None:
    """Ask `ready()` again and again until it is true; fail when `process` exits or the deadline passes."""
    until = monotonic() + deadline_seconds
    while not ready():
        try:
            code = process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            assert monotonic() < until, f"{_said(process, log)}: not ready in {deadline_seconds:g} s"
        else:
            raise AssertionError(f"{_said(process, log)}: exited with {code}")


def answers(url: str) -> bool:
    """Whether `url` gives a 2xx now."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def stop(process: Process) -> None:
    """SIGTERM by pid, then SIGKILL; returns when the process is gone."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


PORTS = _ports()


def _find(name: str) -> str | None:
    for candidate in (name, OTHER_NAMES.get(name)):
        if candidate and (path := shutil.which(candidate)):
            return path
    newest_first = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: -int(path.parts[-3]))
    return str(newest_first[0]) if newest_first else None


def _said(process: Process, log: Path) -> str:
    end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    return f"{process.args!r} said:\n{end}\n"
