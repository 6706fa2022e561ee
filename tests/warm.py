"""`burnline` from a warm interpreter: one process has imported it and forks; a start saves two seconds of imports.

What runs is a process like any other, with a pid, files and connections of its own, that can be killed. Only how an
interpreter ends is not Python's: tests of that start a cold one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.programs import answers, stop, wait_until

PRELOADED = ["tests.warmed"]


class Warm:
    """What is needed of `subprocess.Popen`."""

    def __init__(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path | None = None) -> None:
        self.args = ["burnline", *argv]
        place = str(cwd or Path.cwd())
        self._child = maker().Process(target=_run, args=(self.args, str(log), {**os.environ, **env}, place))
        self._child.start()
        assert self._child.pid is not None
        self.pid = self._child.pid

    @property
    def returncode(self) -> int | None:
        """As `subprocess` has it: minus the signal that killed it."""
        return self._child.exitcode

    def poll(self) -> int | None:
        """The exit status of one that is over."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises: subprocess.TimeoutExpired."""
        self._child.join(timeout)
        if (code := self.returncode) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to one that lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


@contextmanager
def running_burnline(
    *argv: str | Path, log: Path, url: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Warm]:
    """`burnline ARGV` until the block ends, which begins once `url` answers: `programs.running`, but warm."""
    log.touch()
    process = Warm([str(word) for word in argv], log=log, env=env or {}, cwd=cwd)
    try:
        wait_until(lambda: answers(url), process, log=log)
        yield process
    finally:
        stop(process)


def maker() -> ForkServerContext:
    """The warm process starts with the first that is asked for, and ends with this one."""
    maker = get_context("forkserver")
    maker.set_forkserver_preload(PRELOADED)
    return maker


def _run(argv: list[str], log: str, env: Mapping[str, str], cwd: str) -> None:
    from burnline.app.cli import main

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = argv
    main()
