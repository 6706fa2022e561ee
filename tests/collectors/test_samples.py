"""The door for samples: what training has of events meets what was served, and what is refused says why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Asked, Sent
from burnline.collectors.predictions.keeper import EventKeeper
from burnline.collectors.predictions.rules import Rules, rules_of
from burnline.collectors.predictions.samples import MAX_SAMPLES, SampleReceipt, accept_samples
from burnline.collectors.predictions.tolerance import compare
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported
from burnline.events import Mismatch, PredictionBatch
from burnline.metrics import events as names
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.inbox import SAMPLES, waiting
from burnline.store.samples import Sampling
from burnline.store.series import samples

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
EVERY = Sampling(1.0, compare)
KNOWN = {"shop": Rules(sampling=EVERY), "bank": Rules()}
JSON, NDJSON, MSGPACK = "application/json", "application/x-ndjson", "application/msgpack"


class Door:
    """Both doors of one database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def predict(self, events: dict[str, dict[str, Any]], version: str = "7") -> None:
        rows = [{"id": each, "features": features} for each, features in events.items()]
        body = json.dumps({"service": "shop", "version": version, "events": rows}).encode()
        accept_predictions(self.db, Sent(body), now=NOW, known=KNOWN)

    def send(self, body: bytes, kind: str = JSON, service: str = "") -> SampleReceipt:
        return accept_samples(self.db, Sent(body, kind, asked=Asked(service)), now=NOW, known=KNOWN)

    def train(self, events: dict[str, dict[str, Any]]) -> SampleReceipt:
        return self.send(envelope(*({"id": each, "features": features} for each, features in events.items())))

    def compared(self) -> list[PredictionBatch]:
        with self.db.read() as tx:
            return [msgspec.msgpack.decode(row.body, type=PredictionBatch) for row in waiting(tx, SAMPLES, 100)]


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def envelope(*items: Any, service: str = "shop") -> bytes:
    return json.dumps({"service": service, "samples": items}).encode()


ITEM = {"id": "a", "features": {"amount": 1250, "city": "Oslo"}}
FORMS = {
    "json": (JSON, envelope(ITEM)),
    "ndjson": (NDJSON, json.dumps(ITEM).encode() + b"\n\n"),
    "msgpack": (MSGPACK, msgspec.msgpack.encode({"service": "shop", "samples": [ITEM]})),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_training_has_is_compared_with_what_was_served(door: Door, form: str) -> None:
    kind, body = FORMS[form]
    door.predict({"a": {"amount": 12.5, "city": "Oslo"}})

    receipt = door.send(body, kind, service="shop")

    assert receipt == SampleReceipt("shop", 1, 0, 0, (), 0)
    assert [batch.features for batch in door.compared()] == [{"amount": [Mismatch.HUNDREDTH], "city": [False]}]


def test_training_may_come_first(door: Door) -> None:
    first = door.train({"a": {"amount": 1.0}})

    door.predict({"a": {"amount": 1.0}, "b": {"amount": 1.0}})

    assert first.waiting == 1
    assert [batch.features for batch in door.compared()] == [{"amount": [False]}]


def test_a_repeated_event_and_a_repeated_sample_count_once(door: Door) -> None:
    for _ in range(2):
        door.predict({"a": {"amount": 1.0}})
        receipt = door.train({"a": {"amount": 1.0}})

    assert receipt.duplicates == 1
    assert len(door.compared()) == 1


def test_an_event_without_an_id_is_no_sample(door: Door) -> None:
    body = json.dumps({"service": "shop", "events": [{"features": {"amount": 1}}, {"id": "a", "features": {}}]})

    accept_predictions(door.db, Sent(body.encode()), now=NOW, known=KNOWN)

    assert door.train({"a": {"amount": 1.0}}).matched == 1


def test_only_events_of_the_sample_are_kept_on_either_side(door: Door) -> None:
    known = {"shop": Rules(sampling=Sampling(0.0, compare))}

    receipt = accept_samples(door.db, Sent(envelope(ITEM)), now=NOW, known=known)

    assert (receipt.unsampled, receipt.waiting) == (1, 0)


def test_what_waited_in_vain_goes_with_the_events(door: Door) -> None:
    door.train({"a": {"amount": 1.0}})

    EventKeeper(door.db, KNOWN).run_once(NOW + timedelta(hours=25))
    door.predict({"a": {"amount": 1.0}})

    with door.db.read() as tx:
        assert {one.name: one.value for one in samples(tx, "shop")} == {names.SAMPLES_UNMATCHED: 1}
    assert door.compared() == []


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        (17, "", "Expected `object`"),
        ({"features": {}}, "", "missing required field `id`"),
        ({"id": None, "features": {}}, "id", "is missing"),
        ({"id": "a\0", "features": {}}, "id", "NUL"),
        ({"id": "x" * 201, "features": {}}, "id", "<= 200"),
        ({"id": "a"}, "", "missing required field `features`"),
        ({"id": "a", "features": {"x": [1]}}, "features", "Expected"),
        ({"id": "a", "features": {}, "label": 1}, "", "unknown field `label`"),
    ],
)
def test_a_sample_that_cannot_be_used_costs_itself(door: Door, item: Any, field: str, reason: str) -> None:
    receipt = door.send(envelope(ITEM, item))

    (refusal,) = receipt.refused
    assert (receipt.waiting, receipt.refused_count, refusal.index) == (1, 1, 1)
    assert field in refusal.field
    assert reason in refusal.reason


@pytest.mark.parametrize(
    ("body", "kind", "error", "words"),
    [
        (envelope(ITEM, service="bank"), JSON, PayloadError, "signals.skew"),
        (envelope(ITEM, service="nobody"), JSON, PayloadError, "not watched"),
        (b"[]", JSON, PayloadError, "samples"),
        (b"{}", "text/csv", PayloadUnsupported, "application/json"),
        (envelope(*[ITEM] * (MAX_SAMPLES + 1)), JSON, PayloadTooLarge, "10,000 samples"),
    ],
    ids=["service without skew", "unknown service", "no envelope", "unknown type", "too many"],
)
def test_a_body_that_cannot_be_used_is_refused(
    door: Door, body: bytes, kind: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        door.send(body, kind)


def test_an_infinity_is_no_value(door: Door) -> None:
    item = {"id": "a", "features": {"x": float("inf")}}

    receipt = door.send(msgspec.msgpack.encode({"service": "shop", "samples": [item]}), MSGPACK)

    assert receipt.refused[0].field == "features.x"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), kind=st.sampled_from([JSON, NDJSON, MSGPACK]))
def test_no_bytes_bring_the_door_down(door: Door, body: bytes, kind: str) -> None:
    try:
        receipt = door.send(body, kind, "shop")
    except PayloadError:
        return

    assert receipt.matched == 0


def test_the_service_file_says_how_much_is_compared_and_how() -> None:
    spec = ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "signals": {"skew": {"sample": "5%", "tolerance": 0.1, "tolerances": {"b": 0.5}}},
        }
    )

    rules = rules_of(spec, [f"f{number}" for number in range(10_000)])

    assert rules.sampling is not None
    assert (rules.sampling.share, rules.sampling.most) == (0.05, 500)
    assert isinstance(rules.sampling.compare, partial)
    assert rules.sampling.compare({"a": 1.5, "b": 10}, {"a": 1.6, "b": 15}) == {"a": None, "b": None}
