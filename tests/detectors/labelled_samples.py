"""A made-up model of two classes whose chances are true, its labelled reference, and batches drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import ColumnReader, Columns
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch
from tests.detectors.samples import START

Truth = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def labelled_batch(
    seed: int, events: int, *, unsure: float = 0.0, truth: Truth = lambda chance: chance
) -> PredictionBatch:
    """Answers with confidence and label.

    Args:
        unsure: of the events, the share whose chance is about even.
        truth: what the true chance is, given the one the model has in mind.
    """
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.5, 0.5, events)
    even = rng.random(events) < unsure
    chance[even] = rng.uniform(0.35, 0.65, int(even.sum()))
    answers = chance > 0.5
    labels = rng.random(events) < truth(chance)
    sure = np.where(answers, chance, 1 - chance)
    names = np.array(["fine", "fraud"])
    return PredictionBatch(
        "shop",
        "1",
        START,
        {},
        names[answers.astype(int)].tolist(),
        sure.tolist(),
        [0] * events,
        label=names[labels.astype(int)].tolist(),
    )


def labelled_reference(events: int = 20_000) -> Reference:
    batch = labelled_batch(0, events)
    plain = build_profile({}, batch.prediction, batch.confidence, name="shop")
    calibration, performance = build_labelled(batch.prediction, batch.confidence, batch.label)
    return msgspec.structs.replace(plain, calibration=calibration, performance=performance)


def amounts_batch(seed: int, events: int, *, error: float = 1.0) -> PredictionBatch:
    """Answers that are amounts, with normal errors."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(50, 10, events)
    answers: list[float | str | None] = (labels + rng.normal(0, error, events)).tolist()
    return replace(labelled_batch(seed, events), prediction=answers, confidence=[None] * events, label=labels.tolist())


def amounts_reference(events: int = 20_000) -> Reference:
    batch = amounts_batch(0, events)
    _, performance = build_labelled(batch.prediction, None, batch.label)
    return msgspec.structs.replace(build_profile({}, batch.prediction, name="shop"), performance=performance)


def read(reference: Reference, batch: PredictionBatch) -> Columns:
    return ColumnReader(reference).read(batch)
