"""The door for labels: what is joined, what waits, what is refused and with which words."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Asked, Sent
from burnline.collectors.predictions.keeper import EventKeeper
from burnline.collectors.predictions.labels import MAX_LABELS, accept_labels
from burnline.collectors.predictions.posted import JoinReceipt
from burnline.collectors.predictions.rules import Rules
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported
from burnline.metrics import events as names
from burnline.spec.events import EventsSpec
from burnline.store.database import Database
from burnline.store.kept_events import LabelledEvent, labelled_after
from burnline.store.series import samples

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KNOWN = {"shop": Rules(events=EventsSpec(label_wait="1h")), "bank": Rules()}
JSON, NDJSON, MSGPACK = "application/json", "application/x-ndjson", "application/msgpack"


class Door:
    """Both doors of one database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def predict(self, *ids: str, prediction: Any = "fine", now: datetime = NOW) -> None:
        events = [{"features": {}, "prediction": prediction, "id": each} for each in ids]
        body = json.dumps({"service": "shop", "version": "7", "events": events}).encode()
        accept_predictions(self.db, Sent(body), now=now, known=KNOWN)

    def send(self, body: bytes, kind: str = JSON, *, encoding: str = "", service: str = "") -> JoinReceipt:
        return accept_labels(self.db, Sent(body, kind, encoding, Asked(service)), now=NOW, known=KNOWN)

    def label(self, *labels: Any) -> JoinReceipt:
        return self.send(envelope(*labels))

    def joined(self) -> list[LabelledEvent]:
        with self.db.read() as tx:
            return labelled_after(tx, "shop", 0, 100)

    def counted(self) -> dict[str, float]:
        with self.db.read() as tx:
            return {one.name: one.value for one in samples(tx, "shop")}


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def envelope(*labels: Any) -> bytes:
    return json.dumps({"service": "shop", "labels": labels}).encode()


LABELS: list[Mapping[str, Any]] = [
    {"id": "a", "label": "fraud", "at": "2026-01-05T11:00:00Z"},
    {"id": "b", "actual": "fine"},
]
FORMS = {
    "json": (JSON, envelope(*LABELS)),
    "ndjson": (NDJSON, b"\n".join(json.dumps(each).encode() for each in LABELS) + b"\n\n"),
    "msgpack": (MSGPACK, msgspec.msgpack.encode({"service": "shop", "labels": LABELS})),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_joined_with_the_events_of_their_ids(door: Door, form: str) -> None:
    kind, body = FORMS[form]
    door.predict("a", "b", "c")

    receipt = door.send(body, kind, service="shop")

    assert receipt == JoinReceipt("shop", 2, 0, 0, (), 0)
    assert sorted(row.label for row in door.joined()) == ["fine", "fraud"]
    assert {row.labelled_at for row in door.joined()} == {NOW, NOW - timedelta(hours=1)}
    assert (door.counted()[names.LABELLED], door.counted()[names.WRONG]) == (2, 1)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_packed_body_is_read(door: Door, encoding: str, pack: Any) -> None:
    assert door.send(pack(envelope(*LABELS)), encoding=encoding).waiting == 2


def test_true_and_false_are_one_and_zero(door: Door) -> None:
    door.predict("a", "b", prediction=True)

    door.label({"id": "a", "label": True}, {"id": "b", "label": False})

    assert (door.counted()[names.LABELLED], door.counted()[names.WRONG]) == (2, 1)


def test_a_label_that_waited_in_vain_is_counted(door: Door) -> None:
    door.label({"id": "a", "label": 1})
    keeper = EventKeeper(door.db, KNOWN)

    keeper.run_once(NOW + timedelta(minutes=59))
    before = door.counted()
    keeper.run_once(NOW + timedelta(minutes=61))
    door.predict("a", now=NOW + timedelta(minutes=62))

    assert before == {}
    assert door.counted() == {names.UNMATCHED: 1}


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        (3, "", "Expected `object`"),
        ({"label": 1}, "", "missing required field `id`"),
        ({"id": None, "label": 1}, "id", "is missing"),
        ({"id": "", "label": 1}, "id", "length >= 1"),
        ({"id": "a\0", "label": 1}, "id", "NUL"),
        ({"id": "a"}, "label", "must be a number, a text, true or false"),
        ({"id": "a", "label": None}, "label", "must be a number"),
        ({"id": "a", "label": [1]}, "label", "got `array`"),
        ({"id": "a", "label": "\0"}, "label", "NUL"),
        ({"id": "a", "label": "x" * 1025}, "label", "length <= 1024"),
        ({"id": "a", "label": 1, "at": "2026-01-05T13:00:00Z"}, "at", "ahead of burnline's clock"),
        ({"id": "a", "label": 1, "at": 1.7e308}, "at", "ahead of burnline's clock"),
        ({"id": "a", "label": 1, "at": -5}, "at", "before 1970"),
        ({"id": "a", "label": 1, "colour": 1}, "", "unknown field `colour`"),
    ],
)
def test_a_label_that_is_wrong_is_named_and_the_others_are_kept(door: Door, item: Any, field: str, reason: str) -> None:
    receipt = door.label({"id": "x", "label": 1}, item, {"id": "y", "label": 1})

    (refusal,) = receipt.refused
    assert (receipt.waiting, refusal.index, refusal.field) == (2, 1, field)
    assert reason in refusal.reason


@pytest.mark.parametrize("value", [b"\xcb\x7f\xf8\0\0\0\0\0\0", b"\xcb\x7f\xf0\0\0\0\0\0\0"], ids=["nan", "inf"])
def test_no_time_is_nan_or_infinite(door: Door, value: bytes) -> None:
    label = b"\x83\xa2id\xa1a\xa5label\x01\xa2at"

    receipt = door.send(b"\x82\xa7service\xa4shop\xa6labels\x92" + label + value + label + b"\xc0", MSGPACK)

    assert ([refusal.field for refusal in receipt.refused], receipt.waiting) == (["at"], 1)


@pytest.mark.parametrize("value", [b"\xcb\x7f\xf8\0\0\0\0\0\0", b"\xcb\x7f\xf0\0\0\0\0\0\0"], ids=["nan", "inf"])
def test_no_label_is_nan_or_infinite(door: Door, value: bytes) -> None:
    body = b"\x82\xa7service\xa4shop\xa6labels\x91\x82\xa2id\xa1a\xa5label" + value

    assert door.send(body, MSGPACK).refused[0].field == "label"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"service": "shop"}', "missing required field `labels`"),
        (b'{"service": "shop", "labels": {}}', "Expected `array`"),
        (b'{"service": "nobody", "labels": []}', "'nobody' is not watched here; known: bank, shop"),
        (b'{"service": "shop", "labels": [{"id": "a", "label": NaN}]}', "malformed"),
        (b'{"service": "shop", "labels": ' + b"[" * 100_000, "depth"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(door: Door, body: bytes, said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        door.send(body)


def test_too_many_labels_are_refused(door: Door) -> None:
    many = [{"id": str(n), "label": 1} for n in range(MAX_LABELS + 1)]
    bodies = [
        (JSON, envelope(*many)),
        (JSON, b'{"service": "shop", "labels": [' + b"0," * MAX_LABELS + b"0]}"),
        (NDJSON, b"0\n" * (MAX_LABELS + 1)),
        (MSGPACK, msgspec.msgpack.encode({"service": "shop", "labels": many})),
        (MSGPACK, b"\x82\xa7service\xa4shop\xa6labels\xdd\x00\xff\xff\xff" + b"\xc0" * 0xFFFFFF),
    ]

    for kind, body in bodies:
        with pytest.raises(PayloadTooLarge):
            door.send(body, kind, service="shop")


def test_another_content_type_is_refused(door: Door) -> None:
    with pytest.raises(PayloadUnsupported, match="send one of application/json"):
        door.send(b"a,1", "text/csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from([JSON, NDJSON, MSGPACK]), st.binary(max_size=200))
def test_arbitrary_bytes_get_a_receipt_or_a_refusal(door: Door, kind: str, noise: bytes) -> None:
    for body in (noise, b'{"service": "shop", "labels": [' + noise + b"]}"):
        with suppress(PayloadError):
            door.send(body, kind, service="shop")
