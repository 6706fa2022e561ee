"""The reader, the compiled rules and a real Prometheus, on a base of one second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from burnline.events import Counts, SloState, SloStatus
from burnline.slo.compiler.rules import render_rules
from burnline.slo.prometheus import PrometheusReader
from tests.programs import free_port, program, running, wait_until
from tests.slo.promtool import service

pytestmark = pytest.mark.integration

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - {{job_name: card-fraud, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""
SLOS = """
- name: availability
  objective: 99%
  window: 12h
  sli: {ratio: {bad: 'requests_total{status="500"}', total: requests_total}}
- {name: latency, objective: 99%, window: 12h, sli: {latency: {histogram: wait_seconds, below: 1s}}}
"""
PER_SCRAPE = 20
SECOND = timedelta(seconds=1)


@dataclass
class Exporter:
    """A service that answers twenty requests between two scrapes; `bad` and `slow` of them badly."""

    port: int = 0
    requests: int = 0
    bad: int = 0
    slow: int = 0
    served: int = 0
    failed: int = 0
    late: int = 0
    gone: bool = False

    def page(self) -> str:
        self.served += self.requests - self.bad
        self.failed += self.bad
        self.late += self.slow
        total = self.served + self.failed
        lines = [f'requests_total{{status="200"}} {self.served}']
        if self.failed:  # a series that never was until it fails, as client libraries have it
            lines.append(f'requests_total{{status="500"}} {self.failed}')
        lines += [f'wait_seconds_bucket{{le="1.0"}} {total - self.late}', f"wait_seconds_count {total}", ""]
        return "\n".join(lines)


@contextmanager
def serving(exporter: Exporter) -> Iterator[Exporter]:
    """The exporter on a loopback port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exporter.page().encode()
            self.send_response(503 if exporter.gone else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    exporter.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield exporter
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def now() -> datetime:
    return datetime.fromtimestamp(time(), UTC)


def test_a_real_prometheus_pages_recovers_and_goes_blind_as_the_reader_says(tmp_path: Path) -> None:
    """Healthy, then every request fails, then well again, then idle, then gone."""
    spec = service(SLOS, collect=[{"url": "http://127.0.0.1:1/metrics", "interval": "1s"}])
    exporter = Exporter(requests=PER_SCRAPE)
    rules, config, log = tmp_path / "rules.yml", tmp_path / "prometheus.yml", tmp_path / "log"
    rules.write_text(render_rules([spec]))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    reader = PrometheusReader(url, [spec])
    argv = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def availability() -> SloStatus:
        return next(status for status in reader.statuses(now()) if status.slo == "availability")

    def until(condition: Callable[[SloStatus], bool]) -> SloStatus:
        seen: list[SloStatus] = []

        def met() -> bool:
            seen.append(availability())
            return condition(seen[-1])

        wait_until(met, process, log=log)
        return seen[-1]  # not read again: what comes a moment later may be something else

    def told(status: SloStatus) -> tuple[float | None, float | None]:
        return status.sli, status.budget_remaining

    with closing(reader), serving(exporter):
        config.write_text(CONFIG.format(rules=rules, port=exporter.port))
        with running(argv, log=log, url=f"{url}/-/ready") as process:
            started = now()
            healthy = until(lambda status: status.counts.total >= 3 * PER_SCRAPE and None not in told(status))
            assert (healthy.state, *told(healthy)) == (SloState.OK, 1, 1)
            assert healthy.burns[0].long_rate == 0

            exporter.bad = PER_SCRAPE
            burning = until(lambda status: status.burns[0].firing)
            assert burning.state is SloState.BREACHED
            assert burning.burns[0].severity == "page"

            exporter.bad = 0
            well = until(lambda status: not status.burns[0].firing)
            rates = [rate for rate in (well.burns[0].long_rate, well.burns[0].short_rate) if rate is not None]
            assert min(rates) <= well.burns[0].factor

            exporter.requests = 0
            until(lambda _: reader.read_sli("card-fraud", "availability", now() - 3 * SECOND, now()) == Counts(0, 0))
            _check_sums(reader, url, exporter, started)

            exporter.gone = True
            blind = until(lambda status: status.state is SloState.UNKNOWN)
            assert blind.cause
            assert reader.read_sli("card-fraud", "availability", started, now()) is None


def _check_sums(reader: PrometheusReader, url: str, exporter: Exporter, started: datetime) -> None:
    """Every event but those of the first scrape is counted once; a busy machine may skip an evaluation."""
    counted = reader.read_sli("card-fraud", "availability", started - timedelta(minutes=1), now())
    slow = reader.read_sli("card-fraud", "latency", started - timedelta(minutes=1), now())
    assert counted is not None
    assert slow is not None
    assert 0.8 * (exporter.served + exporter.failed) <= counted.total <= exporter.served + exporter.failed
    assert 0.8 * exporter.failed <= counted.bad <= exporter.failed
    assert slow.bad == 0
    assert slow.total <= exporter.served + exporter.failed
    if not _evaluations_missed(url):
        assert slow.total == counted.total


def _evaluations_missed(url: str) -> float:
    """How many turns of the rules Prometheus says it skipped: each loses events of one group and not of the other."""
    page = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    name = "prometheus_rule_group_iterations_missed_total"
    return sum(sample.value for family in page for sample in family.samples if sample.name == name)


def test_nothing_is_counted_twice_when_prometheus_was_away(tmp_path: Path) -> None:
    """After a restart it still sees what it recorded before; the period is the sum of what was recorded, each once."""
    spec = service(SLOS, collect=[{"url": "http://127.0.0.1:1/metrics", "interval": "1s"}])
    exporter = Exporter(requests=PER_SCRAPE)
    rules, config, log = tmp_path / "rules.yml", tmp_path / "prometheus.yml", tmp_path / "log"
    rules.write_text(render_rules([spec]))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    own = '{slo="availability",event="total"}'

    def value(expr: str) -> float:
        """As of two seconds ago: every rule has run."""
        asked = {"query": expr, "time": f"{time() - 2:.3f}"}
        found = httpx.post(f"{url}/api/v1/query", data=asked, trust_env=False).json()["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def counts_over(least: float) -> bool:
        return value(f"slo:events:increase_window{own}") > least

    with serving(exporter):
        config.write_text(CONFIG.format(rules=rules, port=exporter.port))
        for least in (5 * PER_SCRAPE, 15 * PER_SCRAPE):
            with running(argv, log=log, url=f"{url}/-/ready") as process:
                wait_until(partial(counts_over, least), process, log=log)
                whole = f"slo:events:increase_window{own} == sum_over_time(slo:events:increase5m{own}[1h])"
                assert value(f"{whole} or on () vector(-1)") > 0
