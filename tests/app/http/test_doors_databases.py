"""Jobs, lineage, security, business and labels on SQLite and PostgreSQL: each is kept once, and read back as it was."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.app import wiring
from burnline.app.wiring import App
from burnline.collectors.jobs.runs import JobWatch
from burnline.collectors.security.door import AskingCollector
from burnline.settings import Settings
from burnline.store import series
from burnline.store.jobs import jobs_of
from tests.app.scenes import Client

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SERVICE = """
apiVersion: burnline/v1
service: shop
owner: shop-ml
business:
  orders: {posted: counter}
  mood: {posted: gauge}
jobs:
  train: {max_duration: 6h}
"""
LINEAGE = {
    "eventTime": "2026-01-05T11:00:00Z",
    "eventType": "COMPLETE",
    "run": {"runId": "1"},
    "job": {"namespace": "shop", "name": "ingest"},
    "inputs": [{"namespace": "s3", "name": "naïve/\U0001f600"}],
}


@pytest.fixture
def app(any_url: str, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "shop.yaml").write_text(SERVICE)
    made = wiring.build(Settings(services=tmp_path / "shop.yaml", database=any_url))
    made.clock = lambda: NOON
    yield made
    made.db.close()


def test_what_is_posted_is_kept_once_and_read_back(app: App) -> None:
    client = Client(app)
    record = {"commit": "ab", "data": {"näme": 1.5, "x": None}, "seeds": [-(2**63), 2**63]}
    run = {"service": "shop", "job": "train", "run": "1"}
    asked = [{"principal": f"p{n}", "count": 2, "inputs": [f"{n}"]} for n in range(60)]
    postings: list[tuple[str, Any]] = [
        ("/v1/jobs", {**run, "event": "started", "at": "2026-01-05T11:00:00Z"}),
        ("/v1/jobs", {**run, "event": "finished", "rows_out": 2**53, "record": record, "nulls": {"a": 0.1}}),
        ("/v1/lineage", LINEAGE),
        ("/v1/business", {"service": "shop", "id": "1", "add": {"orders": 0.1}, "set": {"mood": -1e15}}),
        ("/v1/security", {"service": "shop", "id": "1", "events": [{"kind": "pii", "count": 10**9}], "queries": asked}),
    ]

    answers = [client.post(path, json=body) for _ in range(2) for path, body in postings]

    assert [(answer.status_code, answer.json()["accepted"]) for answer in answers] == [(200, True)] * 5 + [
        (200, False)
    ] * 5
    with app.db.read() as tx:
        found = {
            (each.name.removeprefix("burnline_"), each.labels.get("job")): each.value
            for each in series.samples(tx, "shop")
        }
        jobs = jobs_of(tx, "shop")
    assert found["job_rows_out_total", "train"] == 2**53
    assert found["job_finished_total", "ingest"] == 1
    assert found["business_total", None] == 0.1
    assert found["business_value", None] == -1e15
    assert found["security_events_total", None] == 10**9
    assert jobs["train"].last["record"]["data"] == {"näme": 1.5, "x": None}
    assert jobs["ingest"].last["record"]["data"] == {"s3/naïve/\U0001f600": ""}
    assert AskingCollector(app.db, "shop", interval=timedelta(seconds=15)).collect(NOON)


def test_a_run_that_never_ends_is_given_up(app: App) -> None:
    Client(app).post("/v1/jobs", json={"service": "shop", "job": "train", "run": "1", "event": "started"})
    watch = JobWatch(app.db, app.specs)

    given_up = [watch.run_once(NOON + timedelta(hours=hours)) for hours in (5, 7, 8)]

    assert given_up == [0, 1, 0]


def test_labels_wait_for_their_events_and_hostile_text_is_refused(app: App) -> None:
    client = Client(app)
    labels = [
        {"id": "a", "label": 1},
        {"id": "a", "label": 1},
        {"id": "b\0", "label": 1},
        {"id": "c", "label": "\ud800"},
    ]

    answer = client.post(
        "/v1/labels",
        content=json.dumps({"service": "shop", "labels": labels}),
        headers={"Content-Type": "application/json"},
    )

    body = answer.json()
    assert (answer.status_code, body["refused_count"]) == (202, 1)
    assert (body["refused"][0]["index"], body["refused"][0]["field"]) == (2, "id")
    assert body["waiting"] + body["duplicates"] == 3


HOSTILE: list[tuple[bytes, dict[str, str], set[int]]] = [
    (b"", {}, {400}),
    (b"{", {}, {400}),
    (b"null", {}, {400, 422}),
    (b"[" * 100_000, {}, {400}),
    (b'{"a":' * 50_000, {}, {400}),
    (b'{"service": NaN}', {}, {400}),
    (b'{"service": 1e999}', {}, {400, 422}),
    (b'{"service": ' + b"9" * 5000 + b"}", {}, {400, 422}),
    (b'{"service": "\\ud800"}', {}, {400, 422}),
    (b'{"service": "\\u0000"}', {}, {400, 422}),
    (b'{"\\ud800": 1}', {}, {400, 422}),
    (b'{"service": "shop"}'.decode().encode("utf-16"), {}, {400}),
    (b"\xff\xfe", {}, {400}),
    (b"x", {"content-type": "text/plain"}, {415}),
    (b"{}", {"content-type": "application/json; charset=latin-1"}, {415}),
    (b"{}", {"content-encoding": "br"}, {415}),
    (b"{}", {"content-encoding": "gzip"}, {400}),
    (gzip.compress(b" " * (40 << 20)), {"content-encoding": "gzip"}, {413}),
]


@pytest.mark.parametrize("any_url", ["sqlite"], indirect=True)  # none of them comes as far as the database
@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/lineage", "/v1/business", "/v1/security", "/v1/labels", "/v1/predictions"]
)
def test_hostile_bodies_are_refused_in_words(app: App, path: str) -> None:
    client = Client(app)

    for body, headers, statuses in HOSTILE:
        answer = client.post(path, content=body, headers={"content-type": "application/json", **headers})

        assert answer.status_code in statuses, (body[:40], headers, answer.text)
        assert answer.json()["error"]
        assert "Traceback" not in answer.text
