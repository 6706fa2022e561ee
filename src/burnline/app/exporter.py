"""`burnline exporter NAME`: one collector alone as a small process, read when it is scraped.

Served by uvicorn, as `burnline up` is: the standard library's server has no deadline for a client that says nothing.
"""

from __future__ import annotations

import asyncio
import html
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from burnline import __version__
from burnline.app.server import address_of, make_server, stop_on_signals, take
from burnline.collectors.budget import Budget
from burnline.collectors.contract import Closeable, Collector
from burnline.collectors.exposition import Turns, register
from burnline.collectors.reasons import TIMEOUT, reason_of
from burnline.errors import BurnlineError, NoData
from burnline.events import Collection, Sample
from burnline.exposition.negotiate import choose_format, compress
from burnline.exposition.parts import SCRAPE_TIMEOUT, Answer, Part, TooSlow, gather, seconds_for
from burnline.exposition.renderer import Renderer
from burnline.telemetry import setup_logging

log = logging.getLogger("burnline")

PORTS = {"host": 8610, "gpu": 8611, "queues": 8612, "pages": 8613}
INTERVAL = timedelta(seconds=15)  # what a collector is told to expect; the scraper decides
PORT_END = 65536
MOST_PAGES = 16  # at once: whoever scrapes on while a source hangs must not fill memory
HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


def run_exporter(name: str, services: Path | None, listen: str, web_config: Path | None) -> None:
    """Serve one kind of collector until stopped.

    Raises: BurnlineError, SpecError before anything is served.
    """
    stop_on_signals()
    setup_logging(sys.stderr)
    collectors = collectors_of(name, services)
    host, port = place(listen or f"127.0.0.1:{PORTS[name]}")
    exporter = Exporter(name, collectors)
    app: Any = exporter
    tls = None
    if web_config is not None:
        from burnline.app.web.access import WebAccess  # needs pydantic: half the memory of an exporter
        from burnline.app.web.guard import Guard

        access = WebAccess(web_config)
        app, tls = Guard(exporter, access), access.tls
    with take(host, port, "--listen") as address:
        scheme = "http" if tls is None else "https"
        log.info("exporter up", extra={"exporter": name, "url": f"{scheme}://{address_of(host, port)}/metrics"})
        try:
            make_server(app, tls).run([address])
        finally:
            exporter.close()


def place(listen: str) -> tuple[str, int]:
    """The host and the port of `127.0.0.1:8611`, `[::1]:8611` or `:8611`, which is every address of this host.

    Raises: BurnlineError.
    """
    host, colon, port = listen.rpartition(":")
    bare = ":" in host and not (host.startswith("[") and host.endswith("]"))  # ::1 could be an address or a port
    if not colon or bare or not (port.isascii() and port.isdigit() and 0 < int(port) < PORT_END):
        raise BurnlineError(f"--listen {listen!r}: write an address and a port, as in 127.0.0.1:8611 or :8611")
    return host.removeprefix("[").removesuffix("]") or "::", int(port)


def collectors_of(name: str, services: Path | None) -> list[Collector]:
    """The collectors of that kind; `queues` and `pages` are those of service files, and `host` may be.

    Raises: BurnlineError for a name that is none, or a file that holds nothing of the kind.
    """
    if name == "host" and services is None:
        from burnline.collectors.host import HostCollector

        return [HostCollector(interval=INTERVAL)]
    if name == "gpu":
        from burnline.collectors.gpu import amd
        from burnline.collectors.gpu.collector import GpuCollector

        more: list[Collector] = [amd.AmdCollector(interval=INTERVAL)] if amd.is_present() else []
        return [GpuCollector(interval=INTERVAL), *more]
    if name not in PORTS:
        raise BurnlineError(f"there is no exporter {name!r}; there are {', '.join(PORTS)}")
    if services is None:
        raise BurnlineError(f"burnline exporter {name} reads what service files name: write a file or a folder of them")
    found = _of_services(name, services)
    if not found:
        raise BurnlineError(f"{services} names no {name}: nothing to export")
    return found


def _of_services(name: str, services: Path) -> list[Collector]:
    from burnline.spec.load import load_services

    if name == "queues":  # without what the others need
        from burnline.collectors.queues.build import watch
        from burnline.spec.queue import QueueSpec

        items = [(spec.service, item) for spec in load_services(services) for item in spec.collect]
        return [watch(service, item.queue) for service, item in items if isinstance(item, QueueSpec)]
    from burnline.collectors.build import build_all
    from burnline.collectors.scrape import Scraper

    every = build_all(load_services(services), lambda _: frozenset())
    if name == "host":
        return [each for each in every if each.name == name and not each.service]
    return [each for each in every if isinstance(each, Scraper)]


class Exporter:
    """The ASGI application: /metrics, /healthz and a page that says what this is."""

    def __init__(self, name: str, collectors: Sequence[Collector]) -> None:
        self._name, self._collectors = name, collectors
        self._budgets = [Budget() for _ in collectors]
        reads = zip(collectors, self._budgets, strict=True)
        self._idle: set[tuple[str, str]] = set()
        self._parts = [Part(each.name, partial(_read, each, budget, self._idle)) for each, budget in reads]
        self._latest: dict[tuple[str, str, bool], Collection] = {}
        self._turns, self._renderer = Turns(), Renderer(register())
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._pages = 0

    def close(self) -> None:
        """Let go of what the collectors hold open."""
        for each in self._collectors:
            if isinstance(each, Closeable):
                each.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        status, headers, body = await self._answer(scope)
        length = (b"content-length", str(len(body)).encode())
        told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": [*told, length, *HEADERS]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Any) -> tuple[int, Mapping[str, str], bytes]:
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        if scope["method"] not in ("GET", "HEAD"):
            return 405, {**plain, "Allow": "GET, HEAD"}, b"only GET and HEAD\n"
        if scope["path"] == "/healthz":
            return 200, plain, b"ok\n"
        if scope["path"] == "/":
            return 200, {"Content-Type": "text/html; charset=utf-8"}, _landing_page(self._name).encode()
        if scope["path"] != "/metrics":
            return 404, plain, b"nothing is here; /metrics is\n"
        if self._pages >= MOST_PAGES:
            return 503, plain, b"too many scrapes at once\n"
        self._pages += 1
        try:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            return await _beside(lambda: self.page(headers))
        finally:
            self._pages -= 1

    def page(self, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """Read everything, by the scraper's own deadline, and write it as it was asked for."""
        now = datetime.now(UTC)
        answers = gather(self._parts, seconds_for(headers.get(SCRAPE_TIMEOUT, "")))
        for collector, answer, budget in zip(self._collectors, answers, self._budgets, strict=True):
            turn = replace(_turn(collector, answer, now), beyond_budget=budget.beyond)
            self._latest[turn.service, turn.collector, turn.ok] = turn
        form = choose_format(headers.get("accept", ""))
        sources = self._turns.sources(list(self._latest.values()))
        page = self._renderer.render(form, self._registry.collect(), sources)
        body, about = compress(page, headers.get("accept-encoding", ""))
        return 200, {**about, "Content-Type": form.content_type}, body


def _read(collector: Collector, budget: Budget, idle: set[tuple[str, str]]) -> tuple[Sample, ...] | None:
    """None when there is nothing to read, which is no failure; `idle` are those of which the log says so already."""
    key = collector.service, collector.name
    try:
        given = collector.collect(datetime.now(UTC))
    except NoData as error:
        if key not in idle:
            idle.add(key)
            log.warning("nothing to read", extra={"collector": collector.name, "error": str(error)})
        return None
    idle.discard(key)
    return budget.fit(given) if collector.measured else tuple(given)


def _turn(collector: Collector, answer: Answer[tuple[Sample, ...] | None], now: datetime) -> Collection:
    reason = "" if answer.error is None else TIMEOUT if isinstance(answer.error, TooSlow) else reason_of(answer.error)
    return Collection(
        service=collector.service,
        collector=collector.name,
        target=collector.target,
        at=now,
        duration_seconds=answer.seconds,
        ok=answer.ok,
        samples=answer.given or (),
        error="" if answer.error is None else str(answer.error),
        nothing=answer.ok and answer.given is None,
        measured=collector.measured,
        made=getattr(collector, "made", frozenset()),
        reason=reason,
    )


async def _beside(work: Callable[[], tuple[int, Mapping[str, str], bytes]]) -> tuple[int, Mapping[str, str], bytes]:
    """Do it on a daemon thread: a pool would keep the process from ending while a source hangs."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[int, Mapping[str, str], bytes]] = loop.create_future()

    def finish(result: Any, error: Exception | None) -> None:
        if not future.done():
            future.set_exception(error) if error else future.set_result(result)

    def run() -> None:
        try:
            result, error = work(), None
        except Exception as raised:  # noqa: BLE001 - belongs to whoever waits
            result, error = None, raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, daemon=True, name="scrape").start()
    return await future


async def _live(receive: Any, send: Any) -> None:
    """The start and the end of the server, for neither of which there is anything to do."""
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


def _landing_page(name: str) -> str:
    title = html.escape(f"burnline exporter {name}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
        f'<p>burnline {__version__}: <a href="/metrics">metrics</a>, <a href="/healthz">health</a></p></html>\n'
    )
