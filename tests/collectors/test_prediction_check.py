"""Ids, time and schema: what is folded once, what comes too late, and what is refused for what reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burnline.collectors.predictions.check import micros
from burnline.collectors.predictions.door import Receipt, accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.keeper import EventKeeper
from burnline.collectors.predictions.rules import Rules, rules_of
from burnline.errors import PayloadError, PayloadTooLarge
from burnline.events import PredictionBatch
from burnline.metrics import events as names
from burnline.spec.events import EventsSpec
from burnline.spec.service import ServiceSpec
from burnline.store import series
from burnline.store.database import Database, open_database
from burnline.store.kept_events import Label, key_of, take_labels
from burnline.store.predictions import next_batches
from burnline.store.schema import EPOCH
from burnline.store.series import samples

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Door:
    """The door of one service, `shop`."""

    def __init__(self, db: Database, rules: Rules) -> None:
        self.db, self.rules = db, rules

    def send(self, *events: Any, key: str = "", now: datetime = NOW, version: str = "7") -> Receipt:
        body = json.dumps({"service": "shop", "version": version, "events": events}).encode()
        return accept_predictions(self.db, Sent(body, key=key), now=now, known={"shop": self.rules})

    def kept(self) -> list[PredictionBatch]:
        return [batch for _, batch in self.db.write(lambda tx: next_batches(tx, 100))]

    def counted(self, name: str, **labels: str) -> float:
        with self.db.read() as tx:
            return sum(
                one.value for one in samples(tx, "shop") if one.name == name and labels.items() <= one.labels.items()
            )


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database, Rules())


def event(n: float = 1, **more: Any) -> dict[str, Any]:
    return {"features": {"amount": n}, "prediction": "fine", **more}


# Ids


def test_an_event_whose_id_was_there_is_counted_and_not_folded_again(door: Door) -> None:
    door.send(event(1, id="a"), event(2))

    receipt = door.send(event(1, id="a"), event(2), event(3, id="b"), event(3, id="b"))

    assert (receipt.accepted, receipt.duplicates, receipt.refused_count) == (2, 2, 0)
    assert [batch.features["amount"] for batch in door.kept()] == [[1.0, 2.0], [2.0, 3.0]]
    assert door.counted(names.DUPLICATES) == 2


def test_a_batch_whose_key_was_there_is_counted_and_not_kept_again(door: Door) -> None:
    door.send(event(1), event(2), key="k-1")

    receipts = [door.send(event(1), event(2), key=key) for key in ("k-1", "k-2", "")]

    assert [(receipt.accepted, receipt.duplicates) for receipt in receipts] == [(0, 2), (2, 0), (2, 0)]
    assert len(door.kept()) == 3


def test_an_id_is_known_after_a_restart(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/ids.db"
    first = open_database(url)
    Door(first, Rules()).send(event(id="a"))
    first.close()

    second = open_database(url)
    receipt = Door(second, Rules()).send(event(id="a"))
    second.close()

    assert (receipt.accepted, receipt.duplicates) == (0, 1)


def test_an_id_is_forgotten_when_the_service_file_says(database: Database) -> None:
    rules = Rules(events=EventsSpec(keep="1h"))
    door = Door(database, rules)
    door.send(event(id="a"))
    keeper = EventKeeper(database, {"shop": rules})

    soon = keeper.run_once(NOW + 59 * MINUTE)
    later = keeper.run_once(NOW + 61 * MINUTE)

    assert (soon, later, keeper.run_once(NOW + 62 * MINUTE)) == (0, 1, 0)
    assert door.send(event(id="a"), now=NOW + 62 * MINUTE).accepted == 1


def test_a_key_may_not_be_endless(door: Door) -> None:
    with pytest.raises(PayloadError, match="Idempotency-Key is longer than 200"):
        door.send(event(), key="k" * 201)


def test_too_many_ids_in_one_batch_are_refused(door: Door) -> None:
    with pytest.raises(PayloadTooLarge, match="10,001 events with an id in one batch; send at most 10,000"):
        door.send(*[{"features": {}, "id": number} for number in range(10_001)])


def test_a_million_names_of_versions_are_a_bounded_number_of_series(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_SERIES", 20)
    door = Door(database, Rules())
    for number in range(50):
        door.send(event(id=number), version=f"v{number}")
    labels = [Label(key_of(number), "fine", NOW) for number in range(50)]

    database.write(lambda tx: take_labels(tx, "shop", labels, NOW))

    with database.read() as tx:
        found = [one for one in samples(tx, "shop") if one.name == names.LABELLED]
    assert len(found) == 21
    assert sum(one.value for one in found) == 50


# Time


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 1, 5, 13, 0, tzinfo=UTC), "2026-01-05T13:00:00+00:00"),
        (1_767_614_400, "2026-01-05T12:00:00+00:00"),
        (1_767_614_400.25, "2026-01-05T12:00:00.250000+00:00"),
        (1_767_614_400_250, "2026-01-05T12:00:00.250000+00:00"),
        (None, "1970-01-01T00:00:00.000007+00:00"),
    ],
)
def test_a_time_is_rfc_3339_or_seconds_or_milliseconds(at: Any, expected: str) -> None:
    assert (EPOCH + timedelta(microseconds=micros(at, 7))).isoformat() == expected


def test_the_time_of_an_event_goes_with_it(door: Door) -> None:
    door.send(event(1, at="2026-01-05T12:59:00+01:00"), event(2), event(3, at=1_767_614_400))

    (batch,) = door.kept()
    seconds = [(EPOCH + timedelta(microseconds=at) - NOW).total_seconds() for at in batch.at]
    assert seconds == [-60, 0, 0]


def test_without_any_time_none_is_kept(door: Door) -> None:
    door.send(event(1))

    assert door.kept()[0].at == []


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-01-05T12:06:00Z", "is 6m ahead of burnline's clock; at most 5m are accepted"),
        ("9999-12-31T23:59:59Z", "ahead of burnline's clock"),
        (1e300, "ahead of burnline's clock"),
        (1.7e308, "ahead of burnline's clock"),
        (-1.7e308, "is before 1970"),
        (-1, "is before 1970"),
        ("1969-12-31T23:59:59Z", "is before 1970"),
        ("2026-01-05T12:00:00", "timezone"),
        ("yesterday", "Invalid RFC3339"),
        (True, "got `bool`"),
    ],
)
def test_a_time_that_cannot_be_is_refused(door: Door, at: Any, reason: str) -> None:
    receipt = door.send(event(1), event(2, at=at), event(3, at="2026-01-05T12:04:59Z"))

    (refusal,) = receipt.refused
    assert (receipt.accepted, refusal.index, refusal.field) == (2, 1, "at")
    assert reason in refusal.reason
    assert door.kept()[0].features["amount"] == [1.0, 3.0]


def test_an_event_too_late_for_its_window_is_counted_and_in_none(database: Database) -> None:
    door = Door(database, Rules(events=EventsSpec(lateness="2m")))

    receipt = door.send(
        event(1, at="2026-01-05T11:57:59Z", id="a"), event(2, at="2026-01-05T11:58:00Z"), event(3), event(4, at=0)
    )

    assert (receipt.accepted, receipt.late) == (4, 2)
    assert door.kept()[0].features["amount"] == [2.0, 3.0]
    assert door.counted(names.LATE) == 2
    assert door.send(event(1, at="2026-01-05T11:57:59Z", id="a")).duplicates == 1
    assert door.counted(names.LATE) == 2, "a late event sent again is late once"


def test_where_windows_go_by_receipt_nothing_is_late(door: Door) -> None:
    assert door.send(event(1, at=0)).late == 0
    assert len(door.kept()) == 1


def test_features_nobody_knows_are_counted_by_version_and_five_of_them_named(database: Database) -> None:
    door = Door(database, Rules(features=frozenset({"amount"})))
    many = {"features": {"amount": 1, **{f"f{number}": 0 for number in range(7)}}}

    first = door.send({"features": {"amuont": 1}, "id": "a"}, event(2), many)
    again = door.send({"features": {"amuont": 1}, "id": "a"})
    door.send({"features": {"amuont": 1}}, {"features": {"amuont": 1}, "confidence": 2}, version="8")

    assert (first.unknown_features_count, first.unknown_features) == (8, ("amuont", "f0", "f1", "f2", "f3"))
    assert (again.duplicates, again.unknown_features_count, again.unknown_features) == (1, 0, ())
    assert door.counted(names.UNKNOWN, version="7") == 8
    assert door.counted(names.UNKNOWN, version="8") == 1, "what is refused or was there before does not count"


def test_where_every_feature_goes_none_is_unknown(door: Door) -> None:
    receipt = door.send({"features": {"anything": 1}})

    assert (receipt.unknown_features_count, receipt.unknown_features) == (0, ())
    assert door.counted(names.UNKNOWN) == 0


# Schema

SCHEMA: dict[str, Any] = {
    "features": {
        "amount": {"type": "number", "nullable": False, "min": 0, "max": 100},
        "country": {"type": "text", "values": ["DE", "FR"]},
        "new": {"type": "bool"},
    }
}


def declared(**more: Any) -> Rules:
    model = {"name": "m", "schema": {**SCHEMA, **more}}
    head = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team"}
    return rules_of(ServiceSpec.model_validate({**head, "model": model}), None)


BROKEN = [
    ({"amount": None}, "amount", "missing", "is missing, and may not be"),
    ({}, "amount", "missing", "is missing, and may not be"),
    ({"amount": "12"}, "amount", "type", "is no number"),
    ({"amount": -0.5}, "amount", "range", "is outside 0..100"),
    ({"amount": 101}, "amount", "range", "is outside 0..100"),
    ({"amount": 1, "country": "XX"}, "country", "value", "is none of DE, FR"),
    ({"amount": 1, "country": 5}, "country", "type", "is no text"),
    ({"amount": 1, "new": 1}, "new", "type", "is no bool"),
]


@pytest.mark.parametrize(("features", "name", "reason", "said"), BROKEN)
def test_what_breaks_the_schema_is_counted(
    database: Database, features: dict[str, Any], name: str, reason: str, said: str
) -> None:
    door = Door(database, declared())

    receipt = door.send({"features": {"amount": 1, "country": "DE", "new": True}}, {"features": features})

    assert (receipt.accepted, receipt.refused_count) == (2, 0)
    assert door.counted(names.VIOLATIONS) == door.counted(names.VIOLATIONS, feature=name, reason=reason) == 1


@pytest.mark.parametrize(("features", "name", "reason", "said"), BROKEN)
def test_what_breaks_the_schema_is_refused_where_the_file_says_so(
    database: Database, features: dict[str, Any], name: str, reason: str, said: str
) -> None:
    door = Door(database, declared(violations="refuse"))

    receipt = door.send({"features": features}, {"features": {"amount": 1, "country": None, "new": None}})

    (refusal,) = receipt.refused
    assert (receipt.accepted, refusal.index, refusal.field, refusal.reason) == (1, 0, f"features.{name}", said)
    assert door.counted(names.VIOLATIONS) == 0


def test_the_features_of_the_schema_are_known_beside_those_of_the_reference() -> None:
    head = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team"}
    spec = ServiceSpec.model_validate({**head, "model": {"name": "m", "schema": SCHEMA}})

    assert rules_of(spec, ["age"]).features == frozenset({"age", "amount", "country", "new"})
    assert rules_of(spec, None).features == frozenset({"amount", "country", "new"})


def test_refusals_are_in_the_order_of_the_batch(database: Database) -> None:
    door = Door(database, declared(violations="refuse"))

    receipt = door.send({"features": {}}, 17, {"features": {"amount": 1}, "at": -1}, {"features": {"amount": 1}})

    assert [(refusal.index, refusal.field) for refusal in receipt.refused] == [
        (0, "features.amount"),
        (1, ""),
        (2, "at"),
    ]
    assert receipt.accepted == 1
