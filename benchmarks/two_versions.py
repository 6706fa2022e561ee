"""False alarms between two versions that are the same, on every signal, by brute force; and what worse ones cost.

A pool of batches of 50 events of one population is folded once; sums of batches drawn by lot are two versions, which
every detector compares. Then versions of which a share of the events is worse, 2,000 events each. With SESSION events
that are alike come together, and the reference knows it. A minute of CPU for each thousand batches of the pool.
Run: PYTHONPATH=. python benchmarks/two_versions.py [--pool 800] [--tries 500] [--session 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector, Judgement
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Source, Verdict
from burnline.spec.service import ServiceSpec
from tests.detectors.samples import make_batch, make_reference

BATCH = 50
SIZES = ((500, 500), (500, 5000), (5000, 500), (5000, 5000))
WORSE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
EACH = 2000  # events of versions of which one is worse
TRIES = 40
BAD = 0.05  # share of answers that are bad in each way, always
FAR = np.array([50, -50, 9, 0], dtype=np.float32).tobytes()
COLUMNS = ("prediction", "confidence", "unknown_features", "label", "embedding")
Rng = np.random.Generator
Pool = Mapping[str, NDArray[np.int64]]


def predictions(batch: PredictionBatch, hit: list[bool]) -> PredictionBatch:
    """Where `hit`: a value missing, one impossible, no confidence to speak of, another answer, a far embedding."""
    spoilt: dict[str, Any] = {"age": None, "amount": 1e9}
    features = {
        name: [spoilt[name] if bad else value for bad, value in zip(hit, column, strict=True)]
        if name in spoilt
        else column
        for name, column in batch.features.items()
    }
    others = {"prediction": "fraud", "confidence": 0.01, "embedding": FAR}
    changed: dict[str, Any] = {
        name: [value if bad else old for bad, old in zip(hit, getattr(batch, name), strict=True)]
        for name, value in others.items()
    }
    return replace(batch, features=features, **changed)


def about(rng: Rng, events: int, worse: float) -> dict[str, list[Any]]:
    """What is known of answers, each bad in each way with one chance."""
    values: dict[str, tuple[Any, Any]] = {
        "ungrounded": (0.1, 0.9),
        "characters": (300, 0),
        "refused": (False, True),
        "language": ("en", "xx"),
        "toxic": (False, True),
        "retrieved": (5, 0),
        "logprob": (-0.1, -9.0),
        "inconsistent": (0.01, 0.99),
    }
    return {name: [pair[int(bad)] for bad in rng.random(events) < BAD + worse] for name, pair in values.items()}


def made(source: Source, rng: Rng, session: int, worse: float) -> PredictionBatch:
    """One batch of the pool."""
    if source is Source.SAMPLES:
        session = 1  # of a session hardly more than one event is in a sample of 1 %
    batch = make_batch(rng, BATCH // session)
    events = len(batch)
    hit = (rng.random(events) < worse).tolist()
    if source is Source.SAMPLES:
        differ: dict[str, list[Any]] = {
            name: ["other" if bad else False for bad in rng.random(events) < 0.002 + worse] for name in NAMES
        }
        batch = replace(batch, features=differ)
    elif source is Source.ANSWERS:
        batch = replace(batch, features=about(rng, events, worse))
    elif source is Source.PREDICTIONS:
        batch = predictions(batch, hit)
    else:
        batch = replace(batch, label=["none" if bad else label for bad, label in zip(hit, batch.label, strict=True)])
    changed: dict[str, Any] = {
        name: np.repeat(np.array(getattr(batch, name), object), session).tolist() for name in COLUMNS
    }
    features = {name: np.repeat(np.array(column, object), session).tolist() for name, column in batch.features.items()}
    return replace(batch, features=features, **changed)


def pool(
    detectors: Mapping[str, Detector], reader: ColumnReader, seed: int, size: int, *, session: int, worse: float
) -> Pool:
    """By signal the counts of `size` batches."""
    rng = np.random.default_rng(seed)
    counts: dict[str, list[NDArray[np.int64]]] = {}
    for source in Source:
        asked = {name: each for name, each in detectors.items() if each.source is source}
        for _ in range(size):
            columns = reader.read(made(source, rng, session, worse))
            for name, each in asked.items():
                counts.setdefault(name, []).append(each.fold(columns).counts)
    return {name: np.array(found) for name, found in counts.items()}


def compare(detector: Detector, baseline: NDArray[np.int64], candidate: NDArray[np.int64]) -> Judgement:
    """Of two versions, each of some batches."""
    of = detector.empty().of
    return detector.compare(Sketch(of, baseline.sum(axis=0)), Sketch(of, candidate.sum(axis=0)))


def false_alarms(detector: Detector, counts: NDArray[np.int64], rng: Rng, tries: int) -> list[int]:
    """By SIZES, alarms of so many comparisons of one population."""
    found = []
    for first, second in SIZES:
        ends = first // BATCH, (first + second) // BATCH
        orders = (rng.permutation(len(counts)) for _ in range(tries))
        said = (compare(detector, counts[at[: ends[0]]], counts[at[ends[0] : ends[1]]]) for at in orders)
        found.append(sum(one.verdict is Verdict.ALARM for one in said))
    return found


def power(detector: Detector, counts: NDArray[np.int64], worse: NDArray[np.int64], rng: Rng) -> float:
    """The share of comparisons with a worse version that alarm."""
    half = EACH // BATCH
    draws = [(rng.permutation(len(counts))[:half], rng.permutation(len(worse))[:half]) for _ in range(TRIES)]
    return sum(compare(detector, counts[a], worse[b]).verdict is Verdict.ALARM for a, b in draws) / TRIES


REFERENCE = make_reference(20_000)
NAMES = tuple(REFERENCE.features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=int, default=800, help="batches of 50 events, at least 200")
    parser.add_argument("--tries", type=int, default=500)
    parser.add_argument("--session", type=int, default=1, choices=(1, 2, 5, 10, 25))
    asked = parser.parse_args()
    reference = msgspec.structs.replace(REFERENCE, design_effect=float(asked.session))
    spec = {
        "apiVersion": "burnline/v1",
        "service": "shop",
        "owner": "team",
        "signals": {name: {} for name in DETECTORS},
    }
    detectors = dict(build_detectors(ServiceSpec.model_validate(spec), reference))
    del detectors["volume"]  # compares no versions
    reader, rng = ColumnReader(reference), np.random.default_rng(7)
    same = pool(detectors, reader, 1, asked.pool, session=asked.session, worse=0.0)
    others = [
        pool(detectors, reader, 3 + at, 2 * EACH // BATCH, session=asked.session, worse=worse)
        for at, worse in enumerate(WORSE)
    ]
    print(f"alarms of {asked.tries} comparisons of one population, by events {SIZES}; then worse by {WORSE}")
    for name, detector in detectors.items():
        alarms = false_alarms(detector, same[name], rng, asked.tries)
        found = [f"{power(detector, same[name], other[name], rng):.2f}" for other in others]
        print(f"{name:15}", *(f"{each:4}" for each in alarms), " ", *found, flush=True)


if __name__ == "__main__":
    main()
