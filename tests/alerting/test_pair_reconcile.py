"""What a real pair and a real Prometheus list, compared with what burnline heard: what only they know is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import httpx
import pytest
import yaml

from burnline.alerting import places
from burnline.alerting.webhook import fingerprint
from tests.alerting.pair import Door, Pair, Scripted, closing_all, configuration, hook, labels, now, until
from tests.flow.real import Program
from tests.programs import free_port, program

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MINUTE = timedelta(minutes=1)
EXTERNAL = {"cluster": "eu", "prometheus_replica": "a"}
FIRES_SECONDS = 15.0  # longer than a busy Prometheus needs to read its rules
GIVEN_UP_SECONDS = 6.0  # between two attempts Alertmanager waits less


@dataclass
class Scene:
    """Prometheus, the pair and burnline; burnline's minutes pass when a test says so."""

    prometheus: Program
    pair: Pair
    scripted: Scripted
    door: Door
    rules: Path
    ahead: timedelta = timedelta(0)

    def look(self) -> None:
        """A minute later, burnline looks."""
        self.ahead += MINUTE
        assert self.door.app.reconciler
        self.door.app.reconciler.run_once(now() + self.ahead)
        self.door.app.alerts.run_once(now() + self.ahead)

    def fire(self, kind: str, *, seconds: float = 1e6) -> float:
        """A rule that fires from now, for so long; when it began."""
        begins = now().timestamp()
        expr = f"(vector(time()) >= {begins:.3f}) < {begins + seconds:.3f}"
        rule = {"alert": "Burn", "expr": expr, "labels": {k: v for k, v in labels(kind).items() if k != "alertname"}}
        groups = yaml.safe_load(self.rules.read_text())["groups"] if self.rules.exists() else []
        self.rules.write_text(yaml.safe_dump({"groups": [*groups, {"name": kind, "rules": [rule]}]}))
        httpx.post(f"{self.prometheus.url}/-/reload", timeout=5, trust_env=False).raise_for_status()
        return begins

    def fired(self, kind: str) -> bool:
        """Whether Prometheus saw it fire in the last minutes."""
        return bool(self._ask(f'max_over_time(ALERTS{{alertstate="firing",kind="{kind}"}}[5m])'))

    def fires(self, kind: str) -> bool:
        """Whether it fires there now."""
        return bool(self._ask(f'ALERTS{{alertstate="firing",kind="{kind}"}}'))

    def listed(self, kind: str) -> bool:
        """Whether either Alertmanager has it."""
        return any(each["labels"]["kind"] == kind for n in range(2) for each in self.pair.get(n, "/api/v2/alerts"))

    def _ask(self, query: str) -> list[object]:
        answer = httpx.get(f"{self.prometheus.url}/api/v1/query", params={"query": query}, timeout=5, trust_env=False)
        found: list[object] = answer.raise_for_status().json()["data"]["result"]
        return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder, port = tmp_path_factory.mktemp("reconcile"), free_port()
    door = Door(folder / "burnline")
    with Scripted(door, {"lost": ["lost"]}) as scripted, pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SETTLED", timedelta(0))
        config = configuration(
            {".+": [hook(scripted.url, http_config={"follow_redirects": True})]}, receiver="burnline"
        )
        pair = Pair(folder / "pair", config)
        prometheus = _prometheus(folder, port, pair)
        door.settings = door.settings.model_copy(
            update={"alertmanagers": tuple(pair.urls), "prometheus_url": prometheus.url}
        )
        with closing_all(door, pair, prometheus):
            door.open()
            pair.start()
            prometheus.start()
            yield Scene(prometheus, pair, scripted, door, folder / "rules.yml")


def _prometheus(folder: Path, port: int, pair: Pair) -> Program:
    targets = [url.removeprefix("http://") for url in pair.urls]
    config = {
        "global": {"evaluation_interval": "1s", "scrape_interval": "1s", "external_labels": EXTERNAL},
        "rule_files": [f"{folder}/rules.yml"],
        "alerting": {
            "alert_relabel_configs": [{"action": "labeldrop", "regex": "prometheus_replica"}],
            "alertmanagers": [{"static_configs": [{"targets": targets}]}],
        },
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=3s",  # an alert not sent again in four times that has ended
    ]
    return Program("prometheus", folder, argv, port=port, ready="/-/ready", env={})


def test_what_was_delivered_is_not_found_again(scene: Scene) -> None:
    scene.fire("known")
    until(lambda: scene.door.lives("known"), "delivered")
    for _ in range(3):
        scene.look()

    [episode] = scene.door.episodes("known")
    assert (episode.state, episode.deliveries) == ("open", 1)
    assert episode.labels == {**labels("known"), "cluster": "eu"}
    assert episode.fingerprint == fingerprint(episode.labels)
    reconciler = scene.door.app.reconciler
    assert reconciler
    assert {name: list(found) for name, found in reconciler.problems().items()} == {
        url: ["follow_redirects"] for url in scene.pair.urls
    }
    assert all(place.reachable for place in reconciler.places.found.values())


def test_an_alert_that_fired_and_ended_during_an_outage_is_never_sent_and_found(scene: Scene) -> None:
    scene.look()
    scene.door.close()
    began = scene.fire("outage", seconds=FIRES_SECONDS)
    until(lambda: scene.scripted.attempts["outage"], "tried")
    until(lambda: scene.fired("outage") and not scene.fires("outage"), "over")
    until(lambda: not scene.listed("outage"), "forgotten by both")
    until(lambda: monotonic() - scene.scripted.attempts["outage"][-1].at > GIVEN_UP_SECONDS, "given up")
    scene.door.open()
    scene.fire("after")
    until(lambda: scene.door.lives("after"), "delivering again")
    assert scene.door.lives("outage") == [], "it is not sent any more"

    scene.look()
    scene.look()

    [episode] = scene.door.episodes("outage")
    assert episode.state == "closed"
    assert episode.fingerprint == fingerprint({**labels("outage"), "cluster": "eu"})
    assert (
        timedelta(0) <= episode.first_starts_at - datetime.fromtimestamp(began, UTC) < timedelta(seconds=FIRES_SECONDS)
    )
    scene.look()
    assert scene.door.lives("outage") == [("closed", 1)], "found once"


def test_an_alert_lost_in_a_redirect_is_found(scene: Scene) -> None:
    scene.fire("lost")
    until(lambda: "/page" in scene.scripted.gets, "followed")
    assert scene.door.lives("lost") == []

    scene.look()
    scene.look()

    assert scene.door.lives("lost") == [("open", 1)]


def test_an_end_that_nobody_tells_is_found(scene: Scene) -> None:
    """The rule is taken away: Prometheus sends no end, and Alertmanagers killed meanwhile know nothing of it."""
    scene.fire("forgotten")
    until(lambda: scene.door.lives("forgotten"), "delivered")
    for member in scene.pair.members:
        member.kill()
    groups = yaml.safe_load(scene.rules.read_text())["groups"]
    kept = [group for group in groups if group["name"] != "forgotten"]
    scene.rules.write_text(yaml.safe_dump({"groups": kept}))
    httpx.post(f"{scene.prometheus.url}/-/reload", timeout=5, trust_env=False).raise_for_status()
    until(lambda: not scene.fires("forgotten"), "over")
    scene.pair.start()
    until(lambda: scene.listed("known"), "told again what fires")
    assert not scene.listed("forgotten")

    scene.look()
    assert [state for state, _ in scene.door.lives("forgotten")] == ["open"], "one look is no proof"
    scene.look()

    assert [state for state, _ in scene.door.lives("forgotten")] == ["closed"]
    assert [state for state, _ in scene.door.lives("known")] == ["open"]


def test_what_is_silenced_is_neither_found_nor_over(scene: Scene) -> None:
    matchers = [{"name": "kind", "value": "known|silenced", "isRegex": True, "isEqual": True}]
    times = {"startsAt": now().isoformat(), "endsAt": (now() + timedelta(hours=1)).isoformat()}
    silence = {"matchers": matchers, "createdBy": "sre", "comment": "maintenance", **times}
    for url in scene.pair.urls:  # it gossips, and a test need not wait for that
        httpx.post(f"{url}/api/v2/silences", json=silence, timeout=5, trust_env=False).raise_for_status()
    scene.fire("silenced")
    until(lambda: scene.listed("silenced"), "listed")
    deliveries = scene.door.lives("known")

    for _ in range(3):
        scene.look()

    assert scene.door.lives("silenced") == []
    assert scene.door.lives("known") == deliveries
