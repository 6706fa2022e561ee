"""From the doors to the findings: predictions with embeddings, and labels an hour later, by version and slice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.labels import accept_labels
from burnline.collectors.predictions.rules import rules_of
from burnline.detectors.centroids import build_embedding
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import save_reference
from burnline.events import Finding, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database
from tests.detectors.labelled_samples import labelled_batch, labelled_reference
from tests.detectors.samples import START, vectors

HOUR = timedelta(hours=1)
EVENTS = 1500


@pytest.fixture
def spec(tmp_path: Path) -> ServiceSpec:
    reference = labelled_reference(5000)
    embedding = build_embedding(vectors(np.random.default_rng(1), 2000))
    save_reference(msgspec.structs.replace(reference, embedding=embedding), tmp_path / "ref.json")
    wanted = {name: {"window": "1h"} for name in ("estimate", "embedding", "calibration", "performance")}
    return ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "reference": str(tmp_path / "ref.json")},
            "events": {"slices": ["country"]},
            "signals": wanted,
        }
    )


def send(db: Database, spec: ServiceSpec) -> None:
    """1,500 answers; then, an hour later, their labels: the world has changed in FR alone."""
    known = {"shop": rules_of(spec, (), embedding=4)}
    fine = labelled_batch(5, EVENTS // 2)
    changed = labelled_batch(6, EVENTS // 2, truth=lambda chance: 1 - chance)
    sent = vectors(np.random.default_rng(2), EVENTS).tolist()
    events, labels = [], []
    for country, batch, first in (("DE", fine, 0), ("FR", changed, EVENTS // 2)):
        for place, said in enumerate(batch.prediction):
            named: Mapping[str, Any] = {"id": first + place}
            beside = {"confidence": batch.confidence[place], "embedding": sent[first + place]}
            events.append({"features": {"country": country}, "prediction": said, **beside, **named})
            labels.append({"label": batch.label[place], **named})
    body = json.dumps({"service": "shop", "version": "7", "events": events}).encode()
    kind = "application/json"
    receipt = accept_predictions(db, Sent(body, kind), now=START, known=known)
    assert (receipt.accepted, receipt.refused_count) == (EVENTS, 0)
    body = json.dumps({"service": "shop", "labels": labels}).encode()
    assert accept_labels(db, Sent(body, kind), now=START + HOUR, known=known).matched == EVENTS


def findings(db: Database) -> dict[tuple[str, str], Finding]:
    """The first hour with data, by signal and part."""
    with db.read() as tx:
        return {
            (each.signal, part): each
            for signal in ("estimate", "embedding", "calibration", "performance")
            for part in ("", "version=7", "country=DE", "country=FR")
            for each in signals.findings_between(tx, "shop", signal, START - HOUR, START + 3 * HOUR, part)
            if each.verdict is not Verdict.NO_DATA
        }


def test_a_world_that_changed_in_one_country_is_seen_when_labels_come_and_only_there(
    database: Database, spec: ServiceSpec
) -> None:
    engine = DetectorEngine(database, [spec])
    send(database, spec)

    for hour in range(3):
        engine.run_once(START + hour * HOUR)

    found = findings(database)
    verdicts = {key: each.verdict for key, each in found.items()}
    assert verdicts["estimate", ""] is Verdict.OK
    assert verdicts["embedding", ""] is Verdict.OK
    assert verdicts["performance", ""] is Verdict.ALARM
    assert verdicts["performance", "version=7"] is Verdict.ALARM
    assert verdicts["performance", "country=FR"] is Verdict.ALARM
    assert verdicts["performance", "country=DE"] is Verdict.OK
    assert verdicts["calibration", "country=FR"] is Verdict.ALARM
    assert verdicts["calibration", "country=DE"] is Verdict.OK
    assert found["embedding", ""].counts.total == found["performance", ""].counts.total == EVENTS
    assert found["performance", ""].window_start > found["estimate", ""].window_start
