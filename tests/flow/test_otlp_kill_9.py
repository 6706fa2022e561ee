"""kill -9 while OTLP comes in: what was acknowledged is counted, and what is sent again is counted once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event

import httpx
import pytest

from tests.collectors.otlp.bodies import metric_body, point, span_body, spans, total
from tests.flow.real import Live, live

pytestmark = pytest.mark.slow

KILLS = 8
BATCH = 20
PAUSE_SECONDS = 0.01
Body = Callable[[int], tuple[str, str | bytes]]


def protobuf(_: int) -> tuple[str, bytes]:
    return "traces", spans("scoring", BATCH)


def in_json(_: int) -> tuple[str, str]:
    return "traces", span_body("scoring", [{"kind": 5}] * BATCH)


def deltas(number: int) -> tuple[str, str]:
    return "metrics", metric_body("scoring", total("killed", point(BATCH, at=number), delta=True))


def test_what_was_acknowledged_is_counted_once_over_kills(tmp_path: Path) -> None:
    """Each body is sent until it is acknowledged, as exporters do: in the end each is counted exactly once."""
    random, over = Random(7), Event()
    sent: dict[str, int] = {"protobuf": 0, "json": 0, "metrics": 0}
    makers: dict[str, Body] = {"protobuf": protobuf, "json": in_json, "metrics": deltas}
    with live(tmp_path) as scene, ThreadPoolExecutor() as senders:
        scene.hush()
        sending = [senders.submit(send, scene, name, make, sent, over) for name, make in makers.items()]
        for _ in range(KILLS):
            enough = sum(sent.values()) + random.randint(5, 30)
            scene.until(lambda enough=enough: sum(sent.values()) >= enough, "acknowledged")  # type: ignore[misc]
            scene.burnline.kill()
            scene.burnline.start()
        over.set()
        for each in sending:
            each.result()

        rows = scene.rows("SELECT name, labels, value FROM series WHERE service = 'scoring'")
        values = {(name, labels): value for name, labels, value in rows}

    assert values["burnline_otlp_spans_total", '{"kind":"server","status":"ok"}'] == BATCH * sent["protobuf"]
    assert values["burnline_otlp_spans_total", '{"kind":"consumer","status":"ok"}'] == BATCH * sent["json"]
    assert values["killed_total", "{}"] == BATCH * sent["metrics"]
    print(f"{sent} bodies acknowledged over {KILLS} kills")


def send(scene: Live, name: str, make: Body, sent: dict[str, int], over: Event) -> None:
    """One body after another, each again and again until it is acknowledged; `sent` counts those."""
    kind = "application/x-protobuf" if name == "protobuf" else "application/json"
    with httpx.Client(base_url=scene.burnline.url, timeout=10, trust_env=False) as client:
        while not over.is_set():
            signal, body = make(sent[name])
            while not acknowledged(client, f"/v1/{signal}", body, kind):
                Event().wait(PAUSE_SECONDS)
            sent[name] += 1


def acknowledged(client: httpx.Client, path: str, body: str | bytes, kind: str) -> bool:
    """Whether burnline took it."""
    try:
        answer = client.post(path, content=body, headers={"content-type": kind})
    except httpx.HTTPError:
        return False
    return answer.status_code == 200
