"""kill -9 of the whole server, again and again: what was begun is finished once, what was acknowledged is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

import pytest

from burnline.alerting.webhook import fingerprint
from tests.flow.real import Live, alert_body, live

pytestmark = pytest.mark.slow

KILLS = 20
LANES = 2
BATCH = 400
PAUSE_SECONDS = 0.01
STEPS = ["guards", "diagnose", "ask", "roll-back", "prove"]


def now() -> datetime:
    return datetime.now(UTC)


def restart(scene: Live) -> None:
    """Kill burnline where it stands and start it on what it left."""
    scene.burnline.kill()
    began = monotonic()
    scene.burnline.start()
    print(f"restart to serving: {monotonic() - began:.2f} s")


def test_a_run_killed_at_every_stage_is_finished_once_by_the_next_process(tmp_path: Path) -> None:
    """Killed when the alert is in, at the moment the alias changes, and while the run waits for proof."""
    with live(tmp_path) as scene:
        scene.until(lambda: scene.states().get("availability") == "ok", "healthy")
        scene.service.release("2", now())

        scene.until(lambda: scene.rows("SELECT id FROM inbox WHERE kind = 'alerts'"), "alarmed")
        restart(scene)
        scene.until(lambda: scene.service.version == "1", "rolled back")
        restart(scene)
        scene.until(lambda: scene.step("prove") == "started", "waiting for proof")
        restart(scene)
        scene.until(lambda: scene.incident().get("state") == "closed", "closed")

        story = scene.story()
        assert scene.run()["outcome"] == "recovered", story
        assert [change["to"] for change in scene.service.history] == ["1", "2", "1"], story
        done = [step["name"] for step in scene.run()["steps"] if step["state"] in ("done", "skipped")]
        assert done == STEPS, story
        assert scene.incident()["chain_holds"]
        assert [entry["type"] for entry in scene.incident()["entries"]].count("run_finished") == 1, story


def test_nothing_acknowledged_is_lost_over_twenty_kills(tmp_path: Path) -> None:
    """Webhooks and predictions keep coming while the server dies: each one that got a 2xx is there in the end."""
    random, over, kept = Random(5), Event(), dict[int, str]()
    with live(tmp_path) as scene, ThreadPoolExecutor() as senders:
        scene.hush()
        scene.sent = scene.acknowledged = 0
        sending = [senders.submit(send_alerts, scene, lane, kept, over) for lane in range(LANES)]
        sending.append(senders.submit(send_predictions, scene, over))
        for _ in range(KILLS):
            enough = len(kept) + random.randint(5, 80)
            scene.until(partial(has, kept, enough), "accepted")
            restart(scene)
        over.set()
        for each in sending:
            each.result()

        scene.until(lambda: not scene.rows("SELECT 1 FROM inbox WHERE state = 'new' LIMIT 1"), "worked off")
        rows = dict(scene.rows("SELECT id, state FROM inbox WHERE kind = 'alerts' AND source = 'alertmanager'"))
        episodes = [mark for (mark,) in scene.rows("SELECT fingerprint FROM episode WHERE source = 'alertmanager'")]
        assert {row: rows.get(row) for row in kept} == dict.fromkeys(kept, "done")
        assert set(kept.values()) <= set(episodes)
        assert len(episodes) == len(set(episodes)), "one alert, one episode"
        scene.until(lambda: counted(scene) >= scene.acknowledged, "counted")
        assert scene.acknowledged <= counted(scene) <= scene.sent, "a batch is counted whole and once"
        print(f"{len(kept)} alerts and {scene.acknowledged} events acknowledged over {KILLS} kills")


def has(kept: dict[int, str], enough: int) -> bool:
    """Whether so many were acknowledged."""
    return len(kept) >= enough


def send_alerts(scene: Live, lane: int, kept: dict[int, str], over: Event) -> None:
    """Post one alert after another; keep the fingerprint of each that was acknowledged, by its row."""
    for n in count(lane, LANES):
        if over.is_set():
            return
        labels = {"alertname": "Storm", "service": "shop", "n": str(n)}
        mark = fingerprint(labels)
        answer = scene.post("/v1/alerts", alert_body(labels, mark, now().isoformat()))
        if answer is not None and answer.is_success:
            kept[answer.json()["accepted"]] = mark
        over.wait(PAUSE_SECONDS)


def send_predictions(scene: Live, over: Event) -> None:
    """Post one batch after another, each enough for a window."""
    columns = {"length": [20.0] * BATCH, "weight": [70.0] * BATCH}
    batch = {"service": "scoring", "version": "1", "columns": columns, "prediction": [1.0] * BATCH}
    while not over.is_set():
        scene.sent += BATCH
        answer = scene.post("/v1/predictions", batch)
        if answer is not None and answer.is_success:
            scene.acknowledged += BATCH
        over.wait(PAUSE_SECONDS)


def counted(scene: Live) -> float:
    """Events in the windows that were judged."""
    [[total]] = scene.rows("SELECT coalesce(sum(total), 0) FROM finding WHERE part = ''")
    return float(total)
