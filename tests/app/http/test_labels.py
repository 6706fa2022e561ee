"""POST /v1/labels, and from there to an SLI: what was wrong is counted, and the promise is judged by it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.app import wiring
from burnline.app.http.bodies import LIMIT_BYTES
from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.labels import accept_labels
from burnline.settings import Settings
from tests.app.still import Still

SERVICE = """
apiVersion: burnline/v1
service: shop
owner: team
model: {name: m}
slos:
  - name: accuracy
    objective: 99%
    window: 30d
    sli: {ratio: {bad: burnline_labelled_wrong_total, total: burnline_labelled_events_total}}
"""


def labels(*found: Any, service: str = "scoring") -> bytes:
    return json.dumps({"service": service, "labels": found}).encode()


def label(door: Still, body: bytes, **headers: str) -> httpx.Response:
    return door.post("/v1/labels", body, **{"content_type": "application/json", **headers})


def predict(door: Still, *ids: str, **headers: str) -> httpx.Response:
    events = [{"features": {"length": 1}, "prediction": 1, "id": each} for each in ids]
    return door.predict(json.dumps({"service": "scoring", "events": events}), **headers)


def test_a_label_meets_its_event(door: Still) -> None:
    predict(door, "http-a")

    answer = label(door, labels({"id": "http-a", "label": 0}, {"id": "http-b", "label": 1}, 17))

    assert answer.status_code == 202
    assert (answer.json()["matched"], answer.json()["waiting"], answer.json()["refused_count"]) == (1, 1, 1)


def test_when_every_label_is_malformed_it_says_so(door: Still) -> None:
    assert label(door, labels(1, 2)).status_code == 422


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (labels(service="nobody"), {}, 400),
        (b"x", {"content_type": "text/csv"}, 415),
        (b"x", {"content_encoding": "br"}, 415),
        (b"x", {"content_encoding": "zstd"}, 400),
        (b" " * (LIMIT_BYTES + 1), {}, 413),
    ],
)
def test_what_cannot_be_used_is_refused(door: Still, body: bytes, headers: dict[str, str], status: int) -> None:
    assert label(door, body, **headers).status_code == status


def test_a_repeated_key_is_acknowledged_and_not_kept_again(door: Still) -> None:
    first, again = (predict(door, "k-1", "k-2", idempotency_key="one") for _ in range(2))

    assert (first.status_code, first.json()["accepted"]) == (202, 2)
    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (202, 0, 2)


def test_an_sli_of_labelled_events_works(tmp_path: Path) -> None:
    """Of ten predictions labelled in each minute, two are wrong."""
    (tmp_path / "shop.yaml").write_text(SERVICE)
    app = wiring.build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=tmp_path))
    now = app.clock()
    client = Direct(app)
    for minute in range(4):
        now += timedelta(minutes=1)
        ids = [f"{minute}-{n}" for n in range(10)]
        client.predict(ids, now)
        client.label({each: "fine" if n > 1 else "fraud" for n, each in enumerate(ids)}, now)
        for _ in range(2):
            app.collect(now)
            app.engine.run_once(now)
            now += timedelta(seconds=15)

    (status,) = app.engine.statuses()
    app.stop()
    assert status.counts.total >= 20, "what was there at the first look is no increase"
    assert status.counts.bad == status.counts.total / 5
    assert status.sli == pytest.approx(0.8)


class Direct:
    """The doors without HTTP, at a time of the test's choice."""

    def __init__(self, app: wiring.App) -> None:
        self.app = app

    def predict(self, ids: list[str], now: Any) -> None:
        events = [{"features": {}, "prediction": "fine", "id": each} for each in ids]
        body = json.dumps({"service": "shop", "version": "7", "events": events}).encode()
        accept_predictions(self.app.db, Sent(body), now=now, known=self.app.event_rules)

    def label(self, said: dict[str, str], now: Any) -> None:
        found = [{"id": each, "label": label} for each, label in said.items()]
        accept_labels(self.app.db, Sent(labels(*found, service="shop")), now=now, known=self.app.event_rules)


JSON = "application/json"
