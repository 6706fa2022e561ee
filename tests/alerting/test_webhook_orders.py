"""Whole webhooks, each with several alerts, duplicated and in any order: one episode an alert, one run an incident."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.alerting.inbox import AlertWorker, accept_webhook
from burnline.alerting.webhook import fingerprint
from burnline.store.database import Database, open_database
from burnline.store.incidents import Episode
from tests.alerting.bodies import BURN, alert, webhook
from tests.alerting.card_fraud import episodes
from tests.alerting.scene import LIMIT, MINUTE, SPEC, Catalogue, all_incidents, finish_runs, runs

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)
ARRIVED = T0 + timedelta(hours=1)
Told = tuple[int, int, int | None]  # which alert, start and end in minutes
MINUTES = st.integers(0, 4)
TOLD = st.tuples(st.integers(0, 2), MINUTES, st.none() | st.integers(4, 6))
BODIES = st.lists(st.lists(TOLD, min_size=1, max_size=4), min_size=1, max_size=6)


@dataclass
class Stream:
    """One database for many examples; each has alerts, and so fingerprints, of its own."""

    db: Database
    worker: AlertWorker = field(init=False)
    examples: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.worker = AlertWorker(self.db, [SPEC], Catalogue("bad-release"))

    def after(self, bodies: Sequence[Sequence[Told]]) -> list[Episode]:
        """The episodes once these webhooks arrived in this order, by alert."""
        example = str(next(self.examples))
        marks = {n: fingerprint(self.labels(example, n)) for n in range(3)}
        for body in bodies:
            alerts = [
                alert(
                    T0 + start * MINUTE,
                    None if end is None else T0 + end * MINUTE,
                    labels=self.labels(example, n),
                    fingerprint=marks[n],
                )
                for n, start, end in body
            ]
            accept_webhook(self.db, webhook(*alerts), source="am", now=ARRIVED, limit_bytes=LIMIT)
        self.worker.run_once(ARRIVED)
        mine = [each for each in episodes(self.db) if each.labels["example"] == example]
        return sorted(mine, key=lambda each: each.labels["n"])

    @staticmethod
    def labels(example: str, n: int) -> dict[str, str]:
        return {**BURN, "example": example, "n": str(n)}


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    db = open_database(f"sqlite:///{tmp_path_factory.mktemp('orders')}/burnline.db")
    yield Stream(db)
    db.close()


def lives(found: Sequence[Episode]) -> list[tuple[object, ...]]:
    return [(e.labels["n"], e.state, e.first_starts_at, e.last_starts_at, e.ended_at) for e in found]


@settings(max_examples=60, deadline=None)
@given(st.data(), BODIES)
def test_webhooks_of_several_alerts_end_the_same_in_any_order_and_number(
    stream: Stream, data: st.DataObject, bodies: list[list[Told]]
) -> None:
    more = bodies + data.draw(st.lists(st.sampled_from(bodies), max_size=4))
    shuffled = [data.draw(st.permutations(body)) for body in data.draw(st.permutations(more))]

    assert lives(stream.after(bodies)) == lives(stream.after(shuffled))


def test_every_order_of_an_incidents_webhooks_starts_its_runbook_once(database: Database) -> None:
    """Two alerts of one service, each told twice, one of them ended: in all 120 orders."""
    stream = Stream(database)
    told: list[list[Told]] = [[(0, 0, None)], [(0, 1, None), (1, 1, None)], [(1, 1, None)], [(0, 0, 5)], [(1, 2, None)]]
    for n, order in enumerate(itertools.permutations(told), start=1):
        found = stream.after(order)

        assert [(each.state, each.deliveries) for each in found] == [("closed", 3), ("open", 3)], order
        assert len(runs(database)) == n, order
        finish_runs(database)
        ends = alert(T0, ARRIVED, labels=found[1].labels, fingerprint=found[1].fingerprint)
        accept_webhook(database, webhook(ends), source="am", now=ARRIVED, limit_bytes=LIMIT)
        stream.worker.run_once(ARRIVED)
        assert {incident.state for incident in all_incidents(database)} == {"closed"}, order
