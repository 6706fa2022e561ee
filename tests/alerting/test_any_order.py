"""Deliveries in any order and any number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.alerting.inbox import AlertWorker
from burnline.store import incidents
from burnline.store.database import Database, open_database
from burnline.store.incidents import Episode
from tests.alerting.bodies import alert
from tests.alerting.scene import (
    MINUTE,
    Catalogue,
    accept,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, AlertWorker, Iterator[str]]]:
    """One database for many examples, each with a fingerprint of its own."""
    path: Path = tmp_path_factory.mktemp("orders")
    db = open_database(f"sqlite:///{path}/burnline.db")
    yield db, AlertWorker(db, [], Catalogue()), (f"{n:016x}" for n in itertools.count())
    db.close()


Shared = tuple[Database, AlertWorker, Iterator[str]]
T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)


def end_state(
    shared: Shared, deliveries: list[tuple[int, int | None]], received_at: datetime = T0 + timedelta(days=1)
) -> list[Episode]:
    """The episodes after `deliveries` (start, end or None; in minutes) arrived in this order."""
    db, worker, fingerprints = shared
    fingerprint = next(fingerprints)
    for start, end in deliveries:
        ends_at = None if end is None else T0 + end * MINUTE
        accept(db, received_at, alert(T0 + start * MINUTE, ends_at, fingerprint=fingerprint))
    while worker.run_once(T0):
        pass
    with db.read() as tx:
        return incidents.episodes_since(tx, "am", fingerprint, T0 - timedelta(days=1))


def life(episode: Episode) -> tuple[str, datetime, datetime, datetime | None, int]:
    return (
        episode.state,
        episode.first_starts_at,
        episode.last_starts_at,
        episode.ended_at,
        episode.deliveries,
    )


def test_every_order_of_one_alerts_life_ends_in_the_same_episode(shared: Shared) -> None:
    deliveries: list[tuple[int, int | None]] = [(0, None), (2, None), (2, None), (0, 4), (2, 4)]

    ends = {tuple(map(life, end_state(shared, list(order)))) for order in itertools.permutations(deliveries)}

    assert ends == {(("closed", T0, T0 + 2 * MINUTE, T0 + 4 * MINUTE, 5),)}


MINUTES = st.integers(0, 5)
DELIVERIES = st.lists(
    st.one_of(st.tuples(MINUTES, st.none()), st.tuples(MINUTES, MINUTES).map(lambda span: (min(span), max(span)))),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(st.data(), DELIVERIES, st.sampled_from([2 * MINUTE, 10 * MINUTE]))
def test_any_order_and_any_duplication_inside_a_flap_window_ends_the_same(
    shared: Shared, data: st.DataObject, deliveries: list[tuple[int, int | None]], arrived: timedelta
) -> None:
    """Also when the sender's clock is ahead, so that some deliveries speak of what is still to come."""
    more = deliveries + data.draw(st.lists(st.sampled_from(deliveries), max_size=3))
    shuffled = data.draw(st.permutations(more))

    (one,) = end_state(shared, deliveries, T0 + arrived)
    (other,) = end_state(shared, shuffled, T0 + arrived)

    assert life(one)[:4] == life(other)[:4]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30) | st.none()), min_size=1, max_size=10))
def test_over_many_flap_windows_what_counts_at_the_end_is_the_same_in_any_order(
    shared: Shared, data: st.DataObject, spans: list[tuple[int, int | None]]
) -> None:
    """How many episodes it was may differ: an end that is not known yet cannot separate two. Open or not may not."""
    deliveries = [(start, None if length is None else start + length) for start, length in spans]
    shuffled = data.draw(st.permutations(deliveries))

    one, other = end_state(shared, deliveries), end_state(shared, shuffled)

    latest_firing = max((start for start, end in deliveries if end is None), default=-1)
    latest_end = max((end for _, end in deliveries if end is not None), default=-1)
    for found in (one, other):
        assert (found[-1].state == "open") == (latest_firing > latest_end)
        assert sum(episode.state == "open" for episode in found) <= 1
