"""/metrics: every declared name is there, and neither a failing part nor a hostile label costs the page."""

from __future__ import annotations

import gzip
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from burnline import metrics
from burnline.alerting.alertmanager import Alertmanager
from burnline.alerting.places import Places
from burnline.alerting.reconcile import Reconciler
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.events import Collection, Sample
from burnline.metrics.measured import HISTOGRAMS, SUMMARIES
from burnline.metrics.register import MEASURED, host
from burnline.spec.service import PolicyStep
from tests.alerting.bodies import alert, webhook
from tests.alerting.sources import FakeAlertmanager
from tests.app.serving import serving
from tests.flow.world import World, world
from tests.programs import program

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
RULES_ONLY = {metrics.SLO_INFO}  # written by the compiled rules, for their own joins
BY_HOUR = {metrics.FEATURE_EXPECTED, metrics.FEATURE_SLOTS}  # of references by the hour: tests/detectors/test_cells.py
HOSTILE = 'a"b\\c\nd} 1e9\n# TYPE evil counter\u2028\u202e{é'


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world where a bad release was rolled back, and the old one has just become bad too."""
    with world(tmp_path_factory.mktemp("world"), params="{settle: 3s, window: 2s}") as made:
        made.live(70)
        made.service.release("2", made.now)
        made.live(45)
        made.service.bad_versions = {"1"}
        made.live(20)
        made.app._workers = Workers([], made.app.instruments)
        yield made


@pytest.fixture(scope="module")
def url(scene: World) -> Iterator[str]:
    machine = tuple(Sample(name, {"gpu": "0"}, 1.0) for name in MEASURED if name not in HISTOGRAMS | SUMMARIES)
    scene.app.turns["", "broken", "", False] = Collection(
        "", "broken", "", scene.now, 0.1, False, error="10.0.0.7 said no", reason="refused", beyond_budget={"jobs": 7}
    )
    scene.app.instruments.series_folded.labels("scoring", "jobs").inc(7)
    policy = {"budget_policy": (PolicyStep(left=0.5, do="notify"),)}  # not in its file: it would be one ticket more
    scene.app.specs = tuple(spec.model_copy(update=policy) for spec in scene.app.specs)
    scene.app.turns["", "machine", "machine", True] = Collection(
        "", "machine", "", scene.now, 0.1, True, machine, measured=True
    )
    with serving(create_app(scene.app)) as url:
        answer = httpx.post(f"{url}/v1/predictions", json={"service": "scoring", "events": [{"features": {}}, 1]})
        assert answer.status_code == 202
        assert httpx.post(f"{url}/v1/alerts", content=b"").status_code == 400
        assert httpx.post(f"{url}/v1/alerts", content=b"poison").status_code == 200
        watchdog = webhook(alert(scene.now, labels={"alertname": "Watchdog"}))
        assert httpx.post(f"{url}/v1/alerts", content=watchdog).status_code == 200
        scene.app.alerts.run_once(scene.now)
        places = Places([FakeAlertmanager("am-1", scene.now).client(), Alertmanager("http://127.0.0.1:9")])
        scene.app.reconciler = Reconciler(scene.app.db, scene.app.alerts, places)
        scene.app.reconciler.run_once(scene.now)
        yield url


def page(url: str, accept: str = "") -> str:
    """The page as text."""
    answer = httpx.get(f"{url}/metrics", headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return answer.text


def samples(text: str) -> dict[str, list[dict[str, str]]]:
    """Per sample name, the labels of each."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in parse_text(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_when_a_watchdog_came_last_is_told_per_sender(url: str) -> None:
    found = samples(page(url))

    assert found[metrics.WATCHDOG_LAST_SEEN] == [{"source": "alertmanager"}]


def openmetrics_of(text: str) -> list[Metric]:
    """The families of a page in OpenMetrics, every rule of which is checked."""
    return list(parse_openmetrics(text))  # type: ignore[no-untyped-call] # the library forgot


def test_every_declared_name_is_exposed(url: str) -> None:
    """Those of things that did not happen (a failed job or scrape) show at least their help."""
    declared = {
        value
        for name, value in vars(metrics).items()
        if name.isupper() and isinstance(value, str) and value.startswith("burnline_")
    }

    text = page(url)

    assert declared - RULES_ONLY - BY_HOUR - set(samples(text)) == set()
    for name in (
        "events_accepted",
        "events_refused",
        "bodies_refused",
        "alerts_received",
        "inbox_dead_letters",
        "runbook_runs",
    ):
        assert f"burnline_{name}_total" in samples(text), name
    for name in ("scrape_errors_total", "worker_duration_seconds", "worker_failures_total", "engine_windows_total"):
        assert f"# HELP burnline_{name} " in text, name


def test_every_name_on_the_page_is_declared(url: str) -> None:
    """The instruments' own names are declared where they are made, in the same file."""
    source = "".join(file.read_text() for file in Path(metrics.__file__).parent.glob("*.py"))

    names = [name for name in samples(page(url)) if name.startswith("burnline_")]

    for name in names:
        whole = re.sub(r"_(created|bucket|sum|count)$", "", name)
        assert f'"{whole}"' in source or f'"{whole}_total"' in source, name


def test_every_metric_says_what_it_is(url: str) -> None:
    for family in parse_text(page(url)):
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram", "summary"), family.name


def test_no_value_is_made_up(url: str) -> None:
    """What is not known has no sample: an alert on it would compare with a lie."""
    assert "NaN" not in page(url)


def test_burnlines_own_process_is_there(url: str) -> None:
    found = samples(page(url))

    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "python_info"):
        assert name in found


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/html,application/xhtml+xml", "text/plain; version=0.0.4"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3", "application/openmetrics"),
        ("nonsense;;;,,q=x", "text/plain; version=0.0.4"),
    ],
)
def test_the_format_is_what_was_asked_for(url: str, accept: str, content_type: str) -> None:
    answer = httpx.get(f"{url}/metrics", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith(content_type)
    assert "charset=utf-8" in answer.headers["content-type"]


def test_both_formats_say_the_same(url: str) -> None:
    openmetrics = {sample.name for family in openmetrics_of(page(url, OPENMETRICS)) for sample in family.samples}

    began = {name for name in openmetrics if name.endswith("_created")}
    assert "burnline_events_accepted_created" in began, "OpenMetrics has a place for when a series began"
    assert openmetrics - began == set(samples(page(url)))


def test_a_part_that_fails_does_not_cost_the_page(
    url: str, scene: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("detectors on fire")

    monkeypatch.setattr(scene.app.detectors, "latest", fail)

    found = samples(page(url))

    assert metrics.SIGNAL_SCORE not in found
    for name in (metrics.SLO_SLI, metrics.COLLECTOR_SUCCESS, metrics.INBOX_ROWS, "process_open_fds"):
        assert name in found
    assert "part of the exposition failed" in caplog.text
    assert metrics.SIGNAL_SCORE not in samples(page(url)), "and it is no different the second time"


def test_a_part_that_hangs_costs_the_deadline_and_is_named(
    url: str, scene: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(scene.app.detectors, "latest", lambda: released.wait() and [])

    answer = httpx.get(f"{url}/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "1"})
    released.set()

    assert 'burnline_exposition_part_success{part="signals"} 0.0\n' in answer.text
    assert 'burnline_exposition_part_success{part="inbox"} 1.0\n' in answer.text
    assert metrics.SIGNAL_SCORE not in samples(answer.text)
    assert metrics.COLLECTOR_SUCCESS in samples(answer.text)
    assert answer.elapsed < timedelta(seconds=5), "its deadline is half a second"


def test_a_page_is_packed_when_that_is_asked_for(url: str) -> None:
    with httpx.stream("GET", f"{url}/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())

    assert answer.headers["content-encoding"] == "gzip"
    assert b"burnline_collector_success" in gzip.decompress(packed)


def test_where_prometheus_records_the_slos_they_are_not_exposed_as_well(
    url: str, scene: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = scene.app.settings.model_copy(update={"prometheus_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(scene.app, "settings", elsewhere)

    found = samples(page(url))

    assert not [name for name in found if name.startswith("burnline_slo_")]
    assert metrics.SIGNAL_SCORE in found


def test_hostile_labels_stay_labels(url: str, scene: World, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Sample(host.FILESYSTEM_SIZE, {"mountpoint": HOSTILE}, 7.0)
    turn = Collection("", "host", "", scene.now + timedelta(seconds=1), 0.1, True, (disk,), measured=True)
    monkeypatch.setitem(scene.app.turns, ("", "hostile", "", True), turn)

    text, openmetrics = page(url), page(url, OPENMETRICS)

    assert {"mountpoint": HOSTILE} in samples(text)[host.FILESYSTEM_SIZE]
    assert "\n# TYPE evil" not in text
    assert "\n# TYPE evil" not in openmetrics
    assert openmetrics_of(openmetrics)


@pytest.mark.integration
def test_promtool_finds_nothing_to_complain_of(url: str) -> None:
    found = subprocess.run(
        [program("promtool"), "check", "metrics"], input=page(url), capture_output=True, text=True, check=False
    )

    assert (found.returncode, found.stdout + found.stderr) == (0, "")
