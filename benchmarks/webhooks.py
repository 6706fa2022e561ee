"""Alertmanager webhooks a second through the real `burnline up`, each on disk before its 200.

The peer is the same server whose door reads the body and keeps nothing: the ratio of the two is what durability
costs, and the work on the webhooks that goes on beside it. Client and server share this machine's cores, so the rates
are lower bounds. With 32 connections, as a busy Alertmanager has.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvloop

PORT = 8656
CONNECTIONS = 32
SECONDS = float(os.environ.get("SECONDS", "10"))
ALERT = (
    b'{"status":"firing","labels":{"alertname":"Disk","instance":"db-1","job":"node","severity":"page","team":"infra"},'
    b'"annotations":{"summary":"%s"},"startsAt":"2026-01-05T12:00:00Z","endsAt":"0001-01-01T00:00:00Z",'
    b'"generatorURL":"http://prometheus:9090/graph","fingerprint":"%%016x"}' % (b"x" * 300)
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


def request(alerts: int) -> bytes:
    """One webhook of so many alerts."""
    body = b'{"version":"4","receiver":"burnline","status":"firing","groupLabels":{},"commonLabels":{},'
    body += b'"commonAnnotations":{},"externalURL":"http://alertmanager:9093","groupKey":"{}:{}","alerts":['
    body += b",".join(ALERT % n for n in range(alerts)) + b"]}"
    head = "POST /v1/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def post(message: bytes, until: float) -> list[float]:
    """The seconds each request took on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    took = []
    while (start := time.perf_counter()) < until:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        took.append(time.perf_counter() - start)
    writer.close()
    return took


async def storm(message: bytes) -> list[float]:
    """Every request's seconds, sorted."""
    until = time.perf_counter() + SECONDS
    taken = await asyncio.gather(*[post(message, until) for _ in range(CONNECTIONS)])
    return sorted(seconds for one in taken for seconds in one)


@contextmanager
def serving(argv: list[str]) -> Iterator[None]:
    """The program, once it is ready."""
    child = subprocess.Popen([sys.executable, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not ready():
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        child.wait(20)


def ready() -> bool:
    """Whether it answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/readyz").is_success
    except httpx.HTTPError:
        return False


def told(name: str, times: list[float], alerts: int) -> float:
    """Print one line; the rate."""
    rate = len(times) / SECONDS
    p50, p99 = (times[int(len(times) * share)] * 1e3 for share in (0.5, 0.99))
    print(f"{name:32} {rate:9,.0f} {rate * alerts:9,.0f} {p50:8.1f} {p99:8.1f}")
    return rate


def kept(database: Path) -> int:
    """Rows of the inbox."""
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT count(*) FROM inbox").fetchone()[0])


def main() -> None:
    """Measure and print."""
    print(f"{CONNECTIONS} connections, {SECONDS:g} s each")
    print(f"{'':32} {'POST/s':>9} {'alerts/s':>9} {'p50 ms':>8} {'p99 ms':>8}")
    for alerts in (1, 100):
        with tempfile.TemporaryDirectory() as folder:
            service, database = Path(folder) / "idle.yaml", Path(folder) / "burnline.db"
            service.write_text("apiVersion: burnline/v1\nservice: idle\nowner: nobody\n")
            argv = ["-m", "burnline", "up", str(service), "--port", str(PORT), "--database", f"sqlite:///{database}"]
            with serving(argv):
                times = uvloop.run(storm(request(alerts)))
            if kept(database) < len(times):
                raise SystemExit(f"{len(times)} were acknowledged, {kept(database)} were kept")
            durable = told(f"burnline up, {alerts} a webhook", times, alerts)
        with serving(["-c", PEER, str(PORT)]):
            peer = told(f"the same server, nothing kept, {alerts}", uvloop.run(storm(request(alerts))), alerts)
        print(f"  durable / nothing kept: {durable / peer:.2f}")


if __name__ == "__main__":
    main()
