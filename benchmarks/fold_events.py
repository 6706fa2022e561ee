"""Events folded per second and core, beside the obvious way: numpy.histogram and a Counter per column, in plain Python.

    python benchmarks/fold_events.py

Both take the same batches (1,000 events, 20 numbers and 5 labels, columns of Python values as they come out of the
inbox) and count every value of every column into cells. burnline runs its detectors of predictions; what each costs
alone, reading included, and what it adds when another has read the columns, follows. Times are those of one core by the
clock, the best of many for each batch: on a busy machine CPU time counts the neighbours too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.centroids import build_embedding
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector
from burnline.detectors.profile import Number, Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch, Source
from burnline.spec.service import ServiceSpec

EVENTS, NUMBERS, LABELS, DIMENSION, BATCHES, ROUNDS = 1000, 20, 5, 384, 5, 60
SPEC = {"apiVersion": "burnline/v1", "service": "bench", "owner": "bench", "signals": {name: {} for name in DETECTORS}}
Work = Callable[[PredictionBatch], object]
USUAL = ("drift", "confidence", "data")


def columns(rng: np.random.Generator, events: int) -> dict[str, list[Any]]:
    """Normal numbers with 1 % missing, and labels of 20 kinds."""
    found: dict[str, list[Any]] = {}
    for at in range(NUMBERS):
        values, absent = rng.normal(0, 1, events).tolist(), rng.random(events) < 0.01
        found[f"n{at}"] = [None if gone else value for value, gone in zip(values, absent, strict=True)]
    for at in range(LABELS):
        found[f"c{at}"] = rng.choice([f"kind-{kind}" for kind in range(20)], events).tolist()
    return found


def batch(rng: np.random.Generator) -> PredictionBatch:
    answers, sure = rng.choice(["yes", "no"], EVENTS).tolist(), rng.beta(8, 2, EVENTS).tolist()
    vectors = [row.tobytes() for row in rng.normal(size=(EVENTS, DIMENSION)).astype("<f4")]
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return PredictionBatch("bench", "1", at, columns(rng, EVENTS), answers, sure, [0] * EVENTS, embedding=vectors)


def made_of(rng: np.random.Generator) -> Reference:
    answers, sure = ["yes", "no"] * 10_000, rng.beta(8, 2, 20_000).tolist()
    labels = np.where(rng.random(20_000) < 0.8, answers, answers[::-1]).tolist()
    known = build_profile(columns(rng, 20_000), answers, sure, label=labels, name="bench")
    return msgspec.structs.replace(
        known, embedding=build_embedding(rng.normal(size=(5_000, DIMENSION)).astype(np.float32))
    )


def of_predictions(reference: Reference) -> dict[str, Detector]:
    """Those that count predictions: others count labels, answers or samples."""
    made = build_detectors(ServiceSpec.model_validate(SPEC), reference)
    return {name: detector for name, detector in made.items() if detector.source is Source.PREDICTIONS}


def fold(reader: ColumnReader, detectors: Iterable[Detector]) -> Work:
    def run(each: PredictionBatch) -> object:
        read = reader.read(each)
        return [detector.fold(read) for detector in detectors]

    return run


def plain(reference: Reference) -> Work:
    edges = {
        name: np.array([column.low, *column.edges, column.high])
        for name, column in reference.features.items()
        if isinstance(column, Number)
    }

    def run(each: PredictionBatch) -> object:
        state: dict[str, object] = {}
        for name, values in each.features.items():
            if name in edges:
                state[name] = np.histogram([v for v in values if v is not None], bins=edges[name])[0]
            else:
                state[name] = Counter(values)
        return state

    return run


def milliseconds(work: Work, batches: Sequence[PredictionBatch]) -> float:
    """A batch; of each the best of many rounds, so that what interrupts a round does not count."""
    best = [float("inf")] * len(batches)
    for _ in range(ROUNDS):
        for at, each in enumerate(batches):
            start = time.perf_counter()
            work(each)
            best[at] = min(best[at], time.perf_counter() - start)
    return sum(best) / len(best) * 1e3


def added(reader: ColumnReader, detector: Detector, batches: Sequence[PredictionBatch]) -> float:
    """What a detector costs where another has read the columns before."""
    read = {id(each): reader.read(each) for each in batches}
    return milliseconds(lambda each: detector.fold(read[id(each)]), batches)


def main() -> None:
    rng = np.random.default_rng(1)
    reference = made_of(rng)
    batches, reader, detectors = (
        [batch(rng) for _ in range(BATCHES)],
        ColumnReader(reference),
        of_predictions(reference),
    )
    theirs = milliseconds(plain(reference), batches)
    tabular = [detector for name, detector in detectors.items() if name != "embedding"]
    for what, which in (
        (", ".join(USUAL), [detectors[name] for name in USUAL]),
        ("all of predictions but embedding", tabular),
        ("all of predictions", list(detectors.values())),
    ):
        ours = milliseconds(fold(reader, which), batches)
        print(f"{what:34} {EVENTS / ours * 1e3:12,.0f} events/s a core, ratio {theirs / ours:.2f}")
    print(f"{'numpy.histogram and Counter':34} {EVENTS / theirs * 1e3:12,.0f} events/s a core (counts only, no checks)")
    print(f"\nms for {EVENTS:,} events     alone  when read")
    for name, detector in detectors.items():
        alone = milliseconds(fold(reader, [detector]), batches)
        print(f"{name:22} {alone:9.3f} {added(reader, detector, batches):10.3f}")


if __name__ == "__main__":
    main()
