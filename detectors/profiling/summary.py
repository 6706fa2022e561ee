"""One column of training data, added up block by block into what a reference keeps of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Coded, Values
from burnline.detectors.grid import Grid
from burnline.detectors.profile import BINS, KNOWN, TOP, Category, Column, Confidence, Number, category_text
from burnline.detectors.profiling.frequencies import Frequencies
from burnline.detectors.profiling.quantiles import Spool

PLAIN_NUMBERS = frozenset({float, int, type(None)})
PLAIN_LABELS = frozenset({str, bool, type(None)})
MOST_TIED = 0.5  # of all confidences, at the least one
MIXED = "mixes numbers with {!r}; write all numbers or all text"
TOO_LARGE = "holds a whole number beyond any float; send it as text"


class Summary:
    """A column that is numbers or labels, as its first values are.

    Attributes:
        problem: why it is neither; empty while it can be used.
        missing: values that are None, NaN or infinite.
    """

    def __init__(self, path: Path, room: int) -> None:
        self._spool = Spool(path.with_suffix(".numbers"), room)
        self._labels = Frequencies(path, max(room // 8, 1))
        self._low, self._high = math.inf, -math.inf
        self.problem = ""
        self.missing = 0

    def add(self, values: Values) -> None:
        """The next rows."""
        if isinstance(values, Coded):
            self._add_coded(values)
        elif isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
            self._add_numbers(values.astype(np.float64))
        else:
            self._add_listed(values.tolist() if isinstance(values, np.ndarray) else list(values))

    def column(self) -> Column:
        """What the rows were; numbers where there was nothing."""
        if self._labels.total:
            return _category(self._labels, self.missing)
        return self._number()

    def confidence(self, low: float) -> Confidence | None:
        """The column as confidences, `low` being the quantile that counts as unsure; None where it cannot be one."""
        if self.problem or self._labels.total or not self._spool.size:
            self.problem = "needs numbers from 0 to 1"
            return None
        if self._low < 0 or self._high > 1:
            self.problem = f"from {self._low} to {self._high}; needs numbers from 0 to 1"
            return None
        limit = float(self._spool.smallest(_ranks(self._spool.size, [low]))[0])
        if limit == self._low:  # nothing is less: those that tie there are unsure, unless they are most
            tied = sum(int(np.count_nonzero(part == limit)) for part in self._spool.chunks())
            if tied <= self._spool.size * MOST_TIED:
                return Confidence(math.nextafter(limit, math.inf), tied, self._number())
        below = sum(int(np.count_nonzero(part < limit)) for part in self._spool.chunks())
        return Confidence(limit, below, self._number())

    def _add_coded(self, values: Coded) -> None:
        if not PLAIN_LABELS.issuperset(map(type, values.values)):
            self._add_listed(values.plain())
            return
        found = np.bincount(
            np.where(values.codes < 0, len(values.values), values.codes), minlength=len(values.values) + 1
        )
        times = dict(zip(values.values, found.tolist(), strict=False))
        self.missing += int(found[-1]) + times.pop(None, 0)
        self._add_labels({label: count for label, count in times.items() if count})

    def _add_listed(self, values: list[Any]) -> None:
        found = set(map(type, values))
        if found <= PLAIN_LABELS:
            times: Counter[Any] = Counter(values)
            self.missing += times.pop(None, 0)
            self._add_labels(times)
        elif found <= PLAIN_NUMBERS:
            self._add_numbers(self._array(values))
        else:
            self._add_odd(values)

    def _add_odd(self, values: list[Any]) -> None:
        """What is neither plain text nor plain numbers: perhaps with NaN for missing text, perhaps a mixture."""
        present = [value for value in values if not _is_missing(value)]
        self.missing += len(values) - len(present)
        odd = [value for value in present if isinstance(value, bool) or not isinstance(value, (int, float))]
        if present and all(isinstance(value, (str, bool)) for value in present):
            self._add_labels(Counter(present))
        elif odd:
            self._complain(MIXED.format(odd[0]))
        else:
            self._add_numbers(self._array(present))

    def _add_labels(self, times: Mapping[Any, int]) -> None:
        if not times:
            return
        if self._spool.size:
            self._complain(MIXED.format(next(iter(times))))
        counts: Counter[str] = Counter()
        for label, count in times.items():
            counts[category_text(label)] += count
        self._labels.add(counts)

    def _add_numbers(self, values: NDArray[np.float64]) -> None:
        finite = np.isfinite(values)
        kept = values if finite.all() else values[finite]
        self.missing += len(values) - len(kept)
        if not len(kept):
            return
        if self._labels.total:
            self._complain(MIXED.format(self._labels.any()))
        self._low, self._high = min(self._low, float(kept.min())), max(self._high, float(kept.max()))
        self._spool.add(kept)

    def _array(self, values: list[Any]) -> NDArray[np.float64]:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            self._complain(TOO_LARGE)
            return np.empty(0)

    def _complain(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _number(self) -> Number:
        if not self._spool.size:
            return Number((), (0,), self.missing, None, None)
        quantiles = self._spool.smallest(_ranks(self._spool.size, [at / BINS for at in range(1, BINS)]))
        found, times = np.unique(quantiles, return_counts=True)
        below = [math.nextafter(value, -math.inf) for value in found[times > 1].tolist()]
        edges = np.unique(np.concatenate([found, [edge for edge in below if math.isfinite(edge)]]))
        grid = Grid(tuple(edges.tolist()))
        counts = np.sum([grid.count(part)[:-1] for part in self._spool.chunks()], axis=0)
        return Number(tuple(edges.tolist()), tuple(counts.tolist()), self.missing, self._low, self._high)


def _ranks(size: int, quantiles: Iterable[float]) -> list[int]:
    """Of each quantile the smallest value that at least that share of the values does not exceed."""
    return [max(0, math.ceil(round(size * quantile, 6)) - 1) for quantile in quantiles]


def _category(labels: Frequencies, missing: int) -> Category:
    repeated = labels.repeated(TOP + KNOWN)
    top, rest = repeated[:TOP], repeated[TOP:]
    other = sum(count for _, count in rest)
    new = labels.total - other - sum(count for _, count in top)
    return Category(
        tuple(value for value, _ in top),
        tuple(count for _, count in top),
        tuple(sorted(value for value, _ in rest)),
        other,
        new,
        missing,
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
