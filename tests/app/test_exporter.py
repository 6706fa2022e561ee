"""`burnline exporter`: one collector as a small process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from burnline.app.exporter import PORTS, Exporter, collectors_of, place
from burnline.app.server import make_server, take
from burnline.collectors.contract import Collector
from burnline.errors import BurnlineError, CollectorError, NoData
from burnline.events import Sample
from burnline.metrics.register import gpu, host
from tests.app.conftest import Cli
from tests.programs import free_port, running, wait_until

EXPORTER = [sys.executable, "-m", "burnline", "exporter"]
HEAVY = {"sqlalchemy", "fastapi", "starlette", "numpy", "alembic", "opentelemetry", "grafanalib", "apscheduler"}
DOCS = Path(__file__).parents[2] / "docs/exposition.md"


class Source:
    """A collector of one sample, or of a failure."""

    service = ""
    target = "memory"
    interval = timedelta(seconds=15)
    measured = True

    def __init__(self, name: str, *samples: Sample, error: Exception | None = None) -> None:
        self.name, self.samples, self.error = name, samples, error
        self.released = threading.Event()
        self.released.set()
        self.turns = 0
        self.closed = False

    def collect(self, now: datetime) -> Sequence[Sample]:
        self.turns += 1
        self.released.wait()
        if self.error:
            raise self.error
        return self.samples

    def close(self) -> None:
        self.closed = True


@contextmanager
def served(*collectors: Collector) -> Iterator[str]:
    """An exporter of these, where it is served."""
    port = free_port()
    server = make_server(Exporter("test", collectors))
    thread = threading.Thread(target=server.run, args=([take("127.0.0.1", port, "")],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def values(text: str) -> dict[tuple[str, str], float]:
    """By name and collector (or any other label)."""
    found = {}
    for family in parse_text(text):
        for sample in family.samples:
            labels = sample.labels
            about = labels.get("collector") or next((value for value in labels.values() if value), "")
            found[sample.name, f"{about} {labels['reason']}" if "reason" in labels else about] = sample.value
    return found


def test_every_scrape_reads_anew() -> None:
    source = Source("one", Sample(host.CPUS, {}, 4.0))
    with served(source) as url:
        for _ in range(3):
            found = values(httpx.get(f"{url}/metrics").text)

    assert source.turns == 3
    assert found[host.CPUS, ""] == 4
    assert found["burnline_collector_success", "one"] == 1
    assert found["burnline_collector_samples", "one"] == 1
    assert ("process_resident_memory_bytes", "") in found


def test_a_failing_collector_is_named_and_costs_no_other() -> None:
    broken = Source("broken", error=CollectorError("10.0.0.7: connection refused"))
    nothing, bug = Source("nothing", error=NoData("no GPU")), Source("bug", error=ZeroDivisionError())
    with served(broken, nothing, bug, Source("well", Sample(host.CPUS, {}, 4.0))) as url:
        text = httpx.get(f"{url}/metrics").text

    found = values(text)
    success = {name: found["burnline_collector_success", name] for name in ("broken", "nothing", "bug", "well")}
    assert success == {"broken": 0, "nothing": 1, "bug": 0, "well": 1}
    assert found["burnline_collector_last_error_info", "broken other"] == 1
    assert found["burnline_collector_last_error_info", "bug bug"] == 1
    assert found[host.CPUS, ""] == 4
    assert "10.0.0.7" not in text


def test_a_wedged_collector_delays_a_scrape_by_its_deadline_and_no_more() -> None:
    wedged = Source("wedged", Sample(host.LOAD, {"window": "1m"}, 1.0))
    wedged.released.clear()
    with served(wedged, Source("well", Sample(host.CPUS, {}, 4.0))) as url:
        answers = [
            httpx.get(f"{url}/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.8"}, timeout=20)
            for _ in range(2)
        ]
        wedged.released.set()
        again = values(httpx.get(f"{url}/metrics").text)

    for answer in answers:
        found = values(answer.text)
        assert timedelta(seconds=0.3) <= answer.elapsed < timedelta(seconds=5)
        assert found["burnline_collector_success", "wedged"] == 0
        assert found["burnline_collector_last_error_info", "wedged timeout"] == 1
        assert (host.LOAD, "1m") not in found
        assert found[host.CPUS, ""] == 4
    assert again["burnline_collector_success", "wedged"] == 1
    assert again[host.LOAD, "1m"] == 1
    assert wedged.turns in (1, 2), "while it hung it was not begun again"


def test_it_speaks_openmetrics_and_gzip() -> None:
    headers = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    with served(Source("one", Sample(host.OOM_KILLS, {}, 2.0))) as url:
        answer = httpx.get(f"{url}/metrics", headers=headers)

    assert answer.headers["content-encoding"] == "gzip"
    names = {family.name for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call] # its own gap
    assert host.OOM_KILLS.removesuffix("_total") in names


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/healthz", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/nothing", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
    ],
)
def test_what_is_there(method: str, path: str, status: int) -> None:
    with served(Source("one")) as url:
        answer = httpx.request(method, url + path)

    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (answer.content == b"") is (method == "HEAD")


def test_the_page_for_people_leads_to_the_metrics() -> None:
    with served(Source("one")) as url:
        text = httpx.get(url).text

    assert '<a href="/metrics">' in text
    assert "burnline exporter test" in text


def test_the_hosts_exporter_is_a_process_that_ends_when_told(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    argv = [*EXPORTER, "host", "--listen", f"127.0.0.1:{port}"]
    with running(argv, log=log, url=f"{url}/healthz") as process:
        found = values(httpx.get(f"{url}/metrics").text)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()

    assert found["burnline_collector_success", "host"] == 1
    assert (host.CPUS, "") in found
    assert "Traceback" not in log.read_text()


def test_the_gpus_exporter_says_that_there_is_none(tmp_path: Path) -> None:
    port = free_port()
    argv = [*EXPORTER, "gpu", "--listen", f"127.0.0.1:{port}"]
    with running(argv, log=tmp_path / "log", url=f"http://127.0.0.1:{port}/healthz"):
        found, again = (values(httpx.get(f"http://127.0.0.1:{port}/metrics").text) for _ in range(2))

    assert found["burnline_collector_success", "gpu"] == again["burnline_collector_success", "gpu"] == 1
    assert ("burnline_collector_samples", "gpu") in found
    told = [line for line in (tmp_path / "log").read_text().splitlines() if "nothing to read" in line]
    assert len(told) == ((gpu.UP, "0") not in found)
    assert all("NVML: " in line for line in told)
    assert (gpu.UP, "0") not in found or found[gpu.UP, "0"] in (0, 1)


def test_it_ends_when_told_even_while_a_collector_hangs(tmp_path: Path) -> None:
    port, script = free_port(), tmp_path / "wedged.py"
    script.write_text(
        textwrap.dedent(f"""
        import threading
        from datetime import timedelta
        from burnline.app import exporter
        class Wedged:
            service, name, target, measured, interval = "", "wedged", "", True, timedelta(seconds=15)
            def collect(self, now):
                threading.Event().wait()
        exporter.collectors_of = lambda name, services: [Wedged()]
        exporter.run_exporter("host", None, "127.0.0.1:{port}", None)
        """)
    )
    log, url = tmp_path / "log", f"http://127.0.0.1:{port}"
    with running([sys.executable, script], log=log, url=f"{url}/healthz") as process:
        scrape = threading.Thread(target=lambda: quiet(f"{url}/metrics"), daemon=True)
        scrape.start()
        wait_until(lambda: "page-wedged" in threads(process.pid) or scrape.is_alive(), process, log=log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == 0, log.read_text()


def quiet(url: str) -> None:
    """Ask; whatever comes of it."""
    try:
        httpx.get(url, timeout=20)
    except httpx.HTTPError:
        return


def threads(pid: int) -> set[str]:
    """The names of a process's threads, as far as the system keeps them."""
    return {path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm")}


def test_an_exporter_loads_nothing_heavy() -> None:
    program = (
        "import sys; from burnline.app.exporter import Exporter, collectors_of; from burnline.app.server import *;"
        "made = Exporter('host', [*collectors_of('host', None), *collectors_of('gpu', None)]);"
        "make_server(made); made.page({}); print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())

    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    ("listen", "found"),
    [
        ("127.0.0.1:8611", ("127.0.0.1", 8611)),
        (":8611", ("::", 8611)),
        ("[::1]:1", ("::1", 1)),
        ("gpu-1.example.com:65535", ("gpu-1.example.com", 65535)),
    ],
)
def test_where_it_listens(listen: str, found: tuple[str, int]) -> None:
    assert place(listen) == found


@pytest.mark.parametrize("listen", ["8611", "127.0.0.1", ":", ":0", ":65536", ":x", ":-1", ":٣", "::1:8611"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(BurnlineError, match=r"write an address and a port, as in 127\.0\.0\.1:8611"):
        place(listen)


GOOD = "apiVersion: burnline/v1\nservice: scoring\nowner: scoring-ml\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("disk",), "there is no exporter 'disk'; there are host, gpu, queues, pages"),
        (("queues",), "burnline exporter queues reads what service files name: write a file or a folder of them"),
        (("queues", "scoring.yaml"), "scoring.yaml names no queues: nothing to export"),
        (("host", "--listen", "8611"), "--listen '8611': write an address and a port"),
        (("host", "--listen", "192.0.2.1:8611"), "cannot listen on 192.0.2.1 port 8611: "),
        (("host", "--web.config.file", "nowhere.yml"), "nowhere.yml: cannot be read"),
        (("pages", "wrong.yaml"), "wrong.yaml:4: colour: is no key here"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("burnline.app.exporter.stop_on_signals", lambda: None)
    monkeypatch.setattr("burnline.app.exporter.setup_logging", lambda _stream: None)
    (tmp_path / "scoring.yaml").write_text(GOOD)
    (tmp_path / "wrong.yaml").write_text(f"{GOOD}colour: red\n")

    code, out, err = cli("exporter", *argv)

    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err


def test_the_collectors_of_service_files_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "scoring.yaml"
    queue = '{queue: {redis_list: jobs, url: "redis://127.0.0.1:6379"}}'
    file.write_text(f"{GOOD}collect: [host, {{url: 'http://127.0.0.1:9/metrics', profile: vllm}}, {queue}]\n")

    (page,), (jobs,) = collectors_of("pages", file), collectors_of("queues", file)

    assert (page.service, page.name) == ("scoring", "vllm")
    assert (jobs.service, jobs.measured) == ("scoring", True)


def test_every_exporter_is_documented_with_its_port() -> None:
    page = DOCS.read_text()

    assert [name for name, port in PORTS.items() if f"| `{name}` | {port} |" not in page] == []
