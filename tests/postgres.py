"""A real PostgreSQL server for the tests: initialised, started on loopback, thrown away."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import free_port, program, running

OWNER = "postgres"  # the server refuses to run as root


@contextmanager
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy URL of a running server's maintenance database."""
    initdb, server, is_ready = program("initdb"), program("postgres"), program("pg_isready")
    folder = Path(tempfile.mkdtemp(prefix="burnline-postgres-"))  # not tmp_path: its parents are closed to OWNER
    data, port = folder / "data", free_port()
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam(OWNER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        create = [initdb, f"--pgdata={data}", f"--username={OWNER}", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        subprocess.run([*as_owner(), *create, "--no-sync"], check=True, capture_output=True, cwd=folder)
        options = ["-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories=", "-c", "fsync=off"]
        probe = [is_ready, "--quiet", "--host", "127.0.0.1", "--port", str(port)]
        with running(
            [*as_owner(), server, "-D", data, *options],
            log=folder / "log",
            ready=lambda: subprocess.run(probe, check=False).returncode == 0,
            cwd=folder,
        ):
            yield f"postgresql+psycopg://{OWNER}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


def as_owner() -> list[str]:
    """What to put before a command so that it does not run as root; `setpriv` execs, so the pid is the server's."""
    if os.geteuid() != 0:
        return []
    return [program("setpriv"), f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
