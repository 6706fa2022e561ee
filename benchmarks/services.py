"""What a process of many services costs: memory per thousand, threads, and a page while every source hangs.

`burnline up` over as many service files, each with a page to read, an SLO and two alert tiers; resident memory from
/proc once it is ready and after its collectors have had turns. The pages are served by one process here; then that
process keeps every connection open and says nothing, and /metrics is asked for all the same.
Run: python benchmarks/services.py [SERVICES...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import httpx

SETTLE_SECONDS = 40.0
READY_SECONDS = 300.0
SERVICE = """apiVersion: burnline/v1
service: service-{number}
owner: team
collect: [{{url: "http://127.0.0.1:{port}/metrics"}}]
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli: {{ratio: {{bad: 'http_requests_total{{code="500"}}', total: http_requests_total}}}}
"""
PAGE = b'http_requests_total{code="200"} 1000\nhttp_requests_total{code="500"} 1\n'


class Pages(ThreadingHTTPServer):
    """Serves one page to everybody, until it wedges."""

    request_queue_size = 2048
    daemon_threads = True
    wedged = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """One scrape."""

    def do_GET(self) -> None:
        """Answer, or say nothing for a minute."""
        if Pages.wedged.is_set():
            time.sleep(60)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def of_process(pid: int, field: str) -> int:
    """A number of /proc/PID/status."""
    return int(Path(f"/proc/{pid}/status").read_text().split(f"{field}:")[1].split()[0])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def up(services: int, pages: int, folder: Path) -> Iterator[tuple[str, int]]:
    """A burnline over so many services: its address and its process."""
    files = folder / "services"
    files.mkdir()
    for number in range(services):
        (files / f"{number}.yaml").write_text(SERVICE.format(number=number, port=pages))
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "burnline", "up", str(files), "--port", str(port)]
    argv += ["--database", f"sqlite:///{folder}/b.db"]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + READY_SECONDS
        while not ready(url):
            if child.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"burnline did not start over {services} services")
            time.sleep(0.2)
        yield url, child.pid
    finally:
        child.terminate()
        child.wait(60)


def ready(url: str) -> bool:
    """Whether it answers."""
    try:
        return httpx.get(f"{url}/healthz", timeout=2).is_success
    except httpx.HTTPError:
        return False


def measure(services: int, pages: int) -> float:
    """Print one size, and return its resident memory in MiB."""
    Pages.wedged.clear()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with up(services, pages, Path(folder)) as (url, pid):
            began, spent = time.perf_counter() - start, cpu_seconds(pid)
            time.sleep(SETTLE_SECONDS)
            before = cpu_seconds(pid)
            time.sleep(SETTLE_SECONDS)
            share = (cpu_seconds(pid) - before) / SETTLE_SECONDS
            resident = of_process(pid, "VmRSS") / 1024
            took, size = page(url)
            print(f"{services:,} services: ready in {began:.1f} s ({spent:.1f} s of CPU)", end=", ")
            print(f"{resident:.0f} MiB resident, at most", end=" ")
            print(f"{of_process(pid, 'VmHWM') / 1024:.0f}, {of_process(pid, 'Threads')} threads, {share:.0%} of a core")
            print(f"  /metrics: {size / 1e6:.2f} MB in {took * 1000:.0f} ms", end="; ")
            Pages.wedged.set()
            time.sleep(20)
            took, _ = page(url)
            print(f"while every source hangs: {took * 1000:.0f} ms, {of_process(pid, 'Threads')} threads")
    return resident


def page(url: str) -> tuple[float, int]:
    """Seconds of the quickest of three scrapes, and the size."""
    taken, size = [], 0
    for _ in range(3):
        start = time.perf_counter()
        size = len(httpx.get(f"{url}/metrics", timeout=30).content)
        taken.append(time.perf_counter() - start)
    return min(taken), size


def main(sizes: list[int]) -> None:
    """Measure and print."""
    server = Pages(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = {size: measure(size, server.server_address[1]) for size in sizes}
    least, most = min(found), max(found)
    if most > least:
        print(f"{(found[most] - found[least]) / (most - least) * 1000:.0f} MiB for each 1,000 services")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1, 1_000])
