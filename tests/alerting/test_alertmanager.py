"""A real Alertmanager with the generated configuration, delivering to the real inbox."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from burnline.alerting.config import render_alertmanager
from burnline.alerting.inbox import AlertWorker, accept_webhook
from burnline.alerting.webhook import fingerprint
from burnline.slo.alerts import burn_labels
from burnline.slo.windows import tiers
from burnline.store import incidents
from burnline.store.database import Database
from burnline.store.incidents import Episode
from tests.alerting.card_fraud import Nothing, episodes, service
from tests.programs import free_port, program, running

pytestmark = pytest.mark.integration

SPEC = service()
LABELS = {tier.name: burn_labels(SPEC, "availability", tier) for tier in tiers(timedelta(days=30), 0.999)}
ODD = {"alertname": "Ünïcödé", "service": "card-fraud", "a": "1", "B": "2", "path": 'C:\\"x"\n'}


class Receiver:
    """An HTTP server on loopback whose POSTs end in the inbox, as burnline's own door does it."""

    def __init__(self, db: Database) -> None:
        self.arrived: queue.Queue[Mapping[str, str]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(db))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/alerts"

    def _handler(self, db: Database) -> type[BaseHTTPRequestHandler]:
        arrived = self.arrived

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                accept_webhook(db, body, source="am", now=datetime.now(UTC), limit_bytes=1 << 24)
                self.send_response(200)
                self.end_headers()
                arrived.put(dict(self.headers))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        return Handler

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> Mapping[str, str]:
        """The headers of the next delivery."""
        return self.arrived.get(timeout=20)


class Alertmanager:
    """How to start one and speak to it."""

    def __init__(self, folder: Path, receiver_url: str) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{free_port()}"
        token = folder / "token"
        token.write_text("s3cret")
        config = render_alertmanager([SPEC], receiver_url, token_file=str(token))
        (folder / "alertmanager.yml").write_text(config)

    def start(self) -> AbstractContextManager[Popen[bytes]]:
        argv = [
            program("alertmanager"),
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/data",
            f"--web.listen-address={self._url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        return running(argv, log=self._folder / "alertmanager.log", url=f"{self._url}/-/ready")

    def post(self, labels: Mapping[str, str], *, ended: bool = False) -> None:
        alert: dict[str, object] = {"labels": dict(labels), "annotations": {"summary": "burning"}}
        if ended:
            alert["endsAt"] = datetime.now(UTC).isoformat()
        httpx.post(f"{self._url}/api/v2/alerts", json=[alert], timeout=5, trust_env=False).raise_for_status()


@pytest.fixture
def receiver(database: Database) -> Iterator[Receiver]:
    with Receiver(database) as receiver:
        yield receiver


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver) -> Alertmanager:
    return Alertmanager(tmp_path, receiver.url)


def work(db: Database) -> list[Episode]:
    """Work off the inbox; every episode after that."""
    AlertWorker(db, [SPEC], Nothing()).run_once(datetime.now(UTC))
    return episodes(db)


def test_an_alert_survives_the_death_of_its_alertmanager_and_is_one_episode(
    database: Database, receiver: Receiver, alertmanager: Alertmanager
) -> None:
    with alertmanager.start() as process:
        alertmanager.post(LABELS["page-fast"])
        headers = receiver.wait()
        (firing,) = work(database)
        process.kill()  # -9: nothing is written on the way out
        process.wait()
    with alertmanager.start():
        alertmanager.post(LABELS["page-fast"])
        receiver.wait()
        (again,) = work(database)
        alertmanager.post(LABELS["page-fast"], ended=True)
        receiver.wait()
        (over,) = work(database)

    assert headers["Authorization"] == "Bearer s3cret"
    assert firing.fingerprint == fingerprint(LABELS["page-fast"])
    assert firing.labels == LABELS["page-fast"]
    assert (firing.state, firing.deliveries) == ("open", 1)
    assert (again.id, again.state, again.deliveries) == (firing.id, "open", 2)
    assert again.first_starts_at == firing.first_starts_at < again.last_starts_at
    assert (over.id, over.state, over.deliveries) == (firing.id, "closed", 3)


def test_a_page_inhibits_the_ticket_of_its_slo_and_nothing_else(
    database: Database, receiver: Receiver, alertmanager: Alertmanager
) -> None:
    with alertmanager.start():
        for labels in (LABELS["page-fast"], LABELS["ticket-slow"], ODD, {"alertname": "Watchdog"}):
            alertmanager.post(labels)
            if labels is not LABELS["ticket-slow"]:
                receiver.wait()
        heard = work(database)

    assert {episode.fingerprint: dict(episode.labels) for episode in heard} == {
        fingerprint(labels): labels for labels in (LABELS["page-fast"], ODD)
    }
    with database.read() as tx:
        (heartbeat,) = incidents.heartbeats(tx)
    assert heartbeat.fingerprint == fingerprint({"alertname": "Watchdog"})
