"""Posted series on every database: they add up, are counted once, and stay few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.events import Sample
from burnline.metrics import answers, events
from burnline.metrics.measured import MOST_VERSIONS, OTHER
from burnline.store import series
from burnline.store.database import Database
from burnline.store.series import Point

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def record(db: Database, *points: Point, at: datetime = NOW) -> int:
    return db.write(lambda tx: series.record(tx, "shop", points, at))


def found(db: Database, since: datetime | None = None) -> list[Sample]:
    with db.read() as tx:
        return series.samples(tx, "shop", since=since)


def test_counters_grow_and_gauges_are_set(any_database: Database) -> None:
    jobs, age = Point("jobs_total", {"ok": "yes"}, 2, add=True), Point("age_seconds", {}, 7)

    record(any_database, jobs, jobs, age)
    record(any_database, jobs, Point("age_seconds", {}, 3))

    assert found(any_database) == [Sample("age_seconds", {}, 3), Sample("jobs_total", {"ok": "yes"}, 6)]


def test_the_order_of_labels_makes_no_other_series(any_database: Database) -> None:
    record(any_database, Point("jobs_total", {"a": "1", "b": "2"}, 1, add=True))
    record(any_database, Point("jobs_total", {"b": "2", "a": "1"}, 1, add=True))

    assert found(any_database) == [Sample("jobs_total", {"a": "1", "b": "2"}, 2)]


def test_an_old_gauge_is_no_longer_served_and_a_counter_is(any_database: Database) -> None:
    record(any_database, Point("jobs_total", {}, 1, add=True), Point("age_seconds", {}, 7))

    assert found(any_database, NOW + timedelta(seconds=1)) == [Sample("jobs_total", {}, 1)]


def test_too_many_series_of_a_name_are_counted_together(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_SERIES", 2)

    folded = record(any_database, *[Point("jobs_total", {"job": f"job-{n}"}, 1, add=True) for n in range(5)])
    record(any_database, Point("jobs_total", {"job": "job-0"}, 1, add=True))

    assert folded == 3
    assert {sample.labels["job"]: sample.value for sample in found(any_database)} == {"job-0": 2, "job-1": 1, OTHER: 3}


def test_of_versions_a_hundred_are_told_apart(any_database: Database) -> None:
    by_build = [Point(events.LABELLED, {"version": f"build-{n:03}"}, 1, add=True) for n in range(MOST_VERSIONS)]
    record(any_database, *by_build)

    later = [Point(events.LABELLED, {"version": version}, 1, add=True) for version in ("build-000", "late", "later")]
    folded = record(any_database, *later)
    kept = {sample.labels["version"]: sample.value for sample in found(any_database)}

    assert folded == 2
    assert len(kept) == MOST_VERSIONS + 1
    assert (kept["build-000"], kept[OTHER]) == (2, 2)


def test_a_histogram_by_version_is_told_apart_whole_or_not_at_all(any_database: Database) -> None:
    bounds = ("10.0", "100.0", "+Inf")

    folded = record(
        any_database,
        *[
            Point(f"{answers.LENGTH}_bucket", {"model": f"build-{n:03}", "le": bound}, 1, add=True)
            for n in range(MOST_VERSIONS + 3)
            for bound in bounds
        ],
    )
    kept = {(sample.labels["model"], sample.labels["le"]): sample.value for sample in found(any_database)}

    assert folded == 3 * len(bounds)
    assert len(kept) == (MOST_VERSIONS + 1) * len(bounds)
    assert [kept[OTHER, bound] for bound in bounds] == [3, 3, 3]


def test_a_key_is_taken_once_at_each_door(any_database: Database) -> None:
    def take(door: str, key: str) -> bool:
        return any_database.write(lambda tx: series.take_key(tx, door, key, NOW))

    assert [take("jobs", "a"), take("jobs", "a"), take("business", "a"), take("jobs", "")] == [True, False, True, True]


def test_what_stood_still_is_forgotten_with_old_keys(any_database: Database) -> None:
    record(any_database, Point("jobs_total", {}, 1, add=True))
    any_database.write(lambda tx: series.take_key(tx, "jobs", "a", NOW))
    later = NOW + timedelta(days=1)

    gone = any_database.write(lambda tx: series.forget(tx, series_before=later, keys_before=later))

    assert gone == 2
    assert found(any_database) == []
