"""Both sides of a sampled event meet once, whichever is first, and what waits in vain goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest

from burnline.collectors.predictions.tolerance import compare
from burnline.events import Mismatch, PredictionBatch
from burnline.metrics import events as names
from burnline.store.database import Database
from burnline.store.inbox import SAMPLES, waiting
from burnline.store.kept_events import key_of
from burnline.store.samples import (
    Sampled,
    Sampling,
    Side,
    forget_samples,
    take_served,
    take_trained,
    wanted_samples,
)
from burnline.store.series import samples

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ALL = Sampling(1.0, compare)


def side(event_id: str, version: str = "7", **features: Any) -> Side:
    return Side(key_of(event_id), features, event_id, version)


def served(db: Database, *events: Side, sampling: Sampling = ALL) -> Sampled:
    return db.write(lambda tx: take_served(tx, "shop", events, sampling, NOW))


def trained(db: Database, *events: Side, sampling: Sampling = ALL) -> Sampled:
    return db.write(lambda tx: take_trained(tx, "shop", events, sampling, NOW))


def batches(db: Database) -> list[PredictionBatch]:
    """What the detectors get."""
    with db.read() as tx:
        return [msgspec.msgpack.decode(row.body, type=PredictionBatch) for row in waiting(tx, SAMPLES, 100)]


def counted(db: Database) -> dict[tuple[str, str], float]:
    with db.read() as tx:
        return {(one.name, one.labels.get("side", "")): one.value for one in samples(tx, "shop")}


def test_two_sides_are_compared_when_both_are_there(any_database: Database) -> None:
    first = served(any_database, side("a", amount=1.0, city="Oslo"), side("b", amount=2.0))

    second = trained(any_database, side("a", amount=100.0, city="Oslo", hour=3))

    assert (first.waiting, first.matched) == (2, 0)
    assert (second.waiting, second.matched) == (0, 1)
    (batch,) = batches(any_database)
    assert batch.features == {"amount": [Mismatch.HUNDREDTH], "city": [False]}
    assert (batch.version, len(batch)) == ("7", 1)
    assert counted(any_database) == {(names.SAMPLES_JOINED, ""): 1}


def test_the_order_in_which_sides_come_changes_nothing(database: Database) -> None:
    found = []
    events = 0
    for number, order in enumerate(permutations(["a", "b", "c"])):
        ids: Sequence[str] = [f"{each}-{number}" for each in order]
        said = [trained(database, *(side(each, amount=1.0) for each in ids[:1]))]
        said += [served(database, side(each, amount=2.0)) for each in ids]
        said += [trained(database, *(side(each, amount=1.0) for each in ids[1:]))]
        events, before = sum(map(len, batches(database))), events
        found.append((sum(one.matched for one in said), events - before))

    assert set(found) == {(3, 3)}


def test_each_side_counts_once(any_database: Database) -> None:
    served(any_database, side("a", amount=1.0))

    said = [trained(any_database, side("a", amount=1.0), side("a", amount=5.0)) for _ in range(2)]

    assert [(one.matched, one.duplicates) for one in said] == [(1, 1), (0, 2)]
    assert [batch.features for batch in batches(any_database)] == [{"amount": [False]}]


def test_versions_are_told_apart_by_what_was_served(database: Database) -> None:
    served(database, side("a", "7", amount=1.0), side("b", "8", amount=1.0))

    trained(database, side("a", "", amount=1.0), side("b", "", amount=2.0))

    assert [(batch.version, batch.features) for batch in batches(database)] == [
        ("7", {"amount": [False]}),
        ("8", {"amount": [Mismatch.OTHER]}),
    ]


def test_the_sample_is_decided_by_the_id_alone(database: Database) -> None:
    tenth = Sampling(0.1, compare)
    events = [side(f"tx-{number}", amount=1.0) for number in range(2000)]

    first, second = served(database, *events, sampling=tenth), trained(database, *events, sampling=tenth)

    assert 150 < first.waiting < 250
    assert second.matched == first.waiting


def test_what_is_wanted_of_training_is_listed_by_id(database: Database) -> None:
    trained(database, side("c", amount=1.0))
    served(database, side("a", amount=1.0), side("b", amount=1.0))
    trained(database, side("a", amount=1.0))

    with database.read() as tx:
        assert wanted_samples(tx, "shop", 10) == ["b"]


def test_there_is_room_for_so_many_and_the_others_are_counted(database: Database) -> None:
    few = Sampling(1.0, compare, most=2)

    said = served(database, *(side(each, amount=1.0) for each in "abc"), sampling=few)

    assert (said.waiting, said.dropped) == (2, 1)
    assert counted(database) == {(names.SAMPLES_DROPPED, "served"): 1}


@pytest.mark.parametrize(("after", "left"), [(timedelta(hours=1), 2), (timedelta(0), 0)])
def test_what_waits_in_vain_goes_and_is_counted_by_its_side(
    any_database: Database, after: timedelta, left: int
) -> None:
    served(any_database, side("a", amount=1.0), side("b", amount=1.0))
    trained(any_database, side("b", amount=1.0), side("c", amount=1.0))

    def forget(tx: Any) -> int:
        return forget_samples(tx, "shop", before=NOW + timedelta(seconds=1) - after, now=NOW)

    gone = any_database.write(forget)

    assert gone == (0 if left else 3)
    if not left:
        assert counted(any_database)[names.SAMPLES_UNMATCHED, "served"] == 1
        assert counted(any_database)[names.SAMPLES_UNMATCHED, "trained"] == 1
