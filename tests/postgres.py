"""A real PostgreSQL server for the tests: initialised, started on loopback, thrown away."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.programs import STOP_SECONDS, free_port, program, running

OWNER = "postgres"  # the server refuses to run as root


class PostgresServer:
    """A server that a test may restart; `url` is its maintenance database's, of SQLAlchemy.

    `fsync`: whether a commit survives a loss of power; a killed server keeps its commits either way.
    """

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        self._folder, self._fsync, self._port, self._lives = folder, fsync, free_port(), ExitStack()
        self._server, self._is_ready = program("postgres"), program("pg_isready")
        self.url = f"postgresql+psycopg://{OWNER}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it on what is there; returns once it takes connections."""
        options = ["-h", "127.0.0.1", "-p", str(self._port), "-c", "unix_socket_directories="]
        options += ["-c", f"fsync={'on' if self._fsync else 'off'}"]
        probe = [self._is_ready, "--quiet", "--host", "127.0.0.1", "--port", str(self._port)]
        self.process = self._lives.enter_context(
            running(
                [*as_owner(), self._server, "-D", self._folder / "data", *options],
                log=self._folder / "log",
                ready=lambda: subprocess.run(probe, check=False).returncode == 0,
                cwd=self._folder,
            )
        )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it as pg_ctl does: SIGINT ends every connection (fast), SIGQUIT the server on the spot (immediate)."""
        self.process.send_signal(how)
        self.process.wait(STOP_SECONDS)

    def close(self) -> None:
        """Stop it if it runs, whoever is connected: at SIGTERM it would wait for them to go."""
        with suppress(subprocess.TimeoutExpired):
            if self.process.poll() is None:
                self.stop()
        self._lives.close()


@contextmanager
def restartable_postgres(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """A running server, thrown away at the end."""
    initdb = program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="burnline-postgres-"))  # not tmp_path: its parents are closed to OWNER
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam(OWNER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        create = [initdb, f"--pgdata={folder}/data", f"--username={OWNER}"]
        create += ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run([*as_owner(), *create], check=True, capture_output=True, cwd=folder)
        server = PostgresServer(folder, fsync=fsync)
        server.start()
        try:
            yield server
        finally:
            server.close()
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy URL of a running server's maintenance database."""
    with restartable_postgres() as server:
        yield server.url


def as_owner() -> list[str]:
    """What to put before a command so that it does not run as root; `setpriv` execs, so the pid is the server's."""
    if os.geteuid() != 0:
        return []
    return [program("setpriv"), f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
