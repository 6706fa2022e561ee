"""A service that declares everything: each of its series is on a panel, and each panel shows some of its series."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import httpx
import pytest

from burnline.app.build import machine_groups
from burnline.collectors.mapping import EXPORTERS, recorded
from burnline.dashboards.given import NAMES, asked, given
from burnline.dashboards.panels import RATE, Panel
from burnline.dashboards.service import ROWS, service_rows
from burnline.metrics import host
from burnline.metrics.register import MEASURED
from burnline.slo.compiler.yaml import dump
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec
from tests.dashboards.full import HEAD, everything, exporters_page, page
from tests.programs import free_port, program, running, wait_until

# On no panel, each with its reason.
SAID_BY_LABELS = "always 1: what it says are its labels, to be joined with others"
EXCEPTIONS = {
    "burnline_gpu_info": SAID_BY_LABELS,
    "burnline_gpu_driver_info": SAID_BY_LABELS,
    "burnline_gpu_mig_instance_info": SAID_BY_LABELS,
    "burnline_host_infiniband_info": SAID_BY_LABELS,
    "burnline_host_nvme_info": SAID_BY_LABELS,
    "burnline_host_nvme_namespace_size_bytes": "what is bought does not change",
    "burnline_host_boot_timestamp_seconds": "a host that started anew is seen by all its other series",
}
MACHINES = ("Saturation", "GPU", "Host in detail", "GPU in detail")
OF_LAST_RULE = host.NUMA_MISSES
EVERYTHING = everything()
PANELS = [panel for row in service_rows(EVERYTHING) for panel in row.panels]
QUERIES = [query for panel in PANELS for query in panel.queries]


def test_a_service_can_declare_all_that_is_measured() -> None:
    assert given(EVERYTHING) == NAMES


def test_whatever_a_service_gives_off_is_on_a_panel() -> None:
    shown = {name for query in QUERIES for name in asked(query.expr)}

    assert set(MEASURED) - shown == set(EXCEPTIONS)


def test_every_row_is_there() -> None:
    assert [row.title for row in service_rows(EVERYTHING)] == list(ROWS)


def test_a_service_that_declares_nothing_has_none_of_these_rows() -> None:
    bare = service_rows(ServiceSpec.model_validate(HEAD))

    assert [row.title for row in bare] == ["Can this page be trusted?"]


def kind(item: object) -> str:
    """What is collected, as a test is called after it."""
    return item.queue.kind if isinstance(item, QueueSpec) else str(getattr(item, "profile", item))


@pytest.mark.parametrize("item", EVERYTHING.collect, ids=kind)
def test_no_panel_asks_for_what_the_file_does_not_give(item: object) -> None:
    spec = ServiceSpec.model_validate({**HEAD, "collect": [item]})

    shown = {name for row in service_rows(spec) for panel in row.panels for name in names(panel)}

    assert shown & NAMES <= given(spec)
    assert given(spec) - shown <= EXCEPTIONS.keys()


def names(panel: Panel) -> set[str]:
    """The measured names that a panel asks for."""
    return {name for query in panel.queries for name in asked(query.expr)}


PAGES = {"/metrics": page, "/exporters": exporters_page}


class Page(BaseHTTPRequestHandler):
    """Pages of all series, whose counters grow by one a second."""

    def do_GET(self) -> None:
        """Answer with the page of now."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(PAGES[self.path](monotonic()).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that has scraped all series a few times, and recorded those of the machine."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "machine.yml").write_text(dump({"groups": machine_groups([EVERYTHING])}))
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield from _prometheus(folder, server.server_address[1])
        server.shutdown()


def _prometheus(folder: Path, page_at: int) -> Iterator[httpx.Client]:
    config = {
        "global": {"scrape_interval": "400ms", "scrape_timeout": "400ms", "evaluation_interval": "400ms"},
        "rule_files": [f"{folder}/machine.yml"],
        "scrape_configs": [
            {
                "job_name": path,
                "metrics_path": path,
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{page_at}"]}],
            }
            for path in PAGES
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # which is YAML
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    last = f'{recorded(OF_LAST_RULE)}{{host="other"}}'
    client = httpx.Client(base_url=url, trust_env=False)
    with client, running(argv, log=folder / "log", url=f"{url}/-/ready") as process:
        wait_until(lambda: bool(ask(client, f"count_over_time({last}[1m]) > 3")), process, log=folder / "log")
        yield client


def ask(prometheus: httpx.Client, expr: str) -> list[dict[str, str]]:
    """The labels of each series that an expression gives now."""
    answer = prometheus.get("/api/v1/query", params={"query": expr.replace(RATE, "15s")}).json()
    assert answer["status"] == "success", (expr, answer)
    return [each["metric"] for each in answer["data"]["result"]]


@pytest.mark.integration
def test_a_real_prometheus_answers_every_query_with_the_labels_of_its_legend(prometheus: httpx.Client) -> None:
    answers = {query: ask(prometheus, query.expr) for query in QUERIES}

    assert [query.expr for query, found in answers.items() if not found] == []
    for query, found in answers.items():
        for label in re.findall(r"{{(\w+)}}", query.legend):
            assert all(label in labels for labels in found), query


@pytest.mark.integration
def test_a_host_that_only_exporters_read_is_on_every_panel_of_machines(prometheus: httpx.Client) -> None:
    collect = [{"url": "http://h:9/metrics", "profile": profile} for profile in EXPORTERS.values()]
    rows = service_rows(ServiceSpec.model_validate({**HEAD, "collect": collect}))
    drawn = [panel for row in rows if row.title in MACHINES for panel in row.panels]

    answers = {
        query.expr: ask(prometheus, re.sub(r"(machine:\w+)(\{)?", of_other, query.expr))
        for panel in drawn
        for query in panel.queries
    }

    assert len(drawn) > 30
    assert [expr for expr, found in answers.items() if not found] == []


def of_other(found: re.Match[str]) -> str:
    """The selector of the host that has exporters alone."""
    return f'{found[1]}{{host="other"' + ("," if found[2] else "}")
