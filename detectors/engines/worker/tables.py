"""The rows of a question as columns, and the rows of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 10  # values on either side, below which a test of a column says nothing


@dataclass(frozen=True)
class Column:
    """One feature: numbers with NaN where there is none, or labels as codes of `values`, -1 where there is none."""

    name: str
    values: list[str] | None
    reference: NDArray[Any]
    live: NDArray[Any]

    @property
    def is_number(self) -> bool:
        return self.values is None

    def present(self, side: NDArray[Any]) -> NDArray[Any]:
        """What is there, without what is missing."""
        return side[~np.isnan(side)] if self.is_number else side[side >= 0]

    @property
    def usable(self) -> bool:
        return min(len(self.present(self.reference)), len(self.present(self.live))) >= FEWEST


def columns_of(head: dict[str, Any], body: bytes) -> Iterator[Column]:
    """The columns: of each the reference's rows and then the live ones, 8 bytes a number, 4 a code."""
    at = 0
    for written in head["columns"]:
        values = written.get("values")
        kind: np.dtype[Any] = np.dtype("<f8" if values is None else "<i4")
        sides = []
        for rows in (head["reference_rows"], head["live_rows"]):
            sides.append(np.frombuffer(body, dtype=kind, count=rows, offset=at))
            at += rows * kind.itemsize
        yield Column(written["name"], values, *sides)


def said(
    check: str,
    feature: str,
    *,
    drift: bool,
    detail: str,
    shown: dict[str, float],
    excess: float | None = None,
    of_drift: bool = True,
) -> dict[str, Any]:
    """One row of an answer.

    Args:
        feature: empty where the check speaks of all of them together.
        excess: how far beyond its own threshold, in [0, 1]; None where only the counts can tell the size of the effect.
        of_drift: False for a condition that was set by hand, such as at most 5 missing values.
    """
    numbers = {name: float(value) for name, value in shown.items() if np.isfinite(value)}
    return {
        "check": check,
        "feature": feature,
        "drift": bool(drift),
        "detail": detail,
        "shown": numbers,
        "excess": excess,
        "of_drift": of_drift,
    }


def beyond(value: float, threshold: float) -> float:
    """How much of `value` lies beyond `threshold`: 0 at the threshold, towards 1 as it grows.

    >>> beyond(0.4, 0.1)
    0.75
    """
    return max(0.0, 1 - threshold / value) if value > 0 else 0.0
