"""A made-up population, its reference profile, and batches drawn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.centroids import build_embedding
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CITIES = np.array(["Lyon", "Oslo", "Turin", "Graz"])


def draw(rng: np.random.Generator, events: int) -> dict[str, list[Any]]:
    """Six columns that behave: normal, skewed, a small count, a constant, labels, and one with 5 % missing."""
    partly = rng.normal(50, 5, events)
    partly[rng.random(events) < 0.05] = np.nan
    return {
        "amount": rng.lognormal(3, 1, events).tolist(),
        "age": rng.normal(40, 10, events).tolist(),
        "items": rng.poisson(1.5, events).tolist(),
        "fee": [2.5] * events,
        "city": rng.choice(CITIES, events, p=[0.5, 0.3, 0.15, 0.05]).tolist(),
        "partly": [None if np.isnan(value) else value for value in partly.tolist()],
    }


def answers(rng: np.random.Generator, events: int) -> tuple[list[float | str | None], list[float | None]]:
    """Labels and confidences."""
    return rng.choice(["ok", "fraud"], events, p=[0.9, 0.1]).tolist(), rng.beta(8, 2, events).tolist()


def truths(
    rng: np.random.Generator, prediction: Sequence[float | str | None], confidence: Sequence[float | None]
) -> list[float | str | None]:
    """What is true: mostly what a sure model says, and seldom what an unsure one does."""
    right = rng.random(len(prediction)) < np.where(np.array(confidence, dtype=float) > 0.6, 0.85, 0.1)
    other = {"ok": "fraud", "fraud": "ok"}
    return [said if kept else other[str(said)] for said, kept in zip(prediction, right.tolist(), strict=True)]


def vectors(rng: np.random.Generator, events: int) -> NDArray[np.float32]:
    """Embeddings around four places."""
    places = np.array([[3, 0, 0, 1], [0, 3, 0, 1], [0, 0, 3, 1], [2, 2, 2, 1]])
    return (places[rng.integers(4, size=events)] + rng.normal(0, 0.5, (events, 4))).astype(np.float32)


@cache
def make_reference(events: int = 20_000, seed: int = 1) -> Reference:
    """The profile of `events` of them; whoever asks again gets the same one."""
    rng = np.random.default_rng(seed)
    beside = rng.spawn(1)[0]
    columns = draw(rng, events)
    prediction, confidence = answers(rng, events)
    plain = build_profile(columns, prediction, confidence, name="shop")
    calibration, performance = build_labelled(prediction, confidence, truths(beside, prediction, confidence))
    embedding = build_embedding(vectors(beside, 2000))
    return msgspec.structs.replace(plain, calibration=calibration, performance=performance, embedding=embedding)


def make_batch(
    rng: np.random.Generator, events: int, at: datetime = START, changes: Mapping[str, list[Any]] | None = None
) -> PredictionBatch:
    """Events of the same population; `changes` replaces columns."""
    beside = rng.spawn(1)[0]  # so that what is drawn beside features changes none of them
    prediction, confidence = answers(rng, events)
    features = {**draw(rng, events), **(changes or {})}
    label = truths(beside, prediction, confidence)
    sent: list[bytes | None] = [row.tobytes() for row in vectors(beside, events)]
    return PredictionBatch("shop", "1", at, features, prediction, confidence, [0] * events, [], label, sent)
