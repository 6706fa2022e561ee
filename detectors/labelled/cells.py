"""Answers whose truth is known: which cell of the labelled reference each falls into, and what the cells say together.

A cell is one answer (the eight most frequent have their own) and one of 50 bins of confidence. Whole-number counts in
them, all and right, give accuracy, calibration and the area under the ROC curve, and add up over batches and replicas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Values, listed
from burnline.detectors.floats import Floats
from burnline.detectors.profile import Calibration
from burnline.detectors.sketch import Counter64

BINS = 50  # of confidence, by the reference's quantiles
PRIOR = 2.0  # rows that a cell borrows from all answers of its confidence, and those from all answers
FIXED = 2**20  # parts of a confidence, in sums of whole numbers


class Tally(NamedTuple):
    """Labelled events by cell: how many, how many right, and the sum of their stated confidence (in 1 / FIXED)."""

    counts: Counter64
    right: Counter64
    stated: Counter64

    @property
    def events(self) -> int:
        return int(self.counts.sum())

    @property
    def wrong(self) -> int:
        return self.events - int(self.right.sum())


class Cells:
    """The cells of one calibration: by group of answers its bins of confidence, then the answers without one."""

    def __init__(self, classes: Sequence[str], edges: Sequence[float], scored: str = "") -> None:
        self._edges = np.array(edges, dtype=np.float64)
        self._groups = _spellings(classes)
        self._scored = self._groups.get(scored) if scored else None
        self.classes = tuple(classes)
        self.bins = len(self._edges) + 1
        self.row = self.bins + 1  # cells of one group
        self.size = (len(classes) + 1) * self.row

    @classmethod
    def of(cls, known: Calibration) -> Cells:
        return cls(known.classes, known.edges, known.scored)

    def place(self, prediction: Values, confidence: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Per event its cell, -1 for one without an answer, and how sure of this answer the model was."""
        found = map(self._groups.get, listed(prediction), repeat(len(self.classes)))
        groups = np.fromiter(found, dtype=np.intp, count=len(prediction))
        stated = confidence if self._scored is None else np.where(groups == self._scored, confidence, 1 - confidence)
        bins = np.searchsorted(self._edges, stated, side="left")
        bins[np.isnan(stated)] = self.row - 1
        return np.where(groups < 0, -1, groups * self.row + bins), stated

    def count(self, prediction: Values, confidence: Floats) -> Counter64:
        """Events by cell."""
        cells, _ = self.place(prediction, confidence)
        return _count(cells[cells >= 0], self.size)

    def tally(self, prediction: Values, confidence: Floats, label: Values) -> Tally:
        """Events with an answer and a label by cell."""
        cells, stated = self.place(prediction, confidence)
        answers, labels = listed(prediction), listed(label) or [None] * len(prediction)
        known = (cells >= 0) & np.fromiter((value is not None for value in labels), dtype=np.bool_, count=len(labels))
        right = np.fromiter(map(is_right, answers, labels), dtype=np.bool_, count=len(labels))
        cells, right, stated = cells[known], right[known], np.nan_to_num(stated[known])
        parts = np.rint(stated * FIXED)
        sums = np.bincount(cells, weights=parts, minlength=self.size).astype(np.int64)  # exact below 2**53
        return Tally(_count(cells, self.size), _count(cells[right], self.size), sums)

    def names(self) -> list[str]:
        """The bins in words."""
        bounds = [0.0, *self._edges.tolist(), 1.0]
        return [f"confidence {low:.3g} to {high:.3g}" for low, high in pairwise(bounds)]

    def widths(self) -> Floats:
        """Of the bins."""
        return np.diff([0.0, *self._edges.tolist(), 1.0])

    def sure(self, counts: NDArray[Any]) -> NDArray[Any]:
        """By group and bin, those that have a confidence."""
        return counts.reshape(-1, self.row)[:, :-1]

    def auc(self, tally: Tally) -> tuple[float, int, int] | None:
        """Area under the ROC curve, events of one class and of the other; None unless there are two of them.

        Which is the positive one makes no difference. Within a cell all events are ties.
        """
        if len(self.classes) != 2:
            return None
        lowest = 0.5 if self._edges.min(initial=1.0) > 0.5 else 0.0  # a model gives the likelier of two answers
        centres = (np.append(self._edges, 1.0) + np.insert(self._edges, 0, lowest)) / 2
        counts, right = self.sure(tally.counts)[:2], self.sure(tally.right)[:2]
        wrong = counts - right
        order = np.argsort(np.concatenate([centres, 1 - centres]), kind="stable")
        first = np.concatenate([right[0], wrong[1]])[order]
        second = np.concatenate([wrong[0], right[1]])[order]
        ones, others = int(first.sum()), int(second.sum())
        if not ones or not others:
            return None
        lower = np.cumsum(second) - second
        return float((first * (lower + second / 2)).sum()) / (ones * others), ones, others


def auc_variance(auc: float, ones: int, others: int) -> float:
    """Of an area under the curve, by Hanley and McNeil (Radiology 143, 1982).

    >>> round(auc_variance(0.8, 50, 100) ** 0.5, 4)
    0.0415
    """
    both_ones, both_others = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    more = (ones - 1) * (both_ones - auc * auc) + (others - 1) * (both_others - auc * auc)
    return (auc * (1 - auc) + more) / (ones * others)


def rates(known: Calibration) -> tuple[Floats, Floats]:
    """By cell: how likely an answer is right, and the variance of that knowledge.

    A cell of few rows borrows PRIOR rows from its bin in all groups together, and that from all answers.
    """
    row = len(known.edges) + 2
    counts, right = (np.array(each, dtype=np.float64).reshape(-1, row) for each in (known.counts, known.right))
    overall = right.sum() / max(counts.sum(), 1)
    by_bin = (right.sum(axis=0) + PRIOR * overall) / (counts.sum(axis=0) + PRIOR)
    rate = (right + PRIOR * by_bin) / (counts + PRIOR)
    return rate.ravel(), (rate * (1 - rate) / (counts + PRIOR)).ravel()


def calibration_error(cells: Cells, tally: Tally) -> tuple[float, Floats, Floats]:
    """Expected calibration error, and by bin the share of its events that is right less that it should be, and weight.

    Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), with bins by quantiles.
    """
    counts, right = (cells.sure(each).sum(axis=0) for each in (tally.counts, tally.right))
    stated = cells.sure(tally.stated).sum(axis=0) / FIXED
    filled = np.maximum(counts, 1)
    gaps, weights = (right - stated) / filled, counts / max(int(counts.sum()), 1)
    return float((weights * np.abs(gaps)).sum()), gaps, weights


def is_right(prediction: Any, label: Any) -> bool:
    """Whether the label is what was predicted; a number and its text are the same class, as where labels join."""
    return bool(prediction == label) or class_of(prediction) == class_of(label)


def class_of(value: Any) -> str:
    """The name of an answer's class, which a number and its text share; empty for none."""
    return value if isinstance(value, str) else f"{value:.12g}" if isinstance(value, (int, float)) else ""


def _spellings(classes: Iterable[str]) -> dict[Any, int]:
    """Which group an answer is of, written as text or as number; -1: there is none."""
    found: dict[Any, int] = {None: -1}
    for group, name in enumerate(classes):
        found[name] = group
        if (number := _number(name)) is not None:
            found[number] = group
    return found


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # Python reads 1_2 as 12
    except ValueError:
        return None


def _count(cells: NDArray[np.intp], size: int) -> Counter64:
    return np.bincount(cells, minlength=size).astype(np.int64)
