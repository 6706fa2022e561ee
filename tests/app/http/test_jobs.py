"""Jobs: every event counted once, runs that never end noticed, what they delivered on /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.app import wiring
from burnline.collectors.jobs.runs import JobWatch
from burnline.settings import Settings
from burnline.store import series
from tests.app.scenes import Client

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SERVICE = """
apiVersion: burnline/v1
service: shop
owner: shop-ml
jobs:
  train: {max_duration: 6h, record: flag}
  release-train: {record: required}
  backup: {every: 1d}
  sweep: {overlap: true}
  offline: {}
  online: {behind: offline}
slos:
  - name: backup-age
    objective: 99%
    window: 30d
    sli: {freshness: {timestamp: 'burnline_job_last_success_timestamp_seconds{job="backup"}', max_age: 26h}}
  - name: training
    objective: 95%
    window: 30d
    sli: {ratio: {bad: burnline_job_failed_total, total: burnline_job_ended_total}}
"""


class Door:
    """The application at a time that the test sets."""

    def __init__(self, app: wiring.App) -> None:
        self.app, self.now = app, NOON
        app.clock = lambda: self.now
        self.client = Client(app)

    def post(self, job: str, run: str, event: str, **more: Any) -> Any:
        body = {"service": "shop", "job": job, "run": run, "event": event, **more}
        return self.client.post("/v1/jobs", json=body)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def watch(self) -> None:
        JobWatch(self.app.db, self.app.specs).run_once(self.now)

    def page(self) -> dict[str, float]:
        """The series of jobs at /metrics, without the label of the service."""
        self.app.collect(self.now)
        self.later(seconds=16)
        lines = self.client.get("/metrics").text.splitlines()
        found = [line.rsplit(" ", 1) for line in lines if line.startswith("burnline_job_") and 'service="shop"' in line]
        return {name.replace(',service="shop"', ""): float(value) for name, value in found}


@contextmanager
def opened(folder: Path) -> Iterator[Door]:
    (folder / "shop.yaml").write_text(SERVICE)
    app = wiring.build(Settings(services=folder / "shop.yaml", database=f"sqlite:///{folder}/burnline.db"))
    yield Door(app)
    app.db.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door that everything here is refused at."""
    with opened(tmp_path_factory.mktemp("shut")) as made:
        yield made


def counts(door: Door, job: str) -> dict[str, float]:
    with door.app.db.read() as tx:
        found = [each for each in series.samples(tx, "shop") if each.labels.get("job") == job and each.value]
    short = [(each.name.removeprefix("burnline_job_"), each) for each in found if "_bucket" not in each.name]
    return {name + (f" {each.labels['reason']}" if "reason" in each.labels else ""): each.value for name, each in short}


def test_a_run_is_counted_with_what_it_used_and_moved(door: Door) -> None:
    door.post("train", "1", "started", waited_seconds=90, gpus=4)
    door.later(minutes=10)
    answer = door.post(
        "train", "1", "finished", rows_in=1000, rows_out=990, rejected=10, schema_violations=3, retries={"timeout": 2}
    )

    assert answer.json()["state"] == "finished"
    assert counts(door, "train") == {
        "started_total": 1,
        "finished_total": 1,
        "ended_total": 1,
        "gpu_seconds_total": 2400,
        "waiting_seconds_count": 1,
        "waiting_seconds_sum": 90,
        "run_duration_seconds_count": 1,
        "run_duration_seconds_sum": 600,
        "rows_in_total": 1000,
        "rows_out_total": 990,
        "rows_rejected_total": 10,
        "schema_violations_total": 3,
        "retries_total": 2,
    }


def test_an_event_sent_again_counts_once(door: Door) -> None:
    sent = [("1", "started"), ("1", "started"), ("1", "failed"), ("1", "failed"), ("1", "started")]

    accepted = [door.post("train", run, event, rows_in=5).json()["accepted"] for run, event in sent]

    assert accepted == [True, False, True, False, False]
    assert counts(door, "train") == {"started_total": 1, "failed_total error": 1, "ended_total": 1, "rows_in_total": 5}


def test_an_end_that_overtakes_its_start_gives_the_same_counts(door: Door) -> None:
    start = {"at": "2026-01-05T11:00:00Z", "gpus": 2}
    end = {"at": "2026-01-05T11:30:00Z", "rows_out": 7}
    door.post("train", "1", "started", **start)
    door.post("train", "1", "finished", **end)
    door.post("sweep", "1", "finished", **end)
    door.post("sweep", "1", "started", **start)

    ordered = counts(door, "train")

    assert counts(door, "sweep") == ordered
    assert ordered["gpu_seconds_total"] == 3600


def test_a_run_that_never_ends_is_seen_running_and_given_up_after_its_longest_time(door: Door) -> None:
    door.post("train", "1", "started")
    door.later(hours=5)
    running = door.page()
    door.later(hours=2)
    door.watch()

    assert running['burnline_job_running{job="train"}'] == 1
    assert running['burnline_job_oldest_running_seconds{job="train"}'] == 5 * 3600
    assert counts(door, "train") == {"started_total": 1, "failed_total lost": 1, "ended_total": 1}
    assert door.page()['burnline_job_running{job="train"}'] == 0


def test_a_run_may_say_itself_how_long_it_takes_at_most(door: Door) -> None:
    door.post("unknown", "1", "started", max_duration_seconds=120)
    door.later(minutes=3)
    door.watch()

    assert counts(door, "unknown")["failed_total lost"] == 1


def test_the_next_start_shows_that_the_run_before_was_killed(door: Door) -> None:
    door.post("train", "1", "started")
    door.later(hours=1)
    door.post("train", "2", "started")
    door.watch()
    at_once = counts(door, "train")
    door.later(minutes=2)
    door.watch()

    assert "failed_total lost" not in at_once  # its end may be on the way
    assert counts(door, "train")["failed_total lost"] == 1
    assert door.page()['burnline_job_running{job="train"}'] == 1


def test_runs_that_may_overlap_do_not_end_each_other(door: Door) -> None:
    door.post("sweep", "1", "started")
    door.post("sweep", "2", "started")
    door.later(minutes=2)
    door.watch()

    assert door.page()['burnline_job_running{job="sweep"}'] == 2


def test_a_lost_run_that_ends_after_all_is_counted_as_what_it_became(door: Door) -> None:
    door.post("train", "1", "started")
    door.later(hours=7)
    door.watch()
    answer = door.post("train", "1", "finished").json()

    assert (answer["accepted"], answer["state"]) == (True, "finished")
    assert counts(door, "train")["finished_total"] == 1


def test_a_record_that_is_not_whole_is_flagged_and_its_missing_parts_are_named(door: Door) -> None:
    answer = door.post("train", "1", "finished", record={"commit": "abc", "seeds": 0})
    flagged = door.page()
    whole = {"commit": "abc", "data": "s3://x@7", "environment": "img@1", "seeds": 0, "metrics": {"auc": 0.9}}
    answer2 = door.post("train", "2", "finished", record=whole)

    assert answer.json()["warnings"] == ["the record lacks data, environment, metrics"]
    assert flagged['burnline_job_record_complete{job="train"}'] == 0
    assert answer2.json()["warnings"] == []
    assert door.page()['burnline_job_record_complete{job="train"}'] == 1


def test_where_a_record_is_required_a_run_without_it_has_failed(door: Door) -> None:
    answer = door.post("release-train", "1", "finished").json()

    assert answer["state"] == "failed"
    assert counts(door, "release-train") == {"failed_total no_record": 1, "ended_total": 1}
    assert 'burnline_job_last_success_timestamp_seconds{job="release-train"}' not in door.page()


def test_parts_of_a_record_may_come_one_after_the_other(door: Door) -> None:
    door.post("train", "1", "started", record={"commit": "abc", "environment": "img@1", "seeds": [1, 2]})

    answer = door.post("train", "1", "finished", record={"data": {"v": 7}, "metrics": {"auc": 0.9}})

    assert answer.json()["warnings"] == []


def test_an_odd_number_of_rows_shows_once_there_are_five_runs_to_compare_with(door: Door) -> None:
    ratios = []
    for run, rows in enumerate([100, 100, 120, 80, 100, 50, 100]):
        door.post("ingest", str(run), "finished", rows_out=rows)
        ratios.append(door.page().get('burnline_job_rows_ratio{job="ingest"}'))

    assert ratios == [None, None, None, None, None, 0.5, 1.0]


def test_the_columns_with_most_nulls_are_shown(door: Door) -> None:
    door.post("ingest", "1", "finished", nulls={f"c{n}": n / 100 for n in range(30)})

    shown = [name for name in door.page() if name.startswith("burnline_job_nulls_ratio")]

    assert len(shown) == 20
    assert 'burnline_job_nulls_ratio{column="c29",job="ingest"}' in shown


def test_old_news_does_not_replace_newer(door: Door) -> None:
    door.post("ingest", "2", "finished", at="2026-01-05T11:00:00Z", data_as_of="2026-01-05T10:00:00Z", nulls={"a": 0.5})
    door.post("ingest", "1", "finished", at="2026-01-05T09:00:00Z", data_as_of="2026-01-05T08:00:00Z", nulls={"a": 0.1})

    page = door.page()

    assert page['burnline_job_nulls_ratio{column="a",job="ingest"}'] == 0.5
    assert (
        page['burnline_job_last_data_timestamp_seconds{job="ingest"}']
        == datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()
    )


def test_the_online_store_is_compared_with_the_offline_one(door: Door) -> None:
    door.post("offline", "1", "finished", data_as_of="2026-01-05T11:00:00Z")
    door.post("online", "1", "finished", data_as_of="2026-01-05T10:30:00Z")

    assert door.page()['burnline_job_data_lag_seconds{behind="offline",job="online"}'] == 1800


def test_a_job_that_never_ran_is_overdue_all_the_same(door: Door) -> None:
    door.watch()
    in_time = door.page()
    door.later(hours=26)

    overdue = door.page()

    assert in_time['burnline_job_overdue_seconds{job="backup"}'] == 0
    assert overdue['burnline_job_overdue_seconds{job="backup"}'] == pytest.approx(2 * 3600, abs=20)


def test_the_age_of_a_backup_outlives_the_day(door: Door) -> None:
    door.post("backup", "1", "finished")
    door.later(days=9)

    assert door.page()['burnline_job_last_success_timestamp_seconds{job="backup"}'] == NOON.timestamp()


def test_jobs_that_no_file_names_are_counted_up_to_a_number(door: Door) -> None:
    answers = [door.post(f"job-{n}", "1", "finished").json() for n in range(52)]

    assert [bool(answer["warnings"]) for answer in answers] == [False] * 50 + [True] * 2
    assert "50 jobs that its service file does not name" in answers[-1]["warnings"][0]
    assert counts(door, "__other__")["finished_total"] == 2
    assert door.post("backup", "1", "finished").json()["warnings"] == []


def test_labels_tell_runs_apart(door: Door) -> None:
    door.post("train", "1", "finished", labels={"version": "8"})

    assert door.page()['burnline_job_finished_total{job="train",version="8"}'] == 1


def test_the_engine_reads_what_slos_name(door: Door) -> None:
    assert "burnline_job_last_success_timestamp_seconds" in door.app.engine.wanted("shop")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"service": "other"}, 404, "no service is called"),
        (
            {"event": "finishd"},
            422,
            "event: is 'finishd'; accepted: started, running, finished, failed or aborted; did you",
        ),
        ({"job": "__other__"}, 422, "job"),
        ({"job": ""}, 422, "job"),
        ({"run": "x" * 201}, 422, "run"),
        ({"run": "a\0b"}, 422, "NUL"),
        ({"rows_in": -1}, 422, "rows_in"),
        ({"rows_in": "7"}, 422, "rows_in: is '7'; write a whole number"),
        ({"rows_in": 10**30}, 422, "rows_in"),
        ({"gpus": 1e300}, 422, "gpus"),
        ({"nulls": {"a": 1.5}}, 422, "nulls.a"),
        ({"retries": {"a b": 1}}, 422, "retries"),
        (
            {"record": {"seed": 1}},
            422,
            "record.seed: is no key here; accepted: commit, data, environment, metrics or seeds; did",
        ),
        ({"at": "2026-01-05T12:00:00"}, 422, "at: is '2026-01-05T12:00:00'; write the time zone too"),
        ({"at": "noon"}, 422, "at: is 'noon'; write a time like 2026-01-05T12:00:00Z"),
        ({"at": "2026-01-05T13:00:00Z"}, 422, "at: 2026-01-05T13:00:00+00:00 is in the future"),
        ({"data_as_of": "2027-01-05T13:00:00Z"}, 422, "data_as_of"),
        ({"reason": "because", "event": "failed"}, 422, "reason"),
        ({"reason": "error", "event": "finished"}, 422, "only a run that failed has one"),
        ({"labels": {"reason": "x"}}, 422, "labels.reason: is set by burnline"),
        ({"labels": {"number": "x"}}, 422, "labels.number: is set by burnline"),
        ({"labels": {"__name__": "x"}}, 422, "labels.__name__: is set by burnline"),
        ({"row_in": 1}, 422, "row_in: is no key here; accepted: at, data_as_of,"),
        ({"record": {"data": 5}}, 422, "record.data: is 5; write text, a list or a mapping"),
        ({"record": {"data": {"a": [1]}}}, 422, "record.data.a: is a list; write text, a number or true or false"),
    ],
)
def test_what_cannot_be_kept_is_told(shut: Door, body: dict[str, Any], status: int, words: str) -> None:
    answer = shut.client.post(
        "/v1/jobs", json={"service": "shop", "job": "train", "run": "1", "event": "finished", **body}
    )

    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert counts(shut, "train") == {}


@pytest.mark.parametrize(("number", "status"), [("NaN", 400), ("-Infinity", 400), ("1e999", 422), ("9" * 5000, 400)])
def test_what_is_no_number_is_refused(shut: Door, number: str, status: int) -> None:
    body = f'{{"service": "shop", "job": "train", "run": "1", "event": "finished", "gpus": {number}}}'

    answer = shut.client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status


def test_an_old_event_is_not_given_up_before_its_end_can_arrive(door: Door) -> None:
    door.post("train", "1", "started", at="2025-12-01T00:00:00Z")
    door.watch()
    door.post("train", "1", "finished", at="2025-12-01T01:00:00Z")

    assert counts(door, "train")["run_duration_seconds_sum"] == 3600
    assert "failed_total lost" not in counts(door, "train")
