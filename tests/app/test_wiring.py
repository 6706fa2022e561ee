"""The parts put together: what is refused before anything runs, and what one part's failure leaves standing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from burnline.alerting.inbox import accept_webhook
from burnline.app.http.exposition import Page
from burnline.app.wiring import App, build
from burnline.collectors.runner import Runner
from burnline.detectors.profile import save_reference
from burnline.errors import CollectorError, SpecError, StoreError
from burnline.events import Collection, Sample, SloState
from burnline.exposition.negotiate import choose_format
from burnline.settings import Settings
from burnline.slo.engine import EmbeddedEngine
from burnline.slo.prometheus import PrometheusReader
from tests.detectors.samples import make_reference
from tests.flow.world import SECOND, World, world

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SERVICE = """
apiVersion: burnline/v1
service: {name}
owner: scoring-ml
escalation: {{page: ["webhook:http://127.0.0.1:9/page"]}}
collect: [{{url: "http://127.0.0.1:9/metrics"}}]
slos:
  - {{name: availability, objective: 99%, window: {window},
     sli: {{ratio: {{bad: errors_total, total: requests_total}}}}}}
"""


def settings(folder: Path, *windows: str, prometheus_url: str = "") -> Settings:
    """Of one service for each window."""
    (folder / "services").mkdir()
    for n, window in enumerate(windows):
        (folder / "services" / f"{n}.yaml").write_text(SERVICE.format(name=f"scoring-{n}", window=window))
    database = f"sqlite:///{folder}/burnline.db"
    return Settings(services=folder / "services", database=database, prometheus_url=prometheus_url)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, params="{settle: 3s, window: 2s}") as made:
        yield made


def intervals(app: App) -> dict[str, timedelta]:
    """Each job's interval by its name."""
    return {worker.name: worker.every for worker in app._workers._workers}


@pytest.mark.parametrize(
    ("windows", "seconds"), [(["30d"], 60), (["12h"], 1), (["30d", "12h"], 1), (["28d", "7d"], 60)]
)
def test_the_shortest_window_says_how_often_is_evaluated(tmp_path: Path, windows: list[str], seconds: int) -> None:
    app = build(settings(tmp_path, *windows))

    assert intervals(app)["evaluate"] == timedelta(seconds=seconds)
    app.stop()


def test_every_worker_is_a_job(tmp_path: Path) -> None:
    app = build(settings(tmp_path, "30d"))

    workers = ["collect", "signals", "evaluate", "alerts", "releases", "people", "drills", "judges", "events", "jobs"]
    assert list(intervals(app)) == [*workers, "retention", "audit", "runs-0", "runs-1", "runs-2", "runs-3"]
    app.stop()


def test_two_workers_of_one_process_have_their_own_names(tmp_path: Path) -> None:
    app = build(settings(tmp_path, "30d"))

    owners = {executor._owner for executor in app.executors}

    assert len(owners) == len(app.executors)
    app.stop()


def test_a_missing_reference_is_told_before_the_database_is_opened(tmp_path: Path) -> None:
    given = settings(tmp_path, "30d")
    file = tmp_path / "services" / "0.yaml"
    file.write_text(file.read_text() + "model: {name: m, reference: nowhere.json}\nsignals: {drift: {window: 10s}}\n")

    with pytest.raises(SpecError, match=r"nowhere\.json"):
        build(given)

    assert not (tmp_path / "burnline.db").exists()


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    given = settings(tmp_path, "30d").model_copy(update={"database": "sqlite:////proc/nowhere/b.db"})

    with pytest.raises(StoreError, match="/proc/nowhere"):
        build(given)


def test_without_a_prometheus_the_embedded_engine_judges(tmp_path: Path) -> None:
    app = build(settings(tmp_path, "30d"))

    app.evaluate(NOW)

    assert isinstance(app.reader, EmbeddedEngine)
    assert [status.state for status in app.statuses(NOW)] == [SloState.UNKNOWN]
    app.stop()


def test_with_a_prometheus_it_is_asked(tmp_path: Path) -> None:
    app = build(settings(tmp_path, "30d", prometheus_url="http://127.0.0.1:9"))

    assert isinstance(app.reader, PrometheusReader)
    app.stop()


def test_features_are_known_from_the_reference_alone(scene: World) -> None:
    assert scene.app.event_rules["scoring"].features == frozenset({"length", "weight"})


def test_a_service_is_found_by_its_name(scene: World) -> None:
    found = scene.app.spec("scoring")

    assert found
    assert found.owner == "scoring-ml"
    assert scene.app.spec("nobody") is None


def test_a_page_that_is_down_is_counted_and_its_last_success_remembered(scene: World) -> None:
    scene.live(3)
    scene.pager.up = False
    scene.live(4)

    labels = {"service": "scoring", "collector": "http"}
    assert scene.app.registry.get_sample_value("burnline_scrape_errors_total", labels) == 4
    [turn] = [turn for turn in scene.app.latest_turns() if turn.collector == "http"]
    assert not turn.ok
    assert "500" in turn.error
    pages = [turn for turn in scene.app.turns.values() if turn.collector == "http"]
    assert {(collection.ok, collection.at) for collection in pages} == {
        (True, scene.now - 4 * SECOND),
        (False, scene.now),
    }


def test_a_collector_that_raises_anything_stops_no_other(scene: World) -> None:
    class Broken:
        service, name, target, interval, measured = "scoring", "broken", "nowhere", SECOND, True

        def collect(self, now: datetime) -> list[Sample]:
            raise ZeroDivisionError if now.second % 2 else CollectorError("no")

    scene.app.runner = Runner(
        [*[slot.collector for slot in scene.app.runner._slots], Broken()], deadline=timedelta(seconds=5)
    )
    scene.live(30)

    assert scene.status("availability").counts.total > 0
    broken = {"service": "scoring", "collector": "broken"}
    assert scene.app.registry.get_sample_value("burnline_scrape_errors_total", broken) == 30


def test_detectors_that_fail_do_not_stop_the_burn_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their turns are apart: what a detector trips over must not blind the pager."""
    with world(tmp_path) as scene:
        failed = threading.Event()

        def fail(_now: datetime) -> int:
            failed.set()
            raise ValueError("a batch nobody foresaw")

        monkeypatch.setattr(scene.app.detectors, "run_once", fail)
        scene.app.__post_init__()
        scene.app.start()
        assert failed.wait(10)
        until = datetime.now(UTC) + timedelta(seconds=10)
        while not scene.app.registry.get_sample_value("burnline_worker_duration_seconds_count", {"worker": "evaluate"}):
            assert datetime.now(UTC) < until

    value = scene.app.registry.get_sample_value
    assert value("burnline_worker_failures_total", {"worker": "signals"})
    assert not value("burnline_worker_failures_total", {"worker": "evaluate"})


def test_a_page_that_the_engine_trips_over_costs_no_other_its_data(
    scene: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Lying:
        service, name, target, interval, measured = "scoring", "lying", "http://lies", SECOND, True

        def collect(self, now: datetime) -> list[Sample]:
            return []

    take = scene.app.engine.observe

    def observe(collection: Collection) -> None:
        if collection.collector == "lying":
            raise OverflowError("cannot convert float infinity to integer")
        take(collection)

    monkeypatch.setattr(scene.app.engine, "observe", observe)
    honest = [slot.collector for slot in scene.app.runner._slots]
    scene.app.runner = Runner([Lying(), *honest], deadline=timedelta(seconds=5))

    scene.live(30)

    assert scene.status("availability").counts.total > 0
    assert (scene.app.registry.get_sample_value("burnline_worker_failures_total", {"worker": "collect"}) or 0) > 20
    told = [record for record in caplog.records if record.message == "collection not taken"]
    assert {vars(record)["target"] for record in told} == {"http://lies"}


def test_engines_and_libraries_that_are_not_here_are_told_at_the_start_and_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = settings(tmp_path, "30d").model_copy(update={"alibi_python": str(tmp_path / "nowhere" / "python")})
    save_reference(make_reference(), tmp_path / "ref.json")
    (tmp_path / "services" / "0.yaml").write_text(
        SERVICE.format(name="scoring", window="30d")
        + f"model: {{name: m, reference: {tmp_path}/ref.json}}\n"
        + "signals:\n  drift: {engine: alibi, window: 10m}\n  custom: {nights: {engine: night-shift, window: 10m}}\n"
    )

    app = build(given)
    app.db.close()

    told = {vars(each)["field"]: vars(each)["problem"] for each in caplog.records if "engine" in each.message}
    assert "alibi-detect cannot run here" in told["signals.drift.engine"]
    assert "BURNLINE_ALIBI_PYTHON" in told["signals.drift.engine"]
    assert "night-shift" in told["signals.custom.nights.engine"]


@pytest.mark.parametrize("verb", ["write", "read"])
def test_burn_rates_are_evaluated_while_the_database_fails(
    scene: World, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    scene.live(20)
    refused = StoreError("database is locked", retryable=True)

    def refuse(*_work: object) -> None:
        raise refused

    with monkeypatch.context() as locked:
        locked.setattr(scene.app.db, verb, refuse)
        for _ in range(20):
            scene.now += SECOND
            scene.service.serve(failing=1.0)
            scene.app.collect(scene.now)
            with pytest.raises(StoreError):
                scene.app.evaluate(scene.now)

        assert scene.status("availability").state is SloState.BREACHED

    scene.live(1, failing=1.0)
    assert [view.service for view in scene.incidents()] == ["scoring"], "it is told as soon as it can be"


def test_a_status_that_is_old_is_no_status(scene: World) -> None:
    scene.live(20)
    assert scene.status("availability").state is SloState.OK

    scene.now += 16 * SECOND
    status = scene.status("availability")

    assert status.state is SloState.UNKNOWN
    assert status.cause.startswith("burnline has not evaluated since")
    page = Page(scene.app).write(choose_format("")).decode()
    assert 'burnline_slo_state{service="scoring",slo="availability",state="ok"} 0.0\n' in page


def test_a_second_burnline_on_the_same_file_is_refused(tmp_path: Path) -> None:
    given = settings(tmp_path, "30d")
    first = build(given)

    with pytest.raises(StoreError, match="another burnline works on this file"):
        build(given)

    first.stop()


def test_stopping_twice_is_nothing_special(tmp_path: Path) -> None:
    app = build(settings(tmp_path, "30d"))
    app.start()

    app.stop()
    app.stop()


def test_what_was_acknowledged_before_the_stop_is_there_after_the_start(tmp_path: Path) -> None:
    given = settings(tmp_path, "30d")
    first = build(given)
    first.start()
    body = json.dumps({"version": "4", "alerts": []}).encode()
    now = datetime.now(UTC)  # what is older than a week goes away at the start
    row = accept_webhook(first.db, body, source="alertmanager", now=now, limit_bytes=10**6)
    first.stop()

    second = build(given)

    with second.db.read() as tx:
        assert tx.exec_driver_sql(f"SELECT body FROM inbox WHERE id = {row}").scalar_one() == body
    second.stop()
