"""When the store fails: 503, nothing kept, and all is well again by itself afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from burnline.store import file
from burnline.store.inbox import ALERTS, PREDICTIONS
from tests.app.still import Still, still

PREDICTION = b'{"service": "ranking", "events": [{"features": {"a": 1}}]}'


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Still]:
    with still(tmp_path) as made:
        yield made


def refused(door: Still) -> None:
    """Every door says 503 and when to come again, tells nothing of the cause, and keeps nothing."""
    run = b'{"service": "ranking", "job": "train", "run": "1", "event": "started"}'
    reported = b'{"service": "ranking", "events": [{"kind": "pii"}]}'
    for answer, path in (
        (door.alert(b"{}" * 5000), "/v1/alerts"),
        (door.predict(PREDICTION), "/v1/predictions"),
        (door.post("/v1/jobs", run, content_type="application/json"), "/v1/jobs"),
        (door.post("/v1/security", reported, content_type="application/json"), "/v1/security"),
    ):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json() == {"error": "the store failed; nothing was kept: send it again"}
        assert door.counted("burnline_bodies_refused_total", door=path, reason="store") == 1


def taken(door: Still) -> None:
    """Both doors keep what they are sent."""
    assert door.alert(b"{}" * 5000).status_code == 200
    assert door.predict(PREDICTION).status_code == 202
    assert len(door.kept(ALERTS)) == len(door.kept(PREDICTIONS)) == 1


def test_a_locked_database_is_503_until_it_is_free(
    door: Still, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(tmp_path / "burnline.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    refused(door)
    other.execute("ROLLBACK")
    other.close()

    taken(door)
    [first, *_others] = [record for record in caplog.records if record.message == "the store failed"]
    assert "locked" in vars(first)["error"], "the cause is in the log"
    assert first.exc_info is None, "without a traceback"


def test_a_full_disk_is_503_until_there_is_room(door: Still) -> None:
    def limit(pages: int) -> None:
        door.app.db.write(lambda tx: tx.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close())

    limit(1)  # SQLite takes the present size for the least
    filled = [door.alert(b"x" * 3000).status_code for _ in range(50)]
    before = len(door.kept(ALERTS))
    answer = door.alert(b"x" * 100_000)

    assert 503 in filled
    assert answer.status_code == 503
    assert len(door.kept(ALERTS)) == before == filled.count(200)

    limit(1_000_000)

    assert door.alert(b"x" * 100_000).status_code == 200
    assert len(door.kept(ALERTS)) == before + 1


def test_readiness_follows_the_store_and_life_does_not(door: Still) -> None:
    assert httpx.get(door.url + "/readyz").status_code == 200

    door.app.db.close()

    assert httpx.get(door.url + "/readyz").status_code == 503
    assert httpx.get(door.url + "/healthz").status_code == 200
    refused(door)


def test_it_is_not_ready_while_the_last_write_failed(door: Still, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "burnline.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    door.alert(b"{}")

    answer = door.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "not ready: the last write failed; the log says why\n")
    other.close()
    assert door.alert(b"{}").status_code == 200
    assert door.get("/readyz").text == "ready\n"


def test_a_database_deleted_under_burnline_is_503_and_not_ready(
    door: Still, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "LOOK_SECONDS", 0.0)
    door.alert(b"{}")
    (tmp_path / "burnline.db").unlink()

    refused(door)

    answer = door.get("/readyz")
    assert answer.status_code == 503
    assert "not ready: database: the file was deleted while burnline runs" in answer.text
    assert door.get("/healthz").status_code == 200


def test_it_is_not_ready_while_a_worker_stands_still(door: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door.app._workers, "late", lambda: "no turn of collect has ended for 40 s")

    answer = door.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "not ready: no turn of collect has ended for 40 s\n")
