"""Alertmanager webhooks through the real `burnline up`, each on disk before its 200; and a storm of 10,000 alerts.

SQLite (synchronous=FULL) and PostgreSQL (fsync on), with group commit and with a commit for each. The peer is the same
server whose door reads the body and keeps nothing: the ratio of the two is what durability costs, and the work on the
webhooks that goes on beside it. `at 2,000/s`: so many are offered whatever comes back, and the time of each counts from
when it was due. Client, server and database share this machine's cores, so rates are lower bounds. With 32 connections,
as a busy Alertmanager has. CPU is the server's alone, until the last answer. SECONDS: how long each row is measured.

    SECONDS=3 PYTHONPATH=. python benchmarks/webhooks.py
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import uvloop
from sqlalchemy import Engine, create_engine, text

from tests.postgres import restartable_postgres

PORT = 8656
CONNECTIONS = 32
OFFERED = 2000  # webhooks a second, of the row that offers so many
STORM = 10_000
SECONDS = float(os.environ.get("SECONDS", "10"))
ALERT = (
    b'{"status":"firing","labels":{"alertname":"Disk","instance":"db-%d","job":"node","severity":"page","team":"infra"},'
    b'"annotations":{"summary":"%s"},"startsAt":"2026-01-05T12:00:00Z","endsAt":"0001-01-01T00:00:00Z",'
    b'"generatorURL":"http://prometheus:9090/graph","fingerprint":"%016x"}'
)
PEER = """
import sys
from fastapi import FastAPI, Request
from burnline.app.server import listen, make_server
from burnline.settings import Settings

app = FastAPI()

@app.post("/v1/alerts")
async def alerts(request: Request) -> dict[str, int]:
    return {"accepted": len(await request.body())}

@app.get("/readyz")
async def ready() -> str:
    return "ready"

make_server(app).run([listen(Settings(port=int(sys.argv[1])))])
"""
UP = """
import sys
from burnline.app.cli import main
from burnline.store import database

database.MAX_BATCH = int(sys.argv.pop(1))
main()
"""


def request(first: int, alerts: int) -> bytes:
    """One webhook of so many alerts, which are counted from `first`."""
    body = b'{"version":"4","receiver":"burnline","status":"firing","groupLabels":{},"commonLabels":{},'
    body += b'"commonAnnotations":{},"externalURL":"http://alertmanager:9093","groupKey":"{}:{}","alerts":['
    body += b",".join(ALERT % (n, b"x" * 300, n) for n in range(first, first + alerts)) + b"]}"
    head = "POST /v1/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """One connection that is kept open."""

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", PORT)

    async def send(self, message: bytes) -> None:
        """Send one request and read its 200."""
        self._writer.write(message)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await self._reader.readexactly(int(length))

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


class Load(NamedTuple):
    """Every request's seconds, sorted; those that all of them took together, and what they cost the server in CPU."""

    times: list[float]
    seconds: float
    cpu_seconds: float


async def post(message: bytes, until: float, every: float) -> list[float]:
    """The seconds each request took on one connection, one after the other, or one `every` so many seconds."""
    connection = Connection()
    await connection.open()
    took = []
    due = time.perf_counter()
    while due < until:
        await asyncio.sleep(due - time.perf_counter() if every else 0)
        await connection.send(message)
        done = time.perf_counter()
        took.append(done - due)
        due = due + every if every else done
    connection.close()
    return took


async def load(server: int, message: bytes, *, a_second: float = 0) -> Load:
    """As many requests as there can be, or so many `a_second`; those that are late are sent all the same."""
    before, start, every = cpu_seconds(server), time.perf_counter(), CONNECTIONS / a_second if a_second else 0.0
    taken = await asyncio.gather(*[post(message, start + SECONDS, every) for _ in range(CONNECTIONS)])
    times = sorted(seconds for one in taken for seconds in one)
    return Load(times, time.perf_counter() - start, cpu_seconds(server) - before)


def cpu_seconds(pid: int) -> float:
    """Of another process: proc(5), fields 14 and 15 of stat, behind the name in parentheses."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def storm_of(messages: list[bytes]) -> None:
    """Send them all, over as many connections as there are."""

    async def lane(n: int) -> None:
        connection = Connection()
        await connection.open()
        for message in messages[n::CONNECTIONS]:
            await connection.send(message)
        connection.close()

    await asyncio.gather(*[lane(n) for n in range(min(CONNECTIONS, len(messages)))])


@contextmanager
def serving(argv: list[str]) -> Iterator[int]:
    """The program, once it is ready: its process."""
    child = subprocess.Popen([sys.executable, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not ready():
            time.sleep(0.05)
        yield child.pid
    finally:
        child.terminate()
        child.wait(20)


def ready() -> bool:
    """Whether it answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/readyz").is_success
    except httpx.HTTPError:
        return False


@contextmanager
def burnline(url: str, *, batch: int = 512) -> Iterator[tuple[int, Engine]]:
    """`burnline up` on an empty database at `url`: its process, and a look into that; `batch`: writes in a commit."""
    with tempfile.TemporaryDirectory() as folder:
        service = Path(folder) / "idle.yaml"
        service.write_text("apiVersion: burnline/v1\nservice: idle\nowner: nobody\n")
        target = url or f"sqlite:///{folder}/burnline.db"
        argv = ["-c", UP, str(batch), "up", str(service), "--port", str(PORT), "--database", target]
        with serving(argv) as pid:
            engine = create_engine(target)
            yield pid, engine
            engine.dispose()


def counted(engine: Engine, table: str) -> int:
    """Rows of a table."""
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def told(name: str, sent: Load, alerts: int) -> None:
    """Print one line."""
    times, rate = sent.times, len(sent.times) / sent.seconds
    p50, p99 = (times[int(len(times) * share)] * 1e3 for share in (0.5, 0.99))
    each = sent.cpu_seconds / len(times) * 1e6
    print(f"| {name} | {rate:,.0f} | {rate * alerts:,.0f} | {p50:,.0f} | {p99:,.0f} | {each:,.0f} us |", flush=True)


def rates(name: str, url: Iterator[str]) -> None:
    """Webhooks a second, with one alert and with a hundred, with group commit and without."""
    for what, alerts, batch, a_second in (
        ("one alert each", 1, 512, 0),
        (f"at {OFFERED:,}/s", 1, 512, OFFERED),
        ("a commit for each", 1, 1, 0),
        ("100 alerts each", 100, 512, 0),
    ):
        with burnline(next(url), batch=batch) as (server, engine):
            sent = uvloop.run(load(server, request(0, alerts), a_second=a_second))
            if (kept := counted(engine, "inbox")) < len(sent.times):
                raise SystemExit(f"{len(sent.times)} were acknowledged, {kept} were kept")
        told(f"{name}, {what}", sent, alerts)


def storms(name: str, url: Iterator[str]) -> None:
    """Seconds until 10,000 alerts were acknowledged, and until each of them has its episode."""
    for what, messages in (
        ("one webhook", [request(0, STORM)]),
        (f"{STORM:,} webhooks", [request(n, 1) for n in range(STORM)]),
    ):
        with burnline(next(url)) as (server, engine):
            before, start = cpu_seconds(server), time.perf_counter()
            uvloop.run(storm_of(messages))
            acknowledged = time.perf_counter() - start
            while counted(engine, "episode") < STORM:
                time.sleep(0.1)
            recorded = time.perf_counter() - start
            spent = cpu_seconds(server) - before
        print(f"| {name}, in {what} | {acknowledged:.1f} s | {recorded:.1f} s | {spent:.1f} s |", flush=True)


def empty_databases(server: str) -> Iterator[str]:
    """URLs of one new database after the other."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    n = 0
    while True:
        n += 1
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE bench_{n}"))
        yield str(engine.url.set(database=f"bench_{n}"))


def files() -> Iterator[str]:
    """SQLite, in a folder that goes away with the server."""
    while True:
        yield ""


def main() -> None:
    """Measure and print."""
    load_average = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load average {load_average} before")
    print(f"{CONNECTIONS} connections, {SECONDS:g} s each")
    with ExitStack() as stack:
        databases = {"SQLite": files()}
        try:
            databases["PostgreSQL"] = empty_databases(stack.enter_context(restartable_postgres(fsync=True)).url)
        except pytest.skip.Exception as reason:
            print(f"without PostgreSQL: {reason}")
        print("| what | webhooks a second | alerts a second | p50, ms | p99, ms | CPU of the server for each |")
        print("|---|---|---|---|---|---|")
        for alerts in (1, 100):
            with serving(["-c", PEER, str(PORT)]) as peer:
                sent = uvloop.run(load(peer, request(0, alerts)))
            told(f"the same server, nothing kept, alerts each: {alerts}", sent, alerts)
        for name, url in databases.items():
            rates(name, url)
        print(f"\n| a storm of {STORM:,} alerts | acknowledged | every alert has its episode | CPU of the server |")
        print("|---|---|---|---|")
        for name, url in databases.items():
            storms(name, url)
    print("load average after:", ", ".join(f"{value:.1f}" for value in os.getloadavg()))


if __name__ == "__main__":
    main()
