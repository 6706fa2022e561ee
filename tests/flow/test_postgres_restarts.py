"""PostgreSQL is restarted while webhooks come in: what was acknowledged is there, and burnline goes on by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event

import httpx
import pytest

from burnline.alerting.webhook import fingerprint
from burnline.errors import StoreError
from tests.alerting.pair import Door, now, until
from tests.flow.real import alert_body
from tests.postgres import PostgresServer, restartable_postgres

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LANES = 4
PAUSE_SECONDS = 0.02
RESTARTS = [signal.SIGINT, signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with restartable_postgres() as server:
        yield server


@pytest.fixture
def door(tmp_path: Path, postgres: PostgresServer) -> Iterator[Door]:
    made = Door(tmp_path, database=postgres.url)
    made.open()
    yield made
    made.close()


class Senders:
    """Alertmanagers that send one alert after another, and the same again while they get no 200."""

    def __init__(self, door: Door) -> None:
        self.kept: dict[int, str] = {}
        self.refused: list[int] = []
        self.over = Event()
        self._door = door

    def send(self, lane: int) -> None:
        with httpx.Client(timeout=20, trust_env=False) as client:
            for n in count(lane, LANES):
                labels = {"alertname": "Burn", "service": "shop", "n": str(n)}
                body = alert_body(labels, fingerprint(labels), now().isoformat())
                while not self._taken(client, body, fingerprint(labels)):
                    if self.over.wait(PAUSE_SECONDS):
                        return
                if self.over.wait(PAUSE_SECONDS):
                    return

    def _taken(self, client: httpx.Client, body: object, mark: str) -> bool:
        answer = client.post(self._door.url, json=body)
        if answer.is_success:
            self.kept[answer.json()["accepted"]] = mark
        else:
            self.refused.append(answer.status_code)
        return answer.is_success


def worked(door: Door) -> bool:
    """Whether a turn of the worker came to its end; one that met a restart is tried again, as the scheduler does."""
    try:
        door.app.alerts.run_once(now())
    except StoreError as error:
        if not error.retryable:
            raise
        return False
    return True


def test_restarts_under_load_lose_nothing_acknowledged(door: Door, postgres: PostgresServer) -> None:
    senders = Senders(door)
    with ThreadPoolExecutor(LANES) as pool:
        sending = [pool.submit(senders.send, lane) for lane in range(LANES)]
        for how in RESTARTS:
            enough = len(senders.kept) + 100
            until(lambda enough=enough: worked(door) and len(senders.kept) >= enough, "accepted")  # type: ignore[misc]
            postgres.stop(how)
            refused = len(senders.refused)
            until(lambda refused=refused: len(senders.refused) > refused, "refused")  # type: ignore[misc]
            assert httpx.get(f"{door.base}/readyz", timeout=20, trust_env=False).status_code == 503
            assert httpx.get(f"{door.base}/healthz", timeout=20, trust_env=False).status_code == 200
            postgres.start()
        enough = len(senders.kept) + 100
        until(lambda: len(senders.kept) >= enough, "accepted again")
        senders.over.set()
        for each in sending:
            each.result()
    until(lambda: worked(door), "worked off")

    assert set(senders.refused) == {503}
    with door.app.db.read() as tx:
        rows = tx.exec_driver_sql("SELECT id, state FROM inbox WHERE kind = 'alerts'")
        states = {row: state for row, state in rows}  # noqa: C416 - dict() of rows has no type
        marks = [mark for (mark,) in tx.exec_driver_sql("SELECT fingerprint FROM episode")]
    assert {row: states.get(row) for row in senders.kept} == dict.fromkeys(senders.kept, "done")
    assert set(senders.kept.values()) <= set(marks)
    assert len(marks) == len(set(marks)), "one alert, one episode"
    assert httpx.get(f"{door.base}/readyz", timeout=20, trust_env=False).status_code == 200
