"""What a reference keeps of rows whose truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.floats import Floats
from burnline.detectors.labelled.cells import BINS, Cells, calibration_error, class_of
from burnline.detectors.profile import KNOWN, Calibration, Performance

GROUPS = 8  # answers with cells of their own
MOST_CLASSES = 100  # different labels that are numbers; where there are more, they are amounts and no classes
LARGE_ERROR = 0.95  # quantile of the reference's absolute errors
LARGEST_ERROR = 1e290  # so that sums of errors stay finite


def build_labelled(
    prediction: Sequence[Any], confidence: Sequence[Any] | None, label: Sequence[Any]
) -> tuple[Calibration | None, Performance]:
    """What the labelled rows say; columns of one length, None and NaN are missing.

    Labels that are text, truth values or at most MOST_CLASSES different whole numbers are classes; others are amounts.

    Raises: ValueError without a row that has both, or when answers and labels are of different kinds.
    """
    sure = repeat(None) if confidence is None else confidence
    rows = [
        (answer, nan if sureness is None else float(sureness), truth)
        for answer, sureness, truth in zip(map(_plain, prediction), sure, map(_plain, label), strict=False)
        if answer is not None and truth is not None
    ]
    if not rows:
        raise ValueError("no row has a prediction and a label")
    answers, given, truths = [row[0] for row in rows], np.array([row[1] for row in rows]), [row[2] for row in rows]
    if _are_amounts(truths) and not any(isinstance(answer, str) for answer in answers):
        return None, _build_errors(np.array(answers, dtype=np.float64), np.array(truths, dtype=np.float64))
    return _build_classes(answers, given, truths)


def _build_classes(answers: list[Any], given: Floats, truths: list[Any]) -> tuple[Calibration, Performance]:
    frequent = sorted(Counter(map(class_of, answers)).items(), key=lambda found: (-found[1], found[0]))
    classes = [name for name, _ in frequent[:GROUPS]]
    said, true = set(map(class_of, answers)), set(map(class_of, truths))
    if not said & true:
        found = " and ".join(", ".join(sorted(each)[:3]) for each in (said, true))
        raise ValueError(
            f"predictions and labels have nothing in common ({found}); write them alike, as the service does"
        )
    both = sorted(said | true)
    scored = ""
    if len(both) == 2:
        classes = both
        scored = _scored_class(both, answers, given, truths)
    _, stated = Cells(classes, (), scored).place(answers, given)
    present = stated[~np.isnan(stated)]
    edges = _edges(present)
    cells = Cells(classes, edges, scored)
    tally = cells.tally(answers, given, truths)
    area = cells.auc(tally)
    known = Calibration(
        cells.classes,
        tuple(edges),
        tuple(tally.counts.tolist()),
        tuple(tally.right.tolist()),
        scored,
        tuple(name for name, _ in frequent[GROUPS : GROUPS + KNOWN]),
    )
    ece = calibration_error(cells, tally)[0] if len(present) else None
    return known, Performance(len(answers), tally.wrong, area[0] if area else None, ece)


def _edges(confidences: Floats) -> list[float]:
    if not len(confidences):
        return []
    found = np.quantile(confidences, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return [float(edge) for edge in np.unique(found)]


def _scored_class(both: Sequence[str], answers: list[Any], given: Floats, truths: list[Any]) -> str:
    """The class whose probability the confidence is, as far as that ranks the labels better; else empty."""
    first, true = (np.array([class_of(value) == both[0] for value in column]) for column in (answers, truths))
    has = ~np.isnan(given)
    first, true, given = first[has], true[has], given[has]
    of_answer, of_first = np.where(first, given, 1 - given), given
    areas = {"": _area(of_answer, true), both[0]: _area(of_first, true), both[1]: _area(-of_first, true)}
    return max(areas, key=lambda name: areas[name])


def _area(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve; half where there is none."""
    _, ranks, ties = np.unique(scores, return_inverse=True, return_counts=True)
    middle = (np.cumsum(ties) - (ties - 1) / 2)[ranks]
    ones, others = int(positive.sum()), int((~positive).sum())
    if not ones or not others:
        return 0.5
    return float(middle[positive].sum() - ones * (ones + 1) / 2) / (ones * others)


def _build_errors(answers: Floats, truths: Floats) -> Performance:
    errors = np.minimum(np.abs(answers / 2 - truths / 2), LARGEST_ERROR) * 2
    limit = float(np.quantile(errors, LARGE_ERROR, method="inverted_cdf"))
    return Performance(len(errors), int((errors > limit).sum()), mean_error=float(errors.mean()), limit=limit)


def _are_amounts(labels: Iterable[Any]) -> bool:
    found = set(labels)
    if any(isinstance(value, str) for value in found):
        return False
    return len(found) > MOST_CLASSES or any(value != int(value) for value in found)


def _plain(value: Any) -> float | str | None:
    """As the door keeps it: truth values are 1 and 0; what is no number and no text is missing."""
    if isinstance(value, str):
        return value or None
    if value is None or not isfinite(float(value)):
        return None
    return float(value)
