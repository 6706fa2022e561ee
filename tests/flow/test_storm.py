"""Ten thousand alerts at once: nothing is lost, one run per service, and who asks meanwhile is answered."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.alerting.webhook import fingerprint
from burnline.store.inbox import ALERTS, depth
from tests.alerting.pair import Door, now

pytestmark = pytest.mark.slow

ALERTS_SENT = 10_000
SERVICES = 10
SENDERS = 8
PAUSE_SECONDS = 0.5
SERVICE = """
apiVersion: burnline/v1
service: shop-{n}
owner: shop-team
release:
  hook: {{alias: {{file: registry.json, alias: champion}}}}
runbooks:
  - {{on: {{alert: Burn}}, run: bad-release, approval: none}}
"""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path, [SERVICE.format(n=n) for n in range(SERVICES)])
    made.open()
    yield made
    made.close()


def storm() -> list[dict[str, Any]]:
    """Every alert of the storm, of each service as many."""
    labels = [
        {"alertname": "Burn", "service": f"shop-{n % SERVICES}", "severity": "page", "instance": f"10.0.{n}"}
        for n in range(ALERTS_SENT)
    ]
    began = now().isoformat()
    return [
        {"status": "firing", "labels": each, "fingerprint": fingerprint(each), "startsAt": began} for each in labels
    ]


def body(*alerts: dict[str, Any]) -> bytes:
    return json.dumps({"version": "4", "alerts": alerts}).encode()


@contextmanager
def asking(door: Door) -> Iterator[Counter[int]]:
    """Somebody reads the API, the console and the metrics all the while; the answers by status."""
    over, answers = threading.Event(), Counter[int]()

    def ask() -> None:
        while not over.wait(PAUSE_SECONDS):
            for path in ("/v1/incidents", "/v1/services", "/", "/metrics", "/readyz"):
                answers[httpx.get(door.base + path, timeout=30, trust_env=False).status_code] += 1

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            yield answers
        finally:
            over.set()
            asked.result()


def work_off(door: Door) -> None:
    """The worker's turns, until nothing waits."""
    while waiting(door):
        door.app.alerts.run_once(now())


def waiting(door: Door) -> int:
    with door.app.db.read() as tx:
        return depth(tx).get((ALERTS, "new"), 0)


def counted(door: Door, query: str) -> int:
    with door.app.db.read() as tx:
        return int(tx.exec_driver_sql(query).scalar_one())


def settled(door: Door) -> None:
    """Nothing was lost, doubled or set aside, and each service has one incident and one run."""
    assert counted(door, "SELECT count(*) FROM inbox WHERE state = 'dead'") == 0
    assert counted(door, "SELECT count(*) FROM episode WHERE state = 'open'") == ALERTS_SENT
    assert counted(door, "SELECT count(DISTINCT fingerprint) FROM episode") == ALERTS_SENT
    assert counted(door, "SELECT count(*) FROM incident") == SERVICES
    assert counted(door, "SELECT count(*) FROM run") == SERVICES
    assert counted(door, "SELECT count(DISTINCT service) FROM run") == SERVICES


def in_one(door: Door) -> None:
    """All of them in one webhook."""
    answer = httpx.post(door.url, content=body(*storm()), timeout=60, trust_env=False)
    assert answer.status_code == 200


def each_alone(door: Door) -> None:
    """Ten thousand webhooks, over a few connections; the sender repeats what got no 200."""
    alerts = storm()

    def send(lane: int) -> None:
        connection = http.client.HTTPConnection(door.base.removeprefix("http://"), timeout=60)
        for alert in alerts[lane::SENDERS]:
            connection.request("POST", "/v1/alerts", body(alert), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
        connection.close()

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, range(SENDERS)))


@pytest.mark.parametrize("send", [in_one, each_alone])
def test_a_storm_loses_nothing_and_starts_one_run_per_service(door: Door, send: Callable[[Door], None]) -> None:
    with asking(door) as answers:
        send(door)
        work_off(door)

    settled(door)
    assert answers[200] > 0
    assert set(answers) == {200}, "the API, the console and the metrics answered all the while"
    [first, *_] = httpx.get(f"{door.base}/v1/incidents", timeout=30, trust_env=False).json()
    assert httpx.get(f"{door.base}/v1/incidents/{first['id']}", timeout=60, trust_env=False).status_code == 200
