"""Where an event and its label meet, the detectors get both, once, with the slices the event was of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from burnline.events import PredictionBatch
from burnline.store.database import Database
from burnline.store.inbox import LABELS
from burnline.store.kept_events import Label, key_of, take_labels
from burnline.store.predictions import Arrived, keep_events, next_batches

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
EVENTS = PredictionBatch(
    "shop", "7", NOW, {"country": ["DE", "FR", None]}, ["yes", "no", "yes"], [0.9, None, 0.4], [0, 0, 0]
)


def keep(db: Database, batch: PredictionBatch, *ids: str, slices: tuple[str, ...] = ("country",)) -> None:
    db.write(lambda tx: keep_events(tx, Arrived(batch, ids=ids, slices=slices), NOW))


def label(db: Database, **labels: str | float) -> None:
    said = [Label(key_of(event_id), value, NOW) for event_id, value in labels.items()]
    db.write(lambda tx: take_labels(tx, "shop", said, NOW))


def joined(db: Database) -> list[PredictionBatch]:
    return [batch for _, batch in db.write(lambda tx: next_batches(tx, 100, LABELS))]


def events(batches: list[PredictionBatch]) -> set[tuple[object, ...]]:
    return {
        row
        for batch in batches
        for row in zip(batch.prediction, batch.confidence, batch.label, batch.features.get("country", ()), strict=True)
    }


def test_labels_meet_their_events_with_slices(any_database: Database) -> None:
    keep(any_database, EVENTS, "a", "b", "c")

    label(any_database, a="yes", b="yes", c="no", d="no")

    [batch] = joined(any_database)
    assert (batch.service, batch.version, batch.received_at, batch.at) == ("shop", "7", NOW, [])
    assert events([batch]) == {("yes", 0.9, "yes", "DE"), ("no", None, "yes", "FR"), ("yes", 0.4, "no", None)}


def test_a_label_that_came_first_meets_its_event_when_it_comes(any_database: Database) -> None:
    label(any_database, a="no")
    assert joined(any_database) == []

    keep(any_database, EVENTS, "a", "b", "c")

    assert events(joined(any_database)) == {("yes", 0.9, "no", "DE")}


def test_a_label_that_comes_again_is_not_counted_again(any_database: Database) -> None:
    keep(any_database, EVENTS, "a", "b", "c")

    label(any_database, a="yes")
    label(any_database, a="no")

    assert events(joined(any_database)) == {("yes", 0.9, "yes", "DE")}


def test_versions_come_apart_and_a_slice_that_is_not_sent_is_none(any_database: Database) -> None:
    keep(any_database, EVENTS, "a", "b", "c")
    keep(any_database, replace(EVENTS, version="8", features={}), "d", "e", "f")

    label(any_database, a=1.0, d=2.0)

    assert {batch.version: batch.label for batch in joined(any_database)} == {"7": [1.0], "8": [2.0]}
