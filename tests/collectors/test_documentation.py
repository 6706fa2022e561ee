"""docs/collectors.md, and the pages of its parts, say what the code does."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from burnline import metrics
from burnline.collectors import prediction_events, predictions, scrape
from burnline.collectors.prediction_rules import Rules
from burnline.metrics.register import MEASURED
from burnline.store.database import Database
from burnline.store.predictions import next_batches

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "collectors.md").read_text()
PAGES = "".join(page.read_text() for page in sorted(DOCS.glob("*.md")))
FENCED = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
CURL = json.loads(re.search(r"-d '(.*?)'", PAGE, re.DOTALL)[1])  # type: ignore[index]  # a missing example fails here


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_every_series_of_the_machine_is_in_a_table(name: str) -> None:
    assert f"| `{name}` | {MEASURED[name]} |" in PAGES


def test_no_other_series_is_promised() -> None:
    known = {*MEASURED, *(value for value in vars(metrics).values() if isinstance(value, str))}

    assert set(re.findall(r"\| `(burnline_\w+)` \|", PAGES)) <= known


def test_the_examples_are_accepted_and_are_the_same_events(database: Database, now: datetime) -> None:
    for example in (CURL, FENCED[0]):
        predictions.accept_predictions(
            database,
            json.dumps(example).encode(),
            content_type="application/json",
            content_encoding="",
            now=now,
            known={"card-fraud": Rules()},
        )

    (_, rows), (_, columns) = database.write(lambda tx: next_batches(tx, 2))
    assert rows == columns
    assert len(rows) == 2


def test_the_receipt_is_as_shown(database: Database, now: datetime) -> None:
    events = [{"features": {}}, {"features": {}, "confidence": 1.5}]

    receipt = predictions.accept_predictions(
        database,
        json.dumps({"service": "card-fraud", "events": events}).encode(),
        content_type="application/json",
        content_encoding="",
        now=now,
        known={"card-fraud": Rules()},
    )

    (refusal,) = receipt.refused
    shown = FENCED[1]
    assert (receipt.accepted, receipt.refused_count) == (shown["accepted"], shown["refused_count"])
    assert {"index": refusal.index, "field": refusal.field, "reason": refusal.reason} == shown["refused"][0]


def test_the_limits_are_as_written() -> None:
    assert f"{scrape.LIMIT_BYTES >> 20} MiB after decompression, a line" in PAGE
    assert (
        f"more than {predictions.LIMIT_BYTES >> 20} MiB after decompression, {prediction_events.MAX_EVENTS:,} events, "
        f"or {prediction_events.MAX_VALUES:,} values"
    ) in PAGE
    assert f"a text over {prediction_events.MAX_TEXT:,} characters" in PAGE
    assert f"more than {prediction_events.MAX_FEATURES:,} features" in PAGE
