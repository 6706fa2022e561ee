"""Real message brokers for the tests: started on free loopback ports, data in a temporary folder, stopped by pid."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.programs import free_port, program, running


class Server(ABC):
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

    @abstractmethod
    def _running(self) -> AbstractContextManager[object]:
        """The program, until it is left."""


class RedisServer(Server):
    """redis-server; what it holds is written to disk at every change."""

    def __init__(self, folder: Path, *arguments: str | Path, password: str = "", tls: bool = False) -> None:
        super().__init__(free_port())
        self._folder, self._password, self._arguments, self._tls = folder, password, arguments, tls
        self.url = f"redis{'s' if tls else ''}://127.0.0.1:{self.port}/0"

    def _running(self) -> AbstractContextManager[object]:
        argv: list[str | Path] = [program("redis-server"), "--bind", "127.0.0.1", *self._arguments]
        argv += ["--port", "0", "--tls-port", str(self.port)] if self._tls else ["--port", str(self.port)]
        argv += ["--dir", self._folder]
        argv += ["--appendonly", "yes", "--appendfsync", "no", "--save", ""]
        argv += ["--requirepass", self._password] if self._password else []
        return running(argv, log=self._folder / "redis.log", ready=lambda: listens(self.port))


class RabbitmqServer(Server):
    """rabbitmq-server with its management API, a node and a port mapper (epmd) of its own; the login is guest."""

    def __init__(self, folder: Path) -> None:
        super().__init__(free_port())
        self._folder, self._mapper_port, self._api_port = folder, free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._api_port}"
        self.amqp = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            f"management.tcp.port = {self._api_port}\nmanagement.tcp.ip = 127.0.0.1\n"
            "collect_statistics_interval = 200\n"  # milliseconds; what the API shows is that old
        )

    @contextmanager
    def _running(self) -> Iterator[None]:
        env = {
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"burnline{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",  # one thread: tests share two cores
        }
        mapper = [program("epmd"), "-port", str(self._mapper_port), "-address", "127.0.0.1"]
        with (
            running(mapper, log=self._folder / "epmd.log", ready=lambda: listens(self._mapper_port)),
            running(
                [_rabbitmq()],
                log=self._folder / "rabbitmq.log",
                ready=lambda: listens(self.port) and self.ask("GET", "/api/overview").is_success,
                env=env,
                deadline_seconds=120,
            ),
        ):
            yield

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A request to the management API."""
        try:
            return httpx.request(
                method, self.url + path, json=body, auth=("guest", "guest"), timeout=10, trust_env=False
            )
        except httpx.HTTPError:
            return httpx.Response(503)


class NatsServer(Server):
    """nats-server with JetStream on disk and its monitoring page."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(free_port())
        self._folder, self._arguments, self._monitor_port = folder, arguments, free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.monitor = f"http://127.0.0.1:{self._monitor_port}"

    def _running(self) -> AbstractContextManager[object]:
        argv: list[str | Path] = [program("nats-server"), "-js", "-sd", self._folder, "-a", "127.0.0.1"]
        argv += ["-p", str(self.port), "-m", str(self._monitor_port), *self._arguments]
        return running(argv, log=self._folder / "nats.log", url=f"{self.monitor}/healthz")


def _rabbitmq() -> str:
    """Not the one on the path: Debian's wants to become another user."""
    program("rabbitmq-server")
    return "/usr/lib/rabbitmq/bin/rabbitmq-server"


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
