"""What Alertmanagers list is compared with what was received; the difference is delivered once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from burnline.alerting.inbox import BATCH, AlertWorker, accept_webhook
from burnline.alerting.places import Places
from burnline.alerting.reconcile import Reconciler
from burnline.alerting.webhook import ALERTMANAGER, fingerprint
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, depth
from burnline.store.incidents import Episode
from burnline.store.reconciled import last_reconciled
from tests.alerting.bodies import BURN, alert, webhook
from tests.alerting.card_fraud import Nothing, episodes, service
from tests.alerting.sources import FakeAlertmanager, FakePrometheus, Labels

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
OTHER = {"alertname": "SignalAlarm", "service": "card-fraud", "signal": "drift", "severity": "ticket"}


@dataclass
class Scene:
    """A pair of Alertmanagers, perhaps a Prometheus, and burnline; time passes a minute at a time."""

    db: Database
    pair: tuple[FakeAlertmanager, FakeAlertmanager]
    prometheus: FakePrometheus | None = None
    now: datetime = T0
    worker: AlertWorker = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """burnline starts, and remembers what its database says."""
        self.worker = AlertWorker(self.db, [service()], Nothing())
        places = Places([each.client() for each in self.pair], self.prometheus.client() if self.prometheus else None)
        self.reconciler = Reconciler(self.db, self.worker, places)

    def send(self, labels: Labels, starts_at: datetime, **more: object) -> None:
        """Prometheus sends to both."""
        for each in self.pair:
            each.send(labels, starts_at, **more)  # type: ignore[arg-type]

    def end(self, labels: Labels) -> None:
        for each in self.pair:
            each.end(labels)

    def hear(self, labels: Labels, starts_at: datetime, ends_at: datetime | None = None) -> None:
        """Alertmanager delivers by itself."""
        body = webhook(alert(starts_at, ends_at, labels=labels, fingerprint=fingerprint(labels)))
        accept_webhook(self.db, body, source=ALERTMANAGER, now=self.now, limit_bytes=1 << 24)

    def look(self, minutes: float = 0) -> int:
        """What a look delivers after so many minutes."""
        self.now += minutes * MINUTE
        if self.prometheus:
            self.prometheus.now = self.now
        found = self.reconciler.run_once(self.now)
        self.worker.run_once(self.now)
        return found

    @property
    def lives(self) -> list[tuple[str, int]]:
        return [(episode.state, episode.deliveries) for episode in episodes(self.db)]

    @property
    def one(self) -> Episode:
        (episode,) = episodes(self.db)
        return episode


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    pair = tuple(FakeAlertmanager(name, T0 - timedelta(days=1)) for name in ("am-1", "am-2"))
    made = Scene(database, pair)  # type: ignore[arg-type]
    yield made
    made.reconciler.close()


def test_an_alert_that_nobody_delivered_is_found_once_with_all_that_was_told(scene: Scene) -> None:
    scene.send(BURN, T0 - MINUTE)

    found = [scene.look(), scene.look(1), scene.look(1)]

    assert found == [1, 0, 0]
    assert (scene.one.state, scene.one.deliveries, scene.one.fingerprint) == ("open", 1, fingerprint(BURN))
    assert (scene.one.first_starts_at, scene.one.annotations) == (T0 - MINUTE, {"summary": "as told"})
    assert scene.reconciler.found == {"firing": 1, "past": 0, "resolved": 0}


def test_an_alert_that_was_delivered_is_not_found(scene: Scene) -> None:
    scene.send(BURN, T0 - MINUTE)
    scene.hear(BURN, T0 - MINUTE)

    found = [scene.look(), scene.look(1)]

    assert found == [0, 0], "also when it still waited in the inbox"
    assert scene.lives == [("open", 1)]


def test_a_webhook_that_comes_after_all_joins_the_episode_that_was_found(scene: Scene) -> None:
    scene.send(BURN, T0 - MINUTE)
    scene.look()
    scene.hear(BURN, T0 - 2 * MINUTE)

    scene.look(1)

    assert scene.lives == [("open", 2)]


def test_an_alert_of_this_moment_is_left_to_its_webhook(scene: Scene) -> None:
    scene.send(BURN, T0 - 5 * SECOND)

    assert [scene.look(), scene.look(1)] == [0, 1]


def test_a_second_look_within_the_minute_asks_nobody(scene: Scene) -> None:
    scene.look()
    asked = scene.pair[0].asked

    scene.look(0.5)

    assert scene.pair[0].asked == asked


def test_alerts_cut_off_a_webhook_are_looked_for_at_once(scene: Scene) -> None:
    scene.look()
    scene.send(BURN, T0 + SECOND)
    body = webhook(alert(T0, labels=OTHER, fingerprint=fingerprint(OTHER)), truncatedAlerts=1)
    accept_webhook(scene.db, body, source=ALERTMANAGER, now=T0 + SECOND, limit_bytes=1 << 24)
    scene.worker.run_once(T0 + SECOND)

    assert scene.look(2 / 60) == 1
    assert scene.lives == [("open", 1), ("open", 1)]


@pytest.mark.parametrize("held", ["silenced", "routed to others", "Watchdog"])
def test_what_burnline_is_not_to_hear_of_is_not_found(scene: Scene, held: str) -> None:
    labels = {"alertname": "Watchdog"} if held == "Watchdog" else BURN
    scene.send(labels, T0 - MINUTE, receivers=[{"name": "people" if held == "routed to others" else "burnline"}])
    if held == "silenced":
        scene.pair[1].hold(labels)

    assert [scene.look(), scene.look(1), scene.look(1)] == [0, 0, 0]
    assert scene.lives == []


def test_what_is_gone_everywhere_in_two_looks_is_resolved_as_of_the_first(scene: Scene) -> None:
    scene.hear(BURN, T0 - MINUTE)

    found = [scene.look(), scene.look(1), scene.look(1)]

    assert found == [0, 1, 0]
    assert (scene.one.state, scene.one.ended_at) == ("closed", T0)


def test_what_is_gone_for_one_look_only_is_not_over(scene: Scene) -> None:
    scene.hear(BURN, T0 - MINUTE)

    scene.look()
    scene.send(BURN, T0 - MINUTE)
    scene.look(1)
    scene.end(BURN)
    scene.look(1)

    assert scene.lives == [("open", 1)]


def test_a_silenced_alert_is_not_over(scene: Scene) -> None:
    scene.send(BURN, T0 - MINUTE)
    scene.hear(BURN, T0 - MINUTE)
    scene.pair[0].hold(BURN)

    for _ in range(4):
        scene.look(1)

    assert scene.lives == [("open", 1)]


@pytest.mark.parametrize("reason", ["down", "just started", "cannot be read"])
def test_absence_proves_nothing_unless_every_alertmanager_would_know(scene: Scene, reason: str) -> None:
    scene.hear(BURN, T0 - MINUTE)
    one = scene.pair[1]
    one.down = reason == "down"
    one.started_at = T0 - MINUTE if reason == "just started" else one.started_at
    if reason == "cannot be read":
        one.send(OTHER, T0, receivers=[{"name": "people"}], fingerprint="no fingerprint")

    for _ in range(3):
        scene.look(1)

    assert scene.lives == [("open", 1)]


def test_two_looks_around_one_in_which_nobody_answered_are_not_successive(scene: Scene) -> None:
    scene.hear(BURN, T0 - MINUTE)
    scene.look()
    scene.pair[0].down = True
    scene.look(1)
    scene.pair[0].down = False

    assert [scene.look(1), scene.look(1)] == [0, 1]


def test_alerts_of_the_embedded_engine_are_nobody_elses_to_end(scene: Scene) -> None:
    body = webhook(alert(T0, labels=BURN))
    accept_webhook(scene.db, body, source="embedded", now=T0, limit_bytes=1 << 24)

    for _ in range(3):
        scene.look(1)

    assert scene.lives == [("open", 1)]


def test_one_alertmanager_that_is_down_costs_the_other_nothing(scene: Scene) -> None:
    scene.pair[0].down = True
    scene.send(BURN, T0 - MINUTE)

    scene.look()

    assert scene.lives == [("open", 1)]
    with scene.db.read() as tx:
        assert last_reconciled(tx) == {"http://am-2:9093": T0}


def test_an_alert_ended_by_mistake_opens_again_when_it_is_sent_again(scene: Scene) -> None:
    """Both Alertmanagers forgot it; then Prometheus sends it again with its old start, which alone would be late."""
    scene.hear(BURN, T0 - MINUTE)
    scene.look()
    scene.look(1)
    assert scene.lives == [("closed", 2)]
    scene.send(BURN, T0 - MINUTE, at=scene.now + 10 * SECOND)

    found = [scene.look(1), scene.look(1)]

    assert found == [1, 0]
    assert scene.lives == [("open", 3)]


def test_an_alertmanager_that_missed_the_end_does_not_open_the_alert_again(scene: Scene) -> None:
    scene.send(BURN, T0 - 3 * MINUTE)
    scene.hear(BURN, T0 - 3 * MINUTE)
    scene.hear(BURN, T0 - 3 * MINUTE, T0 - MINUTE)
    scene.pair[0].end(BURN)

    assert [scene.look(), scene.look(1)] == [0, 0]
    assert [state for state, _ in scene.lives] == ["closed"]


def test_an_alert_that_cannot_be_read_is_a_problem_and_no_dead_letter_a_minute(scene: Scene) -> None:
    scene.send({**BURN, "x": "y" * 5000}, T0 - MINUTE)

    scene.look()
    scene.look(1)

    with scene.db.read() as tx:
        assert depth(tx) == {}
    assert "1 alerts cannot be read" in scene.reconciler.problems()["http://am-1:9093"]["unreadable"]
    assert "secret" not in str(scene.reconciler.problems())


def test_many_are_delivered_in_rows_that_others_can_write_between(scene: Scene) -> None:
    for n in range(1200):
        scene.pair[0].send({**BURN, "n": str(n)}, T0 - MINUTE)

    assert scene.look() == 1200

    assert scene.lives == [("open", 1)] * 1200
    with scene.db.read() as tx:
        assert depth(tx).get((ALERTS, "dead")) is None
        assert tx.exec_driver_sql("SELECT count(*) FROM inbox").scalar_one() == 1200 / BATCH


def test_an_end_that_came_while_the_clock_was_set_back_is_made_good(scene: Scene) -> None:
    """Its time is before the start by then, so it looks late; nobody lists the alert, and that ends it."""
    scene.hear(BURN, T0 - MINUTE)
    scene.look()
    scene.now = T0 - 120 * MINUTE
    scene.hear(BURN, T0 - MINUTE, T0)
    scene.start()
    assert scene.look() == 0
    assert [state for state, _ in scene.lives] == ["open"]

    scene.look(1)

    assert [state for state, _ in scene.lives] == ["closed"]


def test_a_clock_that_jumps_ahead_ends_nothing_that_is_still_listed(scene: Scene) -> None:
    scene.send(BURN, T0 - MINUTE)
    scene.hear(BURN, T0 - MINUTE)
    scene.look()

    scene.look(120)
    scene.look(1)

    assert scene.lives == [("open", 1)]


# Prometheus


@pytest.fixture
def with_prometheus(database: Database) -> Iterator[Scene]:
    pair = tuple(FakeAlertmanager(name, T0 - timedelta(days=1)) for name in ("am-1", "am-2"))
    made = Scene(database, pair, FakePrometheus(T0))  # type: ignore[arg-type]
    yield made
    made.reconciler.close()


def prometheus_of(scene: Scene) -> FakePrometheus:
    assert scene.prometheus
    return scene.prometheus


def test_an_alert_that_no_alertmanager_has_is_found_in_prometheus_in_the_second_look(with_prometheus: Scene) -> None:
    scene = with_prometheus
    prometheus_of(scene).fire(BURN, T0 - 3 * MINUTE)

    found = [scene.look(), scene.look(1), scene.look(1)]

    assert found == [0, 1, 0]
    assert (scene.one.fingerprint, scene.one.first_starts_at) == (fingerprint(BURN), T0 - 3 * MINUTE)


def test_a_silence_holds_also_what_prometheus_lists(with_prometheus: Scene) -> None:
    scene = with_prometheus
    prometheus_of(scene).fire(BURN, T0 - 3 * MINUTE, T0 + 4 * MINUTE)
    scene.send(BURN, T0 - 3 * MINUTE)
    for each in scene.pair:
        each.hold(BURN)

    scene.look()
    for each in scene.pair:
        each.down = True
    found = [scene.look(1), scene.look(1)]
    scene.end(BURN)
    found += [scene.look(3), scene.look(1)]

    assert found == [0, 0, 0, 0], "nor when all Alertmanagers are gone, nor when it has ended"


def test_an_alert_that_came_and_went_while_burnline_was_down_is_on_record(with_prometheus: Scene) -> None:
    scene = with_prometheus
    scene.look()
    prometheus_of(scene).fire(BURN, T0 + 10 * MINUTE, T0 + 12 * MINUTE)
    scene.start()

    found = [scene.look(60), scene.look(1)]

    assert found == [1, 0]
    assert (scene.one.state, scene.one.first_starts_at, scene.one.ended_at) == (
        "closed",
        T0 + 10 * MINUTE,
        T0 + 12 * MINUTE,
    )
    assert any("[1h2m]" in query for query in prometheus_of(scene).queries)


def test_what_was_heard_of_before_the_outage_is_not_what_came_during_it(with_prometheus: Scene) -> None:
    scene = with_prometheus
    scene.look()
    scene.hear(BURN, T0 - 2 * MINUTE, T0 - MINUTE)
    prometheus = prometheus_of(scene)
    prometheus.fire(BURN, T0 - 2 * MINUTE, T0 - MINUTE)
    prometheus.fire(BURN, T0 + 20 * MINUTE, T0 + 21 * MINUTE)

    scene.look(60)

    assert [state for state, _ in scene.lives] == ["closed", "closed"]
    assert [episode.first_starts_at for episode in episodes(scene.db)] == [T0 - 2 * MINUTE, T0 + 20 * MINUTE]


def test_an_outage_too_long_for_prometheus_is_looked_at_for_ten_minutes(with_prometheus: Scene) -> None:
    scene = with_prometheus
    scene.look()
    prometheus = prometheus_of(scene)
    prometheus.longest = 15 * MINUTE
    prometheus.fire(BURN, T0 + 290 * MINUTE, T0 + 295 * MINUTE)

    assert scene.look(300) == 1


def test_what_fires_in_prometheus_is_not_over_though_no_alertmanager_lists_it(with_prometheus: Scene) -> None:
    scene = with_prometheus
    scene.hear(BURN, T0 - MINUTE)
    prometheus_of(scene).fire(BURN, T0 - MINUTE)

    for _ in range(3):
        scene.look(1)

    assert scene.lives == [("open", 1)]


@pytest.mark.parametrize("answer", ["none", "partial", "unknown relabelling"])
def test_absence_proves_nothing_while_prometheus_cannot_tell(with_prometheus: Scene, answer: str) -> None:
    scene = with_prometheus
    scene.hear(BURN, T0 - MINUTE)
    prometheus = prometheus_of(scene)
    prometheus.down = answer == "none"
    prometheus.warnings = ["a store did not answer"] if answer == "partial" else []
    if answer == "unknown relabelling":
        prometheus.config = {"alerting": {"alert_relabel_configs": [{"action": "guess"}]}}

    for _ in range(3):
        scene.look(1)

    assert scene.lives == [("open", 1)]
    assert "unreachable" in scene.reconciler.problems()["http://prometheus:9090"]


def test_an_alert_has_the_identity_under_which_prometheus_sends_it(with_prometheus: Scene) -> None:
    scene = with_prometheus
    prometheus_of(scene).config = {
        "global": {"external_labels": {"cluster": "eu", "prometheus_replica": "a"}},
        "alerting": {"alert_relabel_configs": [{"action": "labeldrop", "regex": "prometheus_replica"}]},
    }
    sent = {**BURN, "cluster": "eu"}
    prometheus_of(scene).fire(BURN, T0 - 3 * MINUTE)
    scene.send(sent, T0 - 3 * MINUTE)
    scene.hear(sent, T0 - 3 * MINUTE)

    assert [scene.look(), scene.look(1), scene.look(1)] == [0, 0, 0]
    assert scene.lives == [("open", 1)]
