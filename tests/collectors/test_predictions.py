"""The door for prediction events: what is kept, what is refused, and with which words."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from burnline.collectors.predictions import events as prediction_events
from burnline.collectors.predictions.check import Checked
from burnline.collectors.predictions.door import Receipt, accept_predictions, batch_of
from burnline.collectors.predictions.events import Asked, Known, Refusal, Sent
from burnline.collectors.predictions.json_body import decode_json
from burnline.collectors.predictions.rules import Rules
from burnline.errors import PayloadError, PayloadTooLarge
from burnline.events import PredictionBatch
from burnline.store.database import Database, open_database
from burnline.store.inbox import PREDICTIONS, forget_upto
from burnline.store.predictions import next_batches

KNOWN: Known = {"card-fraud": Rules(frozenset({"amount", "hour"})), "ranking": Rules()}
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Door:
    """The door with a database behind it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def send(self, body: bytes | Mapping[str, Any], *, kind: str = "application/json", encoding: str = "") -> Receipt:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return accept_predictions(self.db, Sent(data, kind, encoding), now=NOW, known=KNOWN, limit_bytes=1_000_000)

    def events(self, *events: object, service: str = "card-fraud") -> Receipt:
        return self.send({"service": service, "version": "7", "events": events})

    def item(self, text: str) -> Receipt:
        """Send one event as this text, between two good ones."""
        good = '{"features": {"amount": 1}}'
        return self.send(f'{{"service": "card-fraud", "events": [{good}, {text}, {good}]}}'.encode())

    def kept(self) -> list[PredictionBatch]:
        return [batch for _, batch in self.db.write(lambda tx: next_batches(tx, 100))]

    def take(self) -> list[PredictionBatch]:
        """What is kept, and forget it."""

        def work(tx: Connection) -> list[PredictionBatch]:
            batches = next_batches(tx, 100)
            for row_id, _ in batches:
                forget_upto(tx, PREDICTIONS, row_id)
            return [batch for _, batch in batches]

        return self.db.write(work)


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def test_rows_are_kept_in_columns(door: Door) -> None:
    receipt = door.events(
        {"features": {"amount": 12.5, "hour": 3}, "prediction": "fraud", "confidence": 0.9},
        {"features": {"hour": None}, "prediction": 0},
        {"features": {}},
    )

    assert receipt == Receipt("card-fraud", 3, (), 0)
    assert door.kept() == [
        PredictionBatch(
            service="card-fraud",
            version="7",
            received_at=NOW,
            features={"amount": [12.5, None, None], "hour": [3.0, None, None]},
            prediction=["fraud", 0.0, None],
            confidence=[0.9, None, None],
            unknown_features=[0, 0, 0],
        )
    ]


def test_columns_are_kept_as_they_are(door: Door) -> None:
    receipt = door.send(
        {
            "service": "card-fraud",
            "version": "7",
            "columns": {"amount": [1, 2.5], "hour": ["night", None]},
            "prediction": [True, False],
            "confidence": [1, 0],
        }
    )

    (batch,) = door.kept()
    assert receipt.accepted == len(batch) == 2
    assert batch.features == {"amount": [1.0, 2.5], "hour": ["night", None]}
    assert batch.prediction == [1.0, 0.0]
    assert batch.confidence == [1.0, 0.0]


def test_prediction_and_confidence_may_be_left_out_of_columns(door: Door) -> None:
    door.send({"service": "card-fraud", "columns": {"amount": [1]}})

    (batch,) = door.kept()
    assert (batch.version, batch.prediction, batch.confidence) == ("", [None], [None])
    assert batch.features == {"amount": [1.0], "hour": [None]}


def test_a_service_without_a_reference_takes_any_feature(door: Door) -> None:
    door.events({"features": {"a": 1}}, {"features": {"b": True}}, service="ranking")

    (batch,) = door.kept()
    assert batch.features == {"a": [1.0, None], "b": [None, True]}
    assert batch.unknown_features == [0, 0]


def test_unknown_features_are_dropped_and_counted(door: Door) -> None:
    door.events({"features": {"amount": 1, "iban": "x", "tax": 2}}, {"features": {"hour": 1}})
    door.send({"service": "card-fraud", "columns": {"amount": [1, 2], "iban": ["x", "y"]}})

    rows, columns = door.kept()
    assert rows.features.keys() == columns.features.keys() == {"amount", "hour"}
    assert (rows.unknown_features, columns.unknown_features) == ([2, 0], [1, 1])


def test_a_value_of_another_type_than_the_reference_is_kept_for_the_data_signal(door: Door) -> None:
    receipt = door.events({"features": {"amount": "twelve", "hour": True}})

    assert receipt.refused == ()
    assert door.kept()[0].features == {"amount": ["twelve"], "hour": [True]}


def test_what_was_accepted_is_there_after_the_database_was_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    first = open_database(url)
    Door(first).events({"features": {"amount": 1}})
    first.close()

    second = open_database(url)

    assert [len(batch) for batch in Door(second).kept()] == [1]
    second.close()


def test_gzip_is_accepted(door: Door) -> None:
    body = gzip.compress(json.dumps({"service": "card-fraud", "columns": {"amount": [1, 2]}}).encode())

    assert door.send(body, encoding="gzip").accepted == 2


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        ("3", "", "Expected `object`, got `int`"),
        ("null", "", "Expected `object`, got `null`"),
        ("{}", "", "missing required field `features`"),
        ('{"features": [1]}', "features", "Expected `object`, got `array`"),
        ('{"features": {"amount": {"eur": 1}}}', "features.amount", "got `object`"),
        ('{"features": {"amount": [1]}}', "features.amount", "got `array`"),
        ('{"features": {"amount": 1e999}}', "features.amount", "Number out of range"),
        ('{"features": {"amount": -1e999}}', "features.amount", "Number out of range"),
        ('{"features": {"amount": ' + "9" * 400 + "}}", "features.amount", "Number out of range"),
        ('{"features": {"iban": [1]}}', "features.iban", "got `array`"),
        ('{"features": {"amount": "' + "x" * 1025 + '"}}', "features.amount", "length <= 1024"),
        ('{"features": {"' + "x" * 1025 + '": 1}}', "features", "length <= 1024"),
        ('{"features": {"amount": "a\\u0000b"}}', "features.amount", "NUL character"),
        ('{"features": {"amo\\u0000unt": 1}}', "features", "NUL character"),
        ('{"features": {}, "confidence": 1.01}', "confidence", "<= 1.0"),
        ('{"features": {}, "confidence": -0.1}', "confidence", ">= 0.0"),
        ('{"features": {}, "confidence": "high"}', "confidence", "got `str`"),
        ('{"features": {}, "confidence": true}', "confidence", "got `bool`"),
        ('{"features": {}, "confidence": 1e999}', "confidence", "Number out of range"),
        ('{"features": {}, "prediction": [0.1, 0.9]}', "prediction", "got `array`"),
        ('{"features": {}, "prediction": "\\u0000"}', "prediction", "NUL character"),
        ('{"features": {}, "confidance": 0.5}', "", "unknown field `confidance`"),
        (json.dumps({"features": {str(n): 1 for n in range(10_001)}}), "features", "length <= 10000"),
    ],
)
def test_a_malformed_item_is_refused_with_its_index_field_and_reason_and_the_rest_is_kept(
    door: Door, item: str, field: str, reason: str
) -> None:
    receipt = door.item(item)

    (refusal,) = receipt.refused
    assert (receipt.accepted, receipt.refused_count) == (2, 1)
    assert (refusal.index, refusal.field) == (1, field)
    assert reason in refusal.reason
    assert [len(batch) for batch in door.kept()] == [2]


def test_invalid_utf8_costs_only_its_item(door: Door) -> None:
    body = b'{"service": "card-fraud", "events": [{"features": {"hour": "\xff"}}, {"features": {"hour": 1}}]}'

    receipt = door.send(body)

    assert (receipt.accepted, receipt.refused[0].index, receipt.refused[0].field) == (1, 0, "features.hour")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (r"\ud83d", "�"),
        (r"a\udc00b", "a�b"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d \ud83d\ude00 \ude00", "� 😀 �"),
        (r"\\ud83d \ud83d", "\\ud83d �"),
    ],
)
def test_a_lone_surrogate_becomes_the_replacement_character(door: Door, sent: str, kept: str) -> None:
    receipt = door.item(f'{{"features": {{"hour": "{sent}"}}}}')

    assert receipt.refused == ()
    assert door.kept()[0].features["hour"][1] == kept


def test_in_columns_a_wrong_value_costs_its_row(door: Door) -> None:
    body = b"""{"service": "card-fraud", "columns": {"amount": [1, [2], 3, 4], "hour": [1, 2, 1e999, "\\u0000"]},
                "prediction": ["a", {}, "c", "d"], "confidence": [0.1, 0.2, 0.3, 0.4]}"""

    receipt = door.send(body)

    assert (receipt.accepted, receipt.refused_count) == (1, 3)
    assert [(refusal.index, refusal.field) for refusal in receipt.refused] == [
        (1, "columns.amount"),
        (2, "columns.hour"),
        (3, "columns.hour"),
    ]
    (batch,) = door.kept()
    assert batch.features == {"amount": [1.0], "hour": [1.0]}
    assert (batch.prediction, batch.confidence, batch.unknown_features) == (["a"], [0.1], [0])


def test_a_receipt_lists_a_hundred_refusals_and_counts_them_all(door: Door) -> None:
    receipt = door.events(*[{"features": None}] * 250, {"features": {}})

    assert (receipt.accepted, len(receipt.refused), receipt.refused_count) == (1, 100, 250)
    assert receipt.refused[-1].index == 99


def test_a_batch_of_which_nothing_is_left_keeps_nothing(door: Door) -> None:
    assert door.events().accepted == 0
    assert door.events({"features": None}).refused_count == 1
    assert door.send({"service": "card-fraud", "columns": {}}).accepted == 0
    assert door.kept() == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cannot be read as JSON"),
        (b"amount=3", "cannot be read as JSON"),
        (b'{"service": "card-fraud", "events": [{"features": {"amount": NaN}}]}', "JSON has no NaN"),
        (b'{"service": "card-fraud", "columns": {"amount": [Infinity]}}', "JSON has no NaN and no Infinity"),
        (b'{"service": "card-fraud", "columns": {"amount": [1]}} trailing', "trailing characters"),
        (b"[]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b"{}", "missing required field `service`"),
        (b'{"service": 7}', "Expected `str`, got `int` - at `$.service`"),
        (b'{"service": "card-fraud", "version": 7, "events": []}', "at `$.version`"),
        (b'{"service": "card-fraud", "version": "\\u0000", "events": []}', "NUL"),
        (b'{"service": "card-fruad", "events": []}', "'card-fruad' is not watched here; known: card-fraud, ranking"),
        (b'{"service": "card-fraud"}', "either events, or columns"),
        (b'{"service": "card-fraud", "events": [], "columns": {}}', "either events, or columns"),
        (b'{"service": "card-fraud", "events": [], "confidence": []}', "either events, or columns"),
        (b'{"service": "card-fraud", "event": []}', "unknown field `event`"),
        (b'{"service": "card-fraud", "events": {}}', "events: Expected `array`, got `object`"),
        (b'{"service": "card-fraud", "columns": []}', "at `$.columns`"),
        (b'{"service": "card-fraud", "columns": {"amount": 1}}', "columns.amount: Expected `array`, got `int`"),
        (b'{"service": "card-fraud", "columns": {"a\\u0000": [1]}}', "NUL"),
        (b'{"service": "card-fraud", "columns": {"amount": [1], "hour": [1, 2]}}', "columns.amount 1, columns.hour 2"),
        (b'{"service": "card-fraud", "columns": {"amount": [1]}, "prediction": []}', "prediction 0, columns.amount 1"),
        (b'{"service": "card-fraud", "events": ' + b"[" * 200_000, "depth"),
        (b'{"service": "card-fraud", "events": ' + b'[{"a":' * 90_000 + b"1" + b"}]" * 90_000 + b"}", "depth"),
        (b"\xff\xfe{\x00}\x00", "cannot be read as JSON"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole_with_what_to_send(door: Door, body: bytes, said: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(said)) as caught:
        door.send(body)

    assert not isinstance(caught.value, PayloadTooLarge)
    assert door.kept() == []


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_another_content_type_is_refused(door: Door, kind: str) -> None:
    with pytest.raises(PayloadError, match="send application/json in UTF-8"):
        door.send({"service": "card-fraud", "events": []}, kind=kind)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
def test_the_content_type_may_name_utf8(door: Door, kind: str) -> None:
    assert door.send({"service": "card-fraud", "events": []}, kind=kind).accepted == 0


def test_a_body_of_100_mb_is_refused(door: Door) -> None:
    with pytest.raises(PayloadTooLarge, match="larger than 1,000,000 bytes"):
        door.send(b" " * 100_000_000)


def test_a_gzip_bomb_is_refused(door: Door) -> None:
    with pytest.raises(PayloadTooLarge, match="after decompression"):
        door.send(gzip.compress(b" " * 100_000_000), encoding="gzip")


def test_more_than_100_000_events_are_refused(door: Door) -> None:
    amounts = {"amount": [1] * 100_001}

    with pytest.raises(PayloadTooLarge, match=r"100,001 events in one batch; send at most 100,000"):
        door.send({"service": "card-fraud", "columns": amounts})


def test_sparse_rows_do_not_unfold_into_gigabytes(door: Door) -> None:
    events = [{"features": {f"f{n}": 1}} for n in range(5_000)]

    with pytest.raises(PayloadTooLarge, match=r"5,000 events of 5,000 features are more than 4,000,000 values"):
        door.events(*events, service="ranking")


def test_too_many_different_features_are_refused(door: Door) -> None:
    events = [{"features": {f"f{n}": 1}} for n in range(10_001)]

    with pytest.raises(PayloadTooLarge, match="10,001 different features"):
        door.events(*events, service="ranking")


def test_a_flood_of_values_is_refused_before_it_is_decoded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_events, "MAX_VALUES", 50)

    with pytest.raises(PayloadTooLarge, match="more than 50 values"):
        door.send({"service": "card-fraud", "columns": {"amount": [1] * 60}})


# Whatever comes, the answer is a receipt or a refusal, and the receipt is what is in the inbox.

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON_VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
ODD_EVENTS = st.fixed_dictionaries(
    {}, optional={"features": st.dictionaries(st.text(), JSON_VALUES), "prediction": JSON_VALUES, "confidence": SCALARS}
)
ODD_BODIES = st.fixed_dictionaries(
    {"service": st.sampled_from(["card-fraud", "ranking", "nobody"])},
    optional={
        "version": SCALARS,
        "events": st.lists(ODD_EVENTS | JSON_VALUES),
        "columns": st.dictionaries(st.text(), st.lists(JSON_VALUES) | JSON_VALUES),
        "prediction": JSON_VALUES,
        "confidence": st.lists(SCALARS),
    },
)
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def answer(door: Door, body: bytes, encoding: str = "") -> None:
    try:
        accepted = door.send(body, encoding=encoding).accepted
    except PayloadError:
        accepted = 0

    batches = door.take()

    assert sum(len(batch) for batch in batches) == accepted
    for batch in batches:
        columns: list[list[Any]] = [
            *batch.features.values(),
            batch.prediction,
            batch.confidence,
            batch.unknown_features,
        ]
        assert {len(column) for column in columns} == {accepted}


@fuzz
@given(st.binary() | st.text().map(str.encode) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bytes_get_a_receipt_or_a_refusal(door: Door, body: bytes) -> None:
    answer(door, body)


@fuzz
@given(ODD_BODIES)
def test_arbitrary_batches_get_a_receipt_or_a_refusal(door: Door, body: Mapping[str, Any]) -> None:
    answer(door, json.dumps(body).encode())


@fuzz
@given(st.binary())
def test_arbitrary_gzip_gets_a_receipt_or_a_refusal(door: Door, body: bytes) -> None:
    answer(door, body, encoding="gzip")


@fuzz
@given(
    st.lists(
        st.fixed_dictionaries(
            {"amount": st.none() | st.floats(allow_nan=False, allow_infinity=False), "hour": st.none() | st.booleans()}
        ),
        min_size=1,
    )
)
def test_rows_and_columns_of_the_same_events_are_the_same_batch(door: Door, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in ("amount", "hour")}

    row_batch, _ = decode({"service": "card-fraud", "events": [{"features": row} for row in rows]})
    column_batch, _ = decode({"service": "card-fraud", "columns": columns})

    assert row_batch == column_batch


@fuzz
@given(st.lists(ODD_EVENTS | JSON_VALUES))
def test_one_bad_item_changes_nothing_for_the_others(door: Door, events: list[Any]) -> None:
    one_by_one = [decode({"service": "ranking", "events": [event]})[0] for event in events]

    batch, refused = decode({"service": "ranking", "events": events})

    assert [len(single) for single in one_by_one] == [
        int(n not in {r.index for r in refused}) for n in range(len(events))
    ]
    assert batch.prediction == [answer for single in one_by_one for answer in single.prediction]


def decode(body: Mapping[str, Any]) -> tuple[PredictionBatch, list[Refusal]]:
    text = json.dumps(body).replace("NaN", "null").replace("-Infinity", "null").replace("Infinity", "null")
    decoded = decode_json(text.encode(), KNOWN, Asked())
    return batch_of(Checked(decoded), NOW), decoded.refused
