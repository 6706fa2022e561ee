"""Run a program: argument list, no shell, an environment of named variables only, a group of its own, a deadline."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from burnline.errors import ActionError, InDoubt

MAX_OUTPUT_BYTES = 64 * 1024
GRACE_SECONDS = 2.0  # between TERM and KILL
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended; `output` is its stdout and stderr, cut at 64 KiB."""

    code: int
    output: str


def run_program(argv: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], timeout: timedelta) -> Exit:
    """Run `argv` to its end; what it leaves running in its process group is killed.

    Raises: ActionError when it cannot be started; InDoubt when it had to be stopped at `timeout`.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        raise ActionError(f"{argv[0]} cannot be started: {error}", permanent=True) from error
    try:
        output, in_time = _attend(process, stdin, time.monotonic() + timeout.total_seconds())
    finally:
        _end_group(process)
    if not in_time:
        raise InDoubt(f"{argv[0]} was stopped after {timeout.total_seconds():g} s")
    return Exit(process.returncode, output.decode(errors="replace"))


def _attend(process: subprocess.Popen[bytes], stdin: bytes, deadline: float) -> tuple[bytes, bool]:
    """Feed and drain the program until it exits or the deadline passes; its children are not waited for."""
    assert process.stdin is not None  # noqa: S101 - PIPE above
    assert process.stdout is not None  # noqa: S101
    out, output = process.stdout.fileno(), bytearray()
    os.set_blocking(out, False)
    os.set_blocking(process.stdin.fileno(), False)
    with suppress(OSError):  # stdin is one small JSON line: it fits the pipe, or the program does not read it
        process.stdin.write(stdin)
    with suppress(OSError):
        process.stdin.close()
    while process.poll() is None:
        if time.monotonic() >= deadline:
            return bytes(output), False
        if select.select([out], [], [], POLL_SECONDS)[0] and not _drain(out, output):
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    _drain(out, output)
    return bytes(output), True


def _drain(out: int, output: bytearray) -> bool:
    """Read what is there, keep the first 64 KiB; False at the end of the pipe."""
    for _ in range(64):  # a program that floods must not keep us from looking at the clock
        try:
            chunk = os.read(out, 65536)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        output += chunk[: MAX_OUTPUT_BYTES - len(output)]
    return True


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """TERM, then KILL, for the program if it still runs; KILL for what it left behind in its group."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
