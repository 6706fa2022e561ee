"""Events folded per second and core, beside the obvious way: numpy.histogram and a Counter per column, in plain Python.

    python benchmarks/fold_events.py

Both take the same batches (1,000 events, 20 numbers and 5 labels, columns of Python values as they come out of the
inbox) and count every value of every column into cells. burnline runs all its detectors: drift, confidence, data.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.profile import Number, Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch
from burnline.spec.service import ServiceSpec

EVENTS, NUMBERS, LABELS, BATCHES = 1000, 20, 5, 20
SPEC = {"apiVersion": "burnline/v1", "service": "bench", "owner": "bench", "signals": {name: {} for name in DETECTORS}}


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
    return PredictionBatch(
        "bench", "1", datetime(2026, 1, 5, tzinfo=UTC), columns(rng, EVENTS), answers, sure, [0] * EVENTS
    )


def burnline(reference: Reference) -> Callable[[list[PredictionBatch]], object]:
    reader = ColumnReader(reference)
    detectors = build_detectors(ServiceSpec.model_validate(SPEC), reference).values()

    def run(batches: list[PredictionBatch]) -> object:
        state = {detector.signal: detector.empty() for detector in detectors}
        for each in batches:
            read = reader.read(each)
            for detector in detectors:
                state[detector.signal] = state[detector.signal] + detector.fold(read)
        return state

    return run


def plain(reference: Reference) -> Callable[[list[PredictionBatch]], object]:
    edges = {
        name: np.array([column.low, *column.edges, column.high])
        for name, column in reference.features.items()
        if isinstance(column, Number)
    }

    def run(batches: list[PredictionBatch]) -> object:
        state: dict[str, Any] = {name: Counter[str]() for name in reference.features}
        state |= {name: np.zeros(len(bounds) - 1) for name, bounds in edges.items()}
        for each in batches:
            for name, values in each.features.items():
                if name in edges:
                    state[name] += np.histogram([v for v in values if v is not None], bins=edges[name])[0]
                else:
                    state[name].update(values)
        return state

    return run


def rate(work: Callable[[list[PredictionBatch]], object], batches: list[PredictionBatch]) -> float:
    """Events a CPU second, the best of five."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        work(batches)
        best = min(best, time.process_time() - start)
    return len(batches) * EVENTS / best


def main() -> None:
    rng = np.random.default_rng(1)
    reference = build_profile(
        columns(rng, 20_000), ["yes", "no"] * 10_000, rng.beta(8, 2, 20_000).tolist(), name="bench"
    )
    batches = [batch(rng) for _ in range(BATCHES)]
    ours, theirs = rate(burnline(reference), batches), rate(plain(reference), batches)
    print(f"burnline, {', '.join(DETECTORS)}: {ours:12,.0f} events/s a core")
    print(f"numpy.histogram and Counter:      {theirs:12,.0f} events/s a core (counts only, no checks)")
    print(f"ratio: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
