"""The whole loop with a real Prometheus and Alertmanager: compiled rules, real webhooks, a real rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.flow.real import Live, live

pytestmark = pytest.mark.integration

HEALTHY_EVENTS = 300


def settled(scene: Live) -> bool:
    """Whether Prometheus has seen enough of a healthy service."""
    service = scene.get("/v1/services/scoring") or {"slos": ()}
    served = {slo["name"]: slo["total"] for slo in service["slos"] if slo["state"] == "ok"}
    return "latency" in served and served.get("availability", 0) >= HEALTHY_EVENTS


def alerts_sent(scene: Live) -> list[str]:
    """The names of the alerts that Alertmanager knows of."""
    assert scene.alertmanager is not None
    answer = httpx.get(f"{scene.alertmanager.url}/api/v2/alerts", timeout=5, trust_env=False)
    return [alert["labels"]["alertname"] for alert in answer.raise_for_status().json()]


@pytest.mark.slow
def test_a_bad_release_is_rolled_back_by_way_of_prometheus_and_alertmanager(tmp_path: Path) -> None:
    """Healthy: nothing is sent. Then a bad release, page, rollback, proof, close; at last Prometheus goes."""
    with live(tmp_path, prometheus=True) as scene:
        assert scene.prometheus is not None
        scene.until(lambda: settled(scene), "healthy")
        assert alerts_sent(scene) == []
        assert scene.get("/v1/incidents") == []

        scene.service.release("2", now())
        scene.until(lambda: scene.service.version == "1", "rolled back")
        scene.until(lambda: scene.incident().get("state") == "closed", "closed")

        incident, story = scene.incident(), scene.story()
        assert scene.run()["outcome"] == "recovered", story
        assert incident["chain_holds"]
        assert [change["to"] for change in scene.service.history] == ["1", "2", "1"]
        assert "ErrorBudgetBurn availability page-fast fires" in story
        assert "SignalAlarm drift" in story, "no rule speaks for signals: burnline does"
        sources = {entry["data"].get("source") for entry in incident["entries"] if entry["type"] == "episode_opened"}
        assert sources == {"alertmanager", "embedded"}

        scene.prometheus.kill()
        assert set(scene.states().values()) == {"unknown"}


@pytest.mark.slow
def test_one_run_whatever_dies_beside_it_and_no_data_never_counts_as_recovered(tmp_path: Path) -> None:
    """Alertmanager is killed while a run waits for a person; Prometheus before the run can prove anything."""
    with live(tmp_path, approval="one", timing="{settle: 1s, window: 1s}", prometheus=True) as scene:
        assert scene.alertmanager is not None
        assert scene.prometheus is not None
        scene.until(lambda: settled(scene), "healthy")
        scene.service.release("2", now())
        scene.until(lambda: scene.get("/v1/approvals"), "asked")

        scene.alertmanager.kill()
        before = deliveries(scene)
        scene.alertmanager.start()
        scene.until(lambda: deliveries(scene) > before, "delivered again")
        [asked] = scene.get("/v1/approvals")
        assert scene.service.version == "2"

        scene.prometheus.kill()
        answer = {"decision": "approve", "actor": "ada", "plan_hash": asked["plan_hash"]}
        assert scene.post(f"/v1/approvals/{asked['id']}", answer)
        scene.until(lambda: scene.run().get("outcome"), "ended")

        assert scene.run()["outcome"] == "no_data", scene.story()
        assert [change["to"] for change in scene.service.history] == ["1", "2", "1"]
        assert set(scene.states().values()) == {"unknown"}
        assert [page for page in scene.pager.received if page.get("runbook") == "bad-release"], "a person is told"


def deliveries(scene: Live) -> int:
    """How often the page was delivered."""
    [[counted]] = scene.rows(
        "SELECT deliveries FROM episode WHERE labels LIKE '%page-fast%' AND labels LIKE '%availab%'"
    )
    return int(counted)


def now() -> datetime:
    return datetime.now(UTC)
