"""Prediction events per CPU second and core, for each format: decoded, checked, committed to the inbox, and folded.

    PYTHONPATH=. python benchmarks/ingest.py [--rows 1000] [--batches 20]

Every format carries the same events (20 numbers, 5 labels, answer and confidence). `decode` is bytes to columns (for
Arrow and Parquet with the CPU time of the process that reads them), `door` adds checks and the commit, `ids` the same
with an id in each event, and `fold` is what the detectors do with one batch, the same for all. One JSON line a format;
`ratio` is `door` over that of the first one, JSON rows unless `--only` leaves them out.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.fold_events import columns

from burnline.collectors.predictions import arrow as prediction_arrow
from burnline.collectors.predictions.door import accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.formats import FORMATS
from burnline.collectors.predictions.rules import Rules
from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database, open_database
from tests.collectors import formats
from tests.collectors.formats import FORMS, HERE, SERVICE

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ROUNDS = 3


def rows(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    found = columns(rng, count)
    answers, sure = rng.choice(["yes", "no"], count).tolist(), rng.beta(8, 2, count).tolist()
    return [
        {
            "features": {name: values[at] for name, values in found.items()},
            "prediction": answers[at],
            "confidence": sure[at],
        }
        for at in range(count)
    ]


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process and of those it ended meanwhile, the best of ROUNDS."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = _spent()
        work()
        prediction_arrow.close_worker()  # its CPU time is known when it has ended
        best = min(best, _spent() - before)
    return best


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def fold(rng: np.random.Generator, count: int) -> float:
    """Events folded a CPU second."""
    spec = {"apiVersion": "burnline/v1", "service": "b", "owner": "b", "signals": {name: {} for name in DETECTORS}}
    reference = build_profile(columns(rng, 20_000), ["yes", "no"] * 10_000, rng.beta(8, 2, 20_000).tolist(), name="b")
    detectors = build_detectors(ServiceSpec.model_validate(spec), reference).values()
    reader = ColumnReader(reference)
    batch = PredictionBatch("b", "1", NOW, columns(rng, count), ["yes"] * count, [0.5] * count, [0] * count)

    def work() -> None:
        for _ in range(10):
            read = reader.read(batch)
            for detector in detectors:
                detector.fold(read)

    return 10 * count / cpu(work)


def measure(db: Database, form: str, events: list[dict[str, Any]], batches: int) -> dict[str, Any]:
    kind, write = FORMS[form]
    asked = HERE
    known = {SERVICE: Rules()}
    bodies = [write(events)] * batches
    named = [write([{**each, "id": f"{form}-{n}-{at}"} for at, each in enumerate(events)]) for n in range(batches)]
    decode = FORMATS[kind]
    total = batches * len(events)
    overhead = cpu(lambda: decode(write(events[:1]), known, asked))  # an Arrow reader starts once, not for each batch

    def through(given: list[bytes]) -> None:
        for body in given:
            accept_predictions(db, Sent(body, kind, asked=asked), now=NOW, known=known, limit_bytes=1 << 26)

    rates = {
        "decode": total / (cpu(lambda: [decode(body, known, asked) for body in bodies]) - overhead),
        "door": total / (cpu(lambda: through(bodies)) - overhead),
        "ids": total / (once(lambda: through(named)) - overhead),
    }
    return {"format": form, "bytes_per_event": round(len(bodies[0]) / len(events)), **rates}


def once(work: Callable[[], object]) -> float:
    """CPU seconds of one turn: an id is new only once."""
    before = _spent()
    work()
    prediction_arrow.close_worker()
    return _spent() - before


def results(count: int, batches: int, only: str) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(1)
    events, folded = rows(rng, count), fold(rng, count)
    base = 0.0
    with tempfile.TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{Path(folder)}/ingest.db")
        for form in (name for name in FORMS if only in name):
            found = measure(db, form, events, batches)
            base = base or found["door"]
            rates = {name: round(value) if isinstance(value, float) else value for name, value in found.items()}
            yield {**rates, "fold": round(folded), "ratio": round(found["door"] / base, 2)}
        db.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1000)
    options.add_argument("--batches", type=int, default=20)
    options.add_argument("--only", default="", help="formats with this in their name")
    chosen = options.parse_args()
    formats.CHUNK = chosen.rows
    for found in results(chosen.rows, chosen.batches, chosen.only):
        print(json.dumps(found))


if __name__ == "__main__":
    main()
