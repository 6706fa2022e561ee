"""Real message brokers for the tests: started on free loopback ports, data in a temporary folder, stopped by pid."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.programs import free_port, program, running


class Server:
    """A broker that a test may stop and start again on the same port and data."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._lives = ExitStack()

    def start(self) -> None:
        """Returns once it takes connections."""
        self._lives.enter_context(self._running())

    def stop(self) -> None:
        """Returns once it is gone."""
        self._lives.close()

    def _running(self) -> AbstractContextManager[object]:
        raise NotImplementedError


class RedisServer(Server):
    """redis-server; what it holds is written to disk at every change."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        super().__init__(free_port())
        self._folder, self._password = folder, password
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def _running(self) -> AbstractContextManager[object]:
        argv: list[str | Path] = [program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        argv += ["--dir", self._folder]
        argv += ["--appendonly", "yes", "--appendfsync", "no", "--save", ""]
        argv += ["--requirepass", self._password] if self._password else []
        return running(argv, log=self._folder / "redis.log", ready=lambda: listens(self.port))


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def started(server: Server) -> Iterator[None]:
    """The server runs until the block ends."""
    server.start()
    try:
        yield
    finally:
        server.stop()
