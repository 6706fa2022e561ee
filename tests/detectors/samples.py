"""A made-up population, its reference profile, and batches drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from burnline.detectors.profile import Reference
from burnline.detectors.profiling import build_profile
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


def make_reference(events: int = 20_000, seed: int = 1) -> Reference:
    rng = np.random.default_rng(seed)
    columns = draw(rng, events)
    return build_profile(columns, *answers(rng, events), name="shop")


def make_batch(
    rng: np.random.Generator, events: int, at: datetime = START, changes: Mapping[str, list[Any]] | None = None
) -> PredictionBatch:
    """Events of the same population; `changes` replaces columns."""
    prediction, confidence = answers(rng, events)
    features = {**draw(rng, events), **(changes or {})}
    return PredictionBatch("shop", "1", at, features, prediction, confidence, [0] * events)
