"""When the store fails: 503, nothing kept, and all is well again by itself afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from burnline.store.inbox import ALERTS, PREDICTIONS
from tests.app.still import Still, still

PREDICTION = b'{"service": "ranking", "events": [{"features": {"a": 1}}]}'


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Still]:
    with still(tmp_path) as made:
        yield made


def refused(door: Still) -> None:
    """Both doors say 503, tell nothing of the cause, and keep nothing."""
    for answer, path in ((door.alert(b"{}" * 5000), "/v1/alerts"), (door.predict(PREDICTION), "/v1/predictions")):
        assert answer.status_code == 503
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
    [first, _second] = [record for record in caplog.records if record.message == "the store failed"]
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
