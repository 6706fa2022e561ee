"""A queue in a service file, from a real Redis to SLOs, alerts' numbers and /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from burnline.app import wiring
from burnline.events import SloState
from burnline.settings import Settings
from tests.app.scenes import Client
from tests.brokers import RedisServer, started

pytestmark = pytest.mark.integration
LOOK = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)
SERVICE = """
apiVersion: burnline/v1
service: card-fraud
owner: payments-ml
collect:
  - queue: {redis_stream: transactions, group: scorers, url: "env:REDIS_URL"}
slos:
  - name: waiting
    objective: 99%
    window: 30d
    sli: {threshold: {gauge: burnline_queue_oldest_message_age_seconds, above: 30}}
  - name: fresh
    objective: 99%
    window: 30d
    sli: {freshness: {timestamp: burnline_queue_oldest_message_timestamp_seconds, max_age: 30s}}
  - name: served
    objective: 99%
    window: 30d
    sli: {throughput: {counter: burnline_queue_messages_served_total, at_least: 1, per: 5m}}
"""


class Scene:
    """A burnline that watches a stream, whose time stands until `live`."""

    def __init__(self, app: wiring.App, url: str) -> None:
        self.app, self.now = app, datetime.now(UTC).replace(second=0, microsecond=0)
        self._redis: Any = redis.Redis.from_url(url)
        self._redis.xgroup_create("transactions", "scorers", id="0", mkstream=True)

    def send(self) -> None:
        self._redis.xadd("transactions", {"amount": "1"}, id=f"{int(self.now.timestamp() * 1000)}-*")

    def serve(self) -> None:
        """The next message is taken and done."""
        for _, entries in self._redis.xreadgroup("scorers", "one", {"transactions": ">"}, count=1):
            self._redis.xack("transactions", "scorers", *[entry for entry, _ in entries])

    def live(self, minutes: int, *, served: bool) -> None:
        """A message comes every look."""
        for _ in range(minutes * 4):
            self.now += LOOK
            self.send()
            if served:
                self.serve()
            self.app.collect(self.now)
            self.app.evaluate(self.now)

    def share(self, slo: str) -> tuple[float, float]:
        """Bad moments and all of them."""
        (status,) = (status for status in self.app.engine.statuses() if status.slo == slo)
        return status.counts.bad, status.counts.total

    def close(self) -> None:
        self._redis.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path)
    with started(made):
        yield made


@pytest.fixture
def scene(tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("REDIS_URL", server.url)
    (tmp_path / "card-fraud.yaml").write_text(SERVICE)
    app = wiring.build(Settings(services=tmp_path / "card-fraud.yaml", database=f"sqlite:///{tmp_path}/burnline.db"))
    made = Scene(app, server.url)
    yield made
    made.close()
    app.runner.close()
    app.db.close()


def test_promises_on_a_queue_are_kept_while_it_is_served_and_broken_when_it_is_not(scene: Scene) -> None:
    scene.live(10, served=True)
    kept = {slo: scene.share(slo) for slo in ("waiting", "fresh", "served")}

    scene.live(10, served=False)

    assert [bad for bad, _ in kept.values()] == [0, 0, 0]
    assert all(total > 0 for _, total in kept.values())
    for slo in ("waiting", "fresh"):
        bad, total = scene.share(slo)
        assert bad == pytest.approx(9, abs=1), slo
        assert total - kept[slo][1] == pytest.approx(10, abs=1), slo
    assert scene.share("served")[0] >= 1


def test_a_queue_that_cannot_be_seen_is_unknown_and_not_healthy(scene: Scene, server: RedisServer) -> None:
    scene.live(5, served=True)
    server.stop()
    before = scene.share("waiting")

    for _ in range(40):
        scene.now += LOOK
        scene.app.collect(scene.now)
        scene.app.evaluate(scene.now)

    assert scene.share("waiting") == before
    assert {status.state for status in scene.app.statuses(scene.now)} == {SloState.UNKNOWN}


def test_metrics_show_the_series_that_compiled_rules_read(scene: Scene, server: RedisServer) -> None:
    scene.live(1, served=True)
    scene.live(1, served=False)

    page = Client(scene.app).get("/metrics").text

    own = 'backend="redis_stream",group="scorers",queue="transactions",service="card-fraud"'
    assert f"burnline_queue_messages_ready{{{own}}} 4" in page
    assert f"burnline_queue_messages_arrived_total{{{own}}} 8" in page
    assert f"burnline_queue_messages_served_total{{{own}}} 4" in page
    assert "redis://" not in page
    assert server.url not in page
