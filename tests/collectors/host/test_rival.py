"""The host gives way to a node_exporter of the same machine, says so, and comes back when it is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from burnline.collectors.build import build_all
from burnline.collectors.contract import Closeable, Collector
from burnline.collectors.host.collector import HostCollector
from burnline.collectors.host.rival import Page, Rival
from burnline.collectors.runner import Runner
from burnline.errors import NoData
from burnline.metrics import host as names
from burnline.spec.service import ServiceSpec
from tests.collectors.host.tree import collector, values, write
from tests.programs import free_port, program, running

URL = "http://node:9100/metrics"
OURS = """\
# TYPE node_boot_time_seconds gauge
node_boot_time_seconds 1.795647416e+09
node_context_switches_total 1.95e+06
"""
OTHERS = OURS.replace("1.795647416e+09", "1.795640000e+09")
SECOND = timedelta(seconds=1)


def page(*, named: bool = False) -> Page:
    return Page(URL, timedelta(seconds=15), named)


def rival(tree: Path, *pages: Page) -> Rival:
    return Rival(proc=tree / "proc", pages=pages)


def test_a_page_of_this_machine_is_known_by_when_it_started(tree: Path, now: datetime) -> None:
    one = rival(tree)

    one.look(page(), OURS, now)

    assert one.speaks(now) == URL


def test_a_page_of_another_machine_changes_nothing(tree: Path, now: datetime) -> None:
    one = rival(tree, page(named=True))

    one.look(page(named=True), OTHERS, now)

    assert one.speaks(now) == ""


@pytest.mark.parametrize("switches", ["1.1e+06", "2.5e+06", "9e+09"])
def test_a_machine_that_was_switched_on_with_this_one_is_another(tree: Path, now: datetime, switches: str) -> None:
    one = rival(tree)

    one.look(page(), OURS.replace("1.95e+06", switches), now)

    assert one.speaks(now) == ""


@pytest.mark.parametrize("text", ["", "up 1\n", "# node_boot_time_seconds 1795647416\n", "node_boot_time_seconds x\n"])
def test_a_page_that_is_not_node_exporters_changes_nothing(tree: Path, now: datetime, text: str) -> None:
    one = rival(tree)

    one.look(page(), text, now)

    assert one.speaks(now) == ""


def test_a_page_the_service_file_calls_so_is_believed_where_it_does_not_say(tree: Path, now: datetime) -> None:
    one = rival(tree, page(named=True))

    one.look(page(named=True), "node_load1 1\n", now)

    assert one.speaks(now) == URL


def test_a_page_that_is_expected_is_waited_for_a_minute(tree: Path, now: datetime) -> None:
    one = rival(tree, page(named=True))

    assert one.speaks(now) == URL
    assert one.speaks(now + 59 * SECOND) == URL
    assert one.speaks(now + 60 * SECOND) == ""


def test_a_page_that_stops_is_forgotten_after_some_turns(tree: Path, now: datetime) -> None:
    one = rival(tree, page(named=True))
    one.look(page(named=True), OURS, now)

    assert one.speaks(now + 105 * SECOND) == URL
    assert one.speaks(now + 106 * SECOND) == ""


def test_the_host_says_once_in_the_log_and_on_its_state_who_tells_it(
    tree: Path, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one = rival(tree, page(named=True))
    host = collector(tree, rival=one)
    one.look(page(named=True), OURS, now)

    for _ in range(2):
        with pytest.raises(NoData, match="node_exporter of this machine"):
            host.collect(now)

    assert [record.message for record in caplog.records] == ["the host is told by its node_exporter"]
    assert host.notes[0].startswith(f"off while {URL} is scraped: ")


def test_the_host_is_read_again_when_the_page_is_gone(
    tree: Path, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one = rival(tree, page(named=True))
    host = collector(tree, rival=one)
    one.look(page(named=True), OURS, now)
    with pytest.raises(NoData):
        host.collect(now)

    samples = host.collect(now + timedelta(minutes=5))

    assert values(samples, names.CPUS) == {(): 2}
    assert host.notes == ()
    assert caplog.records[-1].message == "the host is read again"


def test_without_a_proc_of_its_own_no_page_is_taken_for_this_machine(tmp_path: Path, now: datetime) -> None:
    one = rival(tmp_path)

    one.look(page(), OURS, now)

    assert one.speaks(now) == ""


def test_a_container_compares_with_the_host_it_is_told_to_read(tree: Path, now: datetime) -> None:
    write(tree, {"proc/stat": "cpu  1\nbtime 1\n"})
    one = rival(tree)

    one.look(page(), OURS, now)

    assert one.speaks(now) == ""


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := free_port())}/metrics"
    argv = [program("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    with running(argv, log=tmp_path_factory.mktemp("node") / "log", url=url):
        yield url


@pytest.fixture
def built() -> Iterator[list[Collector]]:
    collectors: list[Collector] = []
    yield collectors
    for each in collectors:
        if isinstance(each, Closeable):
            each.close()


@pytest.mark.integration
@pytest.mark.parametrize("profile", ["node-exporter", "http"])
def test_the_host_is_off_where_its_node_exporter_is_scraped(
    exporter: str, built: list[Collector], now: datetime, profile: str
) -> None:
    httpx.get(exporter, trust_env=False)
    collect = ["host", {"url": exporter, "profile": profile}]
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "collect": collect}
    built += build_all([ServiceSpec.model_validate(body)], lambda _: frozenset())
    runner = Runner(built, deadline=timedelta(seconds=10))

    first = runner.run_once(now)
    second = runner.run_once(now + timedelta(seconds=15))

    states = {turn.collector: turn for turn in [*first, *second]}
    assert states["host"].nothing
    assert states["host"].ok
    assert exporter in states["host"].notes[0]
    made = {sample.name for sample in states[profile].samples}
    assert (names.MEMORY_SIZE in made) == (profile == "node-exporter")


def test_where_nobody_asks_for_the_host_pages_are_not_looked_at(built: list[Collector]) -> None:
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "collect": [{"url": URL}]}

    built += build_all([ServiceSpec.model_validate(body)], lambda _: frozenset())

    assert [each.name for each in built] == ["http"]


def test_the_places_of_the_service_file_are_read(tree: Path, built: list[Collector], now: datetime) -> None:
    places = {
        "proc": f"{tree}/proc",
        "sys": f"{tree}/sys",
        "root": "/",
        "cgroups": ["/burnline.slice/burnline.service"],
    }
    collect = ["host"], [{"host": places}]
    specs = [
        ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": name, "owner": "team", "collect": items})
        for name, items in zip(("a", "b"), collect, strict=True)
    ]

    built += build_all(specs, lambda _: frozenset())

    (host,) = built
    assert isinstance(host, HostCollector)
    samples = host.collect(now)
    assert values(samples, names.BOOT) == {(): 1795647416}
    assert values(samples, names.CGROUP_TASKS, "cgroup")["/burnline.slice/burnline.service",] == 9
