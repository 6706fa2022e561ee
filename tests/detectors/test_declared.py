"""Data quality without a reference profile: what `model.schema` declares is judged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.detectors.engine import DetectorEngine
from burnline.events import Finding, PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from tests.detectors.samples import START

WINDOW = timedelta(seconds=10)
EVENTS = 200
WHOLE: dict[str, list[Any]] = {
    "age": [float(year) for year in range(EVENTS)],
    "city": ["Oslo", "Lyon"] * (EVENTS // 2),
    "member": [True, False] * (EVENTS // 2),
    "note": ["anything"] * EVENTS,
}


def judged(database: Database, changes: dict[str, list[Any]], schema: str = "strict") -> Finding:
    features = {
        "age": {"type": "number", "min": 0},
        "city": {"type": "text", "values": ["Oslo", "Lyon"]},
        "member": {"type": "bool"},
        "note": {"type": "text"},
    }
    spec = ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "schema": {"features": features}},
            "signals": {"data": {"window": "10s", "schema": schema}},
        }
    )
    engine = DetectorEngine(database, [spec])
    engine.run_once(START)
    batch = PredictionBatch("shop", "1", START, {**WHOLE, **changes}, [None] * EVENTS, [None] * EVENTS, [0] * EVENTS)
    database.write(lambda tx: keep_batch(tx, batch, START))
    engine.run_once(START + WINDOW)
    (found,) = engine.latest()
    return found


@pytest.mark.parametrize("schema", ["strict", "off"])
def test_values_as_declared_are_whole(database: Database, schema: str) -> None:
    found = judged(database, {}, schema)

    assert (found.verdict, found.counts.bad, found.counts.total) == (Verdict.OK, 0, EVENTS)
    assert found.reason.startswith("Values are as model.schema declares")


@pytest.mark.parametrize("schema", ["strict", "off"])
@pytest.mark.parametrize("name", list(WHOLE))
def test_missing_values_alarm_without_a_reference(database: Database, schema: str, name: str) -> None:
    found = judged(database, {name: [None] * 60 + WHOLE[name][60:]}, schema)

    assert (found.verdict, found.counts.bad) == (Verdict.ALARM, 60)
    assert found.reason.startswith(f"{name}: 30.0% of its values are missing")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("age", -0.1, "outside what model.schema allows"),
        ("age", "forty", "of the wrong type"),
        ("city", "Turin", "outside what model.schema allows"),
        ("city", True, "of the wrong type"),
        ("member", "true", "of the wrong type"),
        ("note", 7.0, "of the wrong type"),
    ],
)
def test_types_and_values_are_judged_as_declared(database: Database, name: str, value: Any, words: str) -> None:
    found = judged(database, {name: [value] * 60 + WHOLE[name][60:]})

    assert (found.verdict, found.counts.bad) == (Verdict.ALARM, 60)
    assert found.reason.startswith(f"{name}: 30.0% of its values are {words}")


def test_with_the_schema_off_only_missing_values_count(database: Database) -> None:
    found = judged(database, {"age": ["forty"] * EVENTS, "city": ["Turin"] * EVENTS}, "off")

    assert (found.verdict, found.counts.bad) == (Verdict.OK, 0)


def test_a_feature_that_no_event_carries_is_missing(database: Database) -> None:
    found = judged(database, {"age": []})

    assert found.reason.startswith("age: 100.0% of its values are missing")
