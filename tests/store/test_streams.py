"""What OTLP keeps, on every database: streams, gauges, fingerprints, and that all of it is forgotten in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from burnline.store import streams
from burnline.store.database import Database
from burnline.store.retention import Retention
from burnline.store.streams import Gauge, Stream
from tests.collectors.otlp.bodies import gauge, histogram, log_body, metric_body, point, span_body, total
from tests.collectors.otlp.scene import NOW, Scene

HOUR = timedelta(hours=1)
SERVER = {"kind": 2, "status": {"code": 2}}
TABLES = ("otlp_stream", "otlp_gauge", "notable_trace", "accepted_key")


def everything(scene: Scene) -> None:
    """One body of each signal, with every kind of metric."""
    buckets: Any = {"count": 2, "sum": 1.5, "bucketCounts": [1, 1], "explicitBounds": [1.0]}
    metrics = (
        total("jobs", point(5, labels={"queue": "\u2603 'a'"})),
        total("open", point(2), monotonic=False, delta=True),
        gauge("depth", point(7.5), point(None, flags=1, labels={"gone": True})),
        histogram("wait", point(**buckets)),
    )
    scene.post("metrics", metric_body("shop", *metrics))
    scene.post("traces", span_body("shop", [SERVER]))
    scene.post("logs", log_body("shop", [{"severityNumber": 9}]))


def rows(db: Database, table: str) -> int:
    with db.read() as tx:
        return int(tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_every_signal_is_kept_on_every_database(any_database: Database) -> None:
    scene = Scene(any_database)

    everything(scene)
    everything(scene)

    found = scene.values()
    assert found["jobs_total{queue=\"\u2603 'a'\"}"] == 5
    assert (found["open"], found["depth"]) == (2, 7.5), "a delta of one time counts once, in whatever body"
    assert found['wait_seconds_bucket{le="+Inf"}'] == 2
    assert found['burnline_otlp_spans_total{kind="server",status="error"}'] == 2
    assert found['burnline_otlp_log_records_total{severity="info"}'] == 1, "the very same body came again"


def test_a_stream_stands_where_it_was_left(any_database: Database) -> None:
    one = Stream("a", 5, {"counts": [1.0, 2.5]}, NOW)

    any_database.write(lambda tx: streams.keep(tx, "shop", [one]))
    any_database.write(lambda tx: streams.keep(tx, "shop", [Stream("a", 2**62, {"counts": []}, NOW + HOUR)]))

    with any_database.read() as tx:
        assert streams.find(tx, "shop", ["a", "b"]) == {"a": Stream("a", 2**62, {"counts": []}, NOW + HOUR)}
        assert streams.find(tx, "cart", ["a"]) == {}
        assert streams.count(tx, "shop") == 1


def test_a_gauge_is_set_moved_and_deleted(any_database: Database) -> None:
    moves = [Gauge("shop", "x", {"a": "1"}, 5.0), Gauge("shop", "x", {"a": "1"}, -2.0, add=True)]
    moves += [Gauge("shop", "y", {}, 1.0), Gauge("shop", "y", {}, None)]

    any_database.write(lambda tx: streams.set_gauges(tx, moves, NOW))

    with any_database.read() as tx:
        found = [(each.name, dict(each.labels), each.value) for each in streams.gauges(tx, "shop", since=NOW)]
        later = streams.gauges(tx, "shop", since=NOW + timedelta(seconds=1))
    assert found == [("x", {"a": "1"}, 3.0)]
    assert later == []


def test_all_of_it_is_forgotten_in_time_and_not_before(any_database: Database) -> None:
    everything(Scene(any_database))
    retention = Retention(any_database)

    retention.run_once(NOW + HOUR / 2)
    early = {table: rows(any_database, table) > 0 for table in TABLES}
    retention.run_once(NOW + 2 * HOUR)
    keys = rows(any_database, "accepted_key")
    retention.run_once(NOW + 25 * HOUR)

    assert all(early.values())
    assert keys == 0
    assert {table: rows(any_database, table) for table in TABLES} == dict.fromkeys(TABLES, 0)
