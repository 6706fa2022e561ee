"""POST /v1/predictions: what is good is kept, what is not is named, and nothing is lost in silence."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pyarrow as pa
import pytest
import zstandard

from burnline.events import PredictionBatch
from burnline.store.inbox import PREDICTIONS
from burnline.store.predictions import next_batches
from tests.app.still import Still
from tests.collectors.formats import ARROW, stream


def rows(*events: Any, service: str = "scoring") -> bytes:
    """A body of events."""
    return json.dumps({"service": service, "version": "7", "events": list(events)}).encode()


def event(**features: Any) -> dict[str, Any]:
    """One event of these features."""
    return {"features": features, "prediction": 1, "confidence": 0.9}


def kept(door: Still) -> list[PredictionBatch]:
    """The batches that wait for the detectors."""
    with door.app.db.read() as tx:
        return [batch for _, batch in next_batches(tx, 100)]


def test_good_events_are_kept_before_they_are_acknowledged(door: Still) -> None:
    answer = door.predict(rows(event(length=1.5, weight=2), event(length=2.5, weight=None)))

    assert answer.status_code == 202
    assert answer.json() == {
        "service": "scoring",
        "accepted": 2,
        "refused": [],
        "refused_count": 0,
        "duplicates": 0,
        "late": 0,
        "unknown_features": [],
        "unknown_features_count": 0,
    }
    [batch] = kept(door)
    assert batch.features == {"length": [1.5, 2.5], "weight": [2, None]}
    assert door.counted("burnline_events_accepted_total", service="scoring") == 2


def test_every_door_says_where_no_signal_counts_what_was_sent(door: Still) -> None:
    items = {
        "predictions": {"events": [{**event(length=1.5), "id": "a"}]},
        "labels": {"labels": [{"id": "a", "label": 1}]},
        "answers": {"answers": [{"answer": "Yes."}]},
    }

    said = {
        (service, path): door.post(
            f"/v1/{path}", json.dumps({"service": service, **body}), content_type="application/json"
        ).json()
        for service in ("scoring", "ranking")
        for path, body in items.items()
    }

    assert {key for key, each in said.items() if "note" not in each} == {("scoring", "predictions")}
    assert said["ranking", "answers"]["note"].startswith("no signal of ranking counts answers now: ")


def test_columns_are_as_good_as_rows(door: Still) -> None:
    body = {"service": "scoring", "columns": {"length": [1.5, 2.5]}, "prediction": [0, 1], "confidence": [0.5, 1]}

    assert door.predict(json.dumps(body)).json()["accepted"] == 2


def test_gzip_is_read(door: Still) -> None:
    answer = door.predict(gzip.compress(rows(event(length=1.5))), content_encoding="gzip")

    assert answer.json()["accepted"] == 1


def test_zstd_is_read(door: Still) -> None:
    answer = door.predict(zstandard.compress(rows(event(length=1.5))), content_encoding="zstd")

    assert answer.json()["accepted"] == 1


def test_other_formats_are_read_for_the_service_in_the_url(door: Still) -> None:
    body = b'{"features": {"length": 1.5}}\n{"features": {"length": 2.5}}\n'

    answer = door.post("/v1/predictions?service=scoring&version=7", body, content_type="application/x-ndjson")

    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    [batch] = kept(door)
    assert (batch.version, batch.features["length"]) == ("7", [1.5, 2.5])


def test_a_time_of_a_table_that_is_far_away_is_refused(door: Still) -> None:
    found = pa.table({"length": [1.5], "at": pa.array([2**62], pa.timestamp("s"))})

    answer = door.post("/v1/predictions?service=scoring", stream(found), content_type=ARROW)

    assert answer.status_code == 422
    assert answer.json()["refused"][0]["field"] == "at"
    assert "ahead of burnline's clock" in answer.json()["refused"][0]["reason"]


def test_a_damaged_table_is_refused(door: Still) -> None:
    answer = door.post("/v1/predictions?service=scoring", b"PAR1", content_type="application/vnd.apache.parquet")

    assert answer.status_code == 400
    assert "the table cannot be read" in answer.json()["error"]


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        (b'{"features": {"length": [1]}}', "features.length", "got `array`"),
        (b'{"features": {"length": {"a": 1}}}', "features.length", "got `object`"),
        (b'{"features": {"length": 1e999}}', "features.length", "out of range"),
        (b'{"features": {"length": ' + b"9" * 5000 + b"}}", "features.length", "out of range"),
        (b'{"features": {"length": 1}, "confidence": 1.5}', "confidence", "<= 1"),
        (b'{"features": {"length": 1}, "prediction": []}', "prediction", "got `array`"),
        (b'{"features": {"length": 1}, "colour": 1}', "", "colour"),
        (b'{"features": {"length": "' + b"x" * 2000 + b'"}}', "features.length", "1024"),
        (b'{"prediction": 1}', "", "features"),
        (b"17", "", "got `int`"),
        (b"null", "", "got `null`"),
    ],
)
def test_a_malformed_item_is_named_and_the_rest_is_kept(door: Still, wrong: bytes, field: str, reason: str) -> None:
    body = rows(event(length=1), "here", event(length=3)).replace(b'"here"', wrong)

    answer = door.predict(body)

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    [refused] = answer.json()["refused"]
    assert (refused["index"], refused["field"]) == (1, field)
    assert reason in refused["reason"]
    assert [batch.features["length"] for batch in kept(door)] == [[1, 3]]
    assert door.counted("burnline_events_refused_total", service="scoring", reason="malformed") == 1


def test_when_every_item_is_malformed_nothing_is_kept(door: Still) -> None:
    answer = door.predict(rows(17, event(length=[1])))

    assert answer.status_code == 422
    assert (answer.json()["accepted"], answer.json()["refused_count"]) == (0, 2)
    assert door.kept(PREDICTIONS) == []


def test_of_many_refused_items_a_hundred_are_listed_and_all_are_counted(door: Still) -> None:
    answer = door.predict(rows(*[17] * 250, event(length=1)))

    assert answer.json()["refused_count"] == 250
    assert len(answer.json()["refused"]) == 100


def test_a_value_of_another_type_is_kept_for_the_data_signal_to_count(door: Still) -> None:
    assert door.predict(rows(event(length="long"))).json()["accepted"] == 1


def test_unknown_features_are_dropped_and_counted(door: Still) -> None:
    assert door.predict(rows(event(length=1, colour="red", size=3))).status_code == 202

    [batch] = kept(door)
    assert sorted(batch.features) == ["length", "weight"]
    assert batch.unknown_features == [2]


def test_without_a_reference_any_feature_goes(door: Still) -> None:
    assert door.predict(rows(event(colour="red"), service="ranking")).status_code == 202

    [batch] = kept(door)
    assert batch.features == {"colour": ["red"]}


def test_a_batch_of_no_events_is_nothing_to_keep(door: Still) -> None:
    assert door.predict(rows()).json()["accepted"] == 0
    assert door.kept(PREDICTIONS) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "cannot be read as JSON"),
        (b"{", "cannot be read as JSON"),
        (b"null", "got `null`"),
        (b"[]", "got `array`"),
        (b'{"events": []}', "service"),
        (b'{"service": "scoring"}', "needs either events, or columns"),
        (b'{"service": "scoring", "events": 1}', "events: Expected `array`"),
        (b'{"service": "nobody", "events": []}', "'nobody' is not watched here; known: ranking, scoring"),
        (b'{"service": "scoring", "columns": {"length": [1, 2]}, "prediction": [1]}', "columns must be of one length"),
        (b'{"service": "scoring", "colour": 1, "events": []}', "colour"),
        (b'{"service": "scoring\xff", "events": []}', "cannot be read as JSON"),
        (b'{"service": "scoring", "events": [{"features": {"length": NaN}}]}', "JSON has no NaN"),
        (b'{"service": "scoring", "events": [{"features": {"length": -Infinity}}]}', "no Infinity"),
        (b"[" * 200_000 + b"]" * 200_000, "got `array`"),
        (b'{"service": "scoring", "events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_whole(door: Still, body: bytes, told: str) -> None:
    answer = door.predict(body)

    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert len(answer.content) < 1000
    assert door.kept(PREDICTIONS) == []
    assert door.counted("burnline_bodies_refused_total", door="/v1/predictions", reason="malformed") == 1


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""]
)
def test_another_content_type_is_refused(door: Still, content_type: str) -> None:
    answer = door.predict(rows(event(length=1)), content_type=content_type)

    assert answer.status_code == 415
    assert "send application/json" in answer.json()["error"]
    assert door.kept(PREDICTIONS) == []


def test_too_many_events_in_one_batch_are_refused(door: Still) -> None:
    answer = door.predict(b'{"service": "scoring", "events": [' + b"0," * 100_000 + b"0]}")

    assert answer.status_code == 413
    assert "send at most 100,000" in answer.json()["error"]
