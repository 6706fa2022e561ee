"""Run a program: argument list, no shell, only named variables, a group of its own, limits, a deadline.

What it starts in its process group ends with it. A child that makes a session of its own leaves the group, and is not
found.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from burnline.errors import ActionError, InDoubt

MAX_OUTPUT_BYTES = 64 * 1024
MAX_QUOTE = 300
GRACE_SECONDS = 2.0  # between TERM and KILL
POLL_SECONDS = 0.05
CONFINE = Path(__file__).with_name("confine.py").resolve()
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended; `output` and `errors` are its stdout and stderr, each cut at 64 KiB."""

    code: int
    output: str
    errors: str

    @property
    def how(self) -> str:
        """`ended with 3`, or `was killed by SIGXCPU`."""
        if self.code >= 0:
            return f"ended with {self.code}"
        try:
            return f"was killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was killed by signal {-self.code}"


def last_line(ended: Exit) -> str:
    """What a program said last, on stderr where it said something there; empty when it said nothing."""
    words = ended.errors.strip() or ended.output.strip()
    return words.splitlines()[-1][-MAX_QUOTE:] if words else ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use; never more than burnline may itself.

    Attributes:
        memory_bytes: of address space, which is more than what is resident.
        processes: of its user in all, wherever they run; None: as many as burnline.
    """

    cpu: timedelta = timedelta(minutes=10)
    memory_bytes: int = 4 * GIB
    file_bytes: int = GIB
    open_files: int = 1024
    processes: int | None = None

    def as_rlimits(self) -> Mapping[str, int]:
        """By their names in setrlimit(2). No core is dumped: it would hold secrets."""
        rlimits = {
            "RLIMIT_CPU": max(1, round(self.cpu.total_seconds())),
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }
        return rlimits if self.processes is None else {**rlimits, "RLIMIT_NPROC": self.processes}


def run_program(
    argv: Sequence[str],
    *,
    stdin: bytes,
    environment: Mapping[str, str],
    timeout: timedelta,
    limits: Limits = Limits(),
    user: str | None = None,
) -> Exit:
    """Run `argv`, whose first word is an absolute path, to its end; what it leaves in its process group is killed.

    Args:
        user: whom it runs as, with that user's own groups; only root can choose.

    Raises: ActionError when it cannot be started; InDoubt when it had to be stopped at `timeout`.
    """
    confinement = {"limits": limits.as_rlimits(), "user": _identity(user), "names": list(environment)}
    with _pipe() as (said, say):
        words = [sys.executable, "-I", "-S", str(CONFINE), str(say), json.dumps(confinement), *argv]
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                cwd="/",
                start_new_session=True,
                bufsize=0,
                pass_fds=(say,),
            )
        except (OSError, ValueError) as error:
            raise ActionError(f"{argv[0]} cannot be started: {error}", permanent=True) from error
        try:
            output, errors, in_time = _attend(process, stdin, time.monotonic() + timeout.total_seconds())
        finally:
            _end_group(process)
        if why := _said(said):
            raise ActionError(f"{argv[0]} cannot be started: {why}", permanent=True)
    if not in_time:
        raise InDoubt(f"{argv[0]} was stopped after {timeout.total_seconds():g} s")
    return Exit(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))


def _identity(user: str | None) -> tuple[int, int, Sequence[int]] | None:
    """A user's number, group and groups; None: burnline's own. Raises: ActionError."""
    if user is None:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise ActionError(f"there is no user {user!r} on this host", permanent=True) from error
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise ActionError(f"only root can run a program as {user!r}; burnline is not root", permanent=True)
    groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    return entry.pw_uid, entry.pw_gid, sorted({entry.pw_gid, *groups})


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """Where the program that confines says why it could not go on."""
    said, say = os.pipe()
    try:
        os.set_blocking(said, False)
        yield said, say
    finally:
        os.close(said)
        os.close(say)


def _said(said: int) -> str:
    try:
        return os.read(said, 1000).decode(errors="replace")
    except BlockingIOError:
        return ""


def _attend(process: subprocess.Popen[bytes], stdin: bytes, deadline: float) -> tuple[bytes, bytes, bool]:
    """Feed and drain the program until it exits or the deadline passes; its children are not waited for."""
    assert process.stdin is not None  # noqa: S101 - PIPE above
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    pipes = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    output, errors = pipes.values()
    opened = set(pipes)
    for pipe in (process.stdin.fileno(), *pipes):
        os.set_blocking(pipe, False)
    with suppress(OSError):  # stdin is one small JSON line: it fits the pipe, or the program does not read it
        process.stdin.write(stdin)
    with suppress(OSError):
        process.stdin.close()
    while process.poll() is None:
        if time.monotonic() >= deadline:
            return bytes(output), bytes(errors), False
        if not opened:
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
        for pipe in select.select(opened, [], [], POLL_SECONDS)[0] if opened else ():
            if not _drain(pipe, pipes[pipe]):
                opened.discard(pipe)
    for pipe in opened:
        _drain(pipe, pipes[pipe])
    return bytes(output), bytes(errors), True


def _drain(pipe: int, output: bytearray) -> bool:
    """Read what is there, keep the first 64 KiB; False at the end of the pipe."""
    for _ in range(64):  # a program that floods must not keep us from looking at the clock
        try:
            chunk = os.read(pipe, 65536)
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
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
