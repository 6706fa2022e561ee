"""Detectors that other packages bring: entry points of the group `burnline.detectors`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar

import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Detector, Judgement, no_data
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.events import Source
from burnline.spec.signals import EngineSpec

GROUP = "burnline.detectors"
Make = Callable[[Reference, EngineSpec], Detector]


def installed() -> dict[str, EntryPoint]:
    """By name; nothing is loaded yet."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load_installed(name: str) -> Make:
    """What makes a detector of the reference and the section of the service file.

    Raises: LookupError when nothing of that name is installed, or whatever its import raises.
    """
    point = installed().get(name)
    if point is None:
        raise LookupError(f"no detector {name!r} is installed (entry points of {GROUP!r})")
    make: Make = point.load()
    return make


class Unavailable:
    """Stands for a detector that cannot be had: it counts events and judges nothing, and says why."""

    signal: ClassVar[str] = "unavailable"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def __init__(self, window: timedelta, reason: str) -> None:
        self.window, self._reason = window, reason

    def empty(self) -> Sketch:
        return Sketch("unavailable", np.zeros(1, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        return Sketch("unavailable", np.array([len(columns)], dtype=np.int64))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        return no_data(self._reason)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        return no_data(self._reason)
