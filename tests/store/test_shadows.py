"""Shadows: each answer is compared once with the one that was served, whichever came first, and counts in nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.collectors.predictions.door import Receipt, accept_predictions
from burnline.collectors.predictions.events import Asked, Sent
from burnline.collectors.predictions.rules import Rules
from burnline.errors import PayloadError
from burnline.events import PredictionBatch
from burnline.metrics import events as names
from burnline.store.database import Database
from burnline.store.inbox import LABELS, PREDICTIONS
from burnline.store.kept_events import Label, forget_events, key_of, take_labels
from burnline.store.predictions import next_batches
from burnline.store.series import samples

HOUR = timedelta(hours=1)
PAIRS, DIFFERENT, DIFFERENCE = (
    names.SHADOW_PAIRS,
    names.SHADOW_DIFFERENT,
    names.SHADOW_DIFFERENCE,
)


def send(db: Database, now: datetime, version: str, answers: dict[str, Any], asked: Asked | None = None) -> Receipt:
    """By id, what a version says; version 8 and above answer in the shadow unless `asked` says it."""
    events = [{"id": each, "features": {}, "prediction": answer} for each, answer in answers.items()]
    body: dict[str, Any] = {"service": "shop", "version": version, "events": events}
    if asked is None:
        body["shadow"] = version >= "8"
    return accept_predictions(
        db, Sent(json.dumps(body).encode(), asked=asked or Asked()), now=now, known={"shop": Rules()}
    )


def counted(db: Database) -> dict[tuple[str, str, str], float]:
    with db.read() as tx:
        found = [one for one in samples(tx, "shop") if one.name in (PAIRS, DIFFERENT, DIFFERENCE)]
    return {(one.name, one.labels["version"], one.labels["baseline"]): one.value for one in found}


def batches(db: Database, kind: str) -> list[PredictionBatch]:
    return [batch for _, batch in db.write(lambda tx: next_batches(tx, 100, kind))]


@pytest.mark.parametrize("order", [("7", "8"), ("8", "7")])
def test_pairs_are_compared_whichever_comes_first_and_once(
    any_database: Database, now: datetime, order: tuple[str, str]
) -> None:
    answers: dict[str, dict[str, Any]] = {
        "7": {"a": "fraud", "b": "fine", "c": 1},
        "8": {"a": "fine", "b": "fine", "c": "1", "alone": "fine"},
    }

    for _ in range(2):
        for version in order:
            send(any_database, now, version, answers[version])

    assert counted(any_database) == {(PAIRS, "8", "7"): 3, (DIFFERENT, "8", "7"): 1}


def test_of_numbers_it_is_told_how_far_they_are(any_database: Database, now: datetime) -> None:
    send(any_database, now, "7", {"a": 10.0, "b": 5.0, "c": None, "d": 1e308})
    send(any_database, now, "8", {"a": 12.5, "b": 5.0, "c": 1.0})
    send(any_database, now, "9", {"a": 10.0})
    send(any_database, now, "91", {"d": -1e308})  # no sum may end at infinity

    said = counted(any_database)
    assert (said[PAIRS, "8", "7"], said[DIFFERENT, "8", "7"], said[DIFFERENCE, "8", "7"]) == (3, 2, 2.5)
    assert (said[PAIRS, "9", "7"], said[DIFFERENT, "9", "7"]) == (1, 0)
    assert said[DIFFERENCE, "91", "7"] == 1e15


def test_the_events_of_a_shadow_are_told_apart_from_what_is_served(any_database: Database, now: datetime) -> None:
    send(any_database, now, "7", {"a": "fraud"})
    receipt = send(any_database, now, "8", {"a": "fine"})

    assert (receipt.accepted, receipt.duplicates) == (1, 0)
    assert [(batch.version, batch.shadow) for batch in batches(any_database, PREDICTIONS)] == [
        ("7", False),
        ("8", True),
    ]


def test_a_label_judges_the_answer_of_the_shadow_too(any_database: Database, now: datetime) -> None:
    send(any_database, now, "7", {"a": "fraud"})
    send(any_database, now, "8", {"a": "fine"})

    any_database.write(lambda tx: take_labels(tx, "shop", [Label(key_of("a"), "fine", now)], now))

    said = [(batch.version, batch.shadow, batch.prediction, batch.label) for batch in batches(any_database, LABELS)]
    assert said == [("7", False, ["fraud"], ["fine"]), ("8", True, ["fine"], ["fine"])]


def test_the_url_may_say_that_it_is_a_shadow(any_database: Database, now: datetime) -> None:
    send(any_database, now, "8", {"a": "fine"}, Asked(shadow=True))

    assert [batch.shadow for batch in batches(any_database, PREDICTIONS)] == [True]


def test_a_shadow_without_a_version_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(PayloadError, match="a shadow needs a version"):
        send(database, now, "", {"a": "fine"}, Asked(shadow=True))


def test_what_waited_too_long_is_forgotten(any_database: Database, now: datetime) -> None:
    send(any_database, now, "8", {"a": "fine", "b": "fine"})
    send(any_database, now + 2 * HOUR, "9", {"a": "fine"})

    gone = any_database.write(
        lambda tx: forget_events(tx, "shop", events_before=now + HOUR, labels_before=now, now=now + 2 * HOUR)
    )
    send(any_database, now + 2 * HOUR, "7", {"a": "fine", "b": "fine"})

    assert gone == 2
    assert counted(any_database) == {(PAIRS, "9", "7"): 1, (DIFFERENT, "9", "7"): 0}
