"""Replicas that count the cells of features, as Prometheus sees their pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from burnline.detectors.burn.cells import exposition
from burnline.detectors.columns import ColumnReader
from burnline.detectors.drift import Drift, PredictionDrift
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.detectors.training import TrainingSkew
from burnline.events import PredictionBatch
from burnline.spec.signals import DriftSpec
from tests.detectors.samples import START

ByCells: TypeAlias = Drift | PredictionDrift | TrainingSkew
SECTION = {"window": "5m", "min_events": 300}
HOSTILE = 'a"b\\c\n{}'
REPLICAS = ("a:8000", "b:8000")
SERVICE = "card-fraud"


def draw(random: np.random.Generator, events: int, shift: float = 0.0) -> dict[str, list[Any]]:
    return {
        "amount": (random.normal(size=events) + shift).tolist(),
        HOSTILE: random.choice(["x", "y"], events).tolist(),
    }


def make_reference(seed: int = 1) -> Reference:
    random = np.random.default_rng(seed)
    answers = random.choice(["yes", "no"], 5000).tolist()
    return build_profile(draw(random, 5000), answers, name="r")


def make_detector(seed: int = 1) -> tuple[Drift, ColumnReader]:
    reference = make_reference(seed)
    return Drift(reference, DriftSpec.model_validate(SECTION)), ColumnReader(reference)


class Replicas:
    """What two replicas count each minute; their pages show it at the end of the minute, and 0 at the beginning.

    The answers follow the shift of a feature: with none, as many are yes as no.

    Args:
        hour: after START, at which a replica's events of a minute come.
    """

    def __init__(
        self,
        minutes: int,
        shift: Callable[[int], float] = lambda _: 0.0,
        *,
        events: int = 100,
        detector: ByCells | None = None,
        hour: Callable[[int, int], int] = lambda minute, replica: 0,
    ) -> None:
        drift, reader = make_detector()
        self.detector = detector or drift
        random = np.random.default_rng(3)
        self.minutes = [
            [
                self._count(reader, draw(random, events, shift(minute)), START + timedelta(hours=hour(minute, replica)))
                for replica in range(len(REPLICAS))
            ]
            for minute in range(minutes)
        ]

    def _count(self, reader: ColumnReader, features: dict[str, list[Any]], at: datetime) -> Sketch:
        events = len(features["amount"])
        answers: list[Any] = ["yes" if value > 0 else "no" for value in features["amount"]]
        answers[0] = None  # a request that failed
        batch = PredictionBatch(SERVICE, "1", at, features, answers, [None] * events, [0] * events)
        return self.detector.fold(reader.read(batch))

    def over(self, since: int, until: int) -> Sketch:
        """What all replicas counted in the minutes after `since` up to `until`."""
        return sum((each for pair in self.minutes[max(0, since) : until] for each in pair), self.detector.empty())

    def series(self, *, restart: int = 10**6) -> dict[str, str]:
        """What the pages show every minute, in promtool's words; a replica whose database is new shows 0 again."""
        found: dict[str, list[float]] = {}
        for number, instance in enumerate(REPLICAS):
            total = self.detector.empty()
            for minute in range(len(self.minutes) + 1):
                for name, value in page(self.detector, total, instance).items():
                    found.setdefault(name, []).append(value)
                if minute < len(self.minutes):
                    total = (total if minute != restart else self.detector.empty()) + self.minutes[minute][number]
        return {name: values_of(values) for name, values in found.items()} | findings(
            len(self.minutes), self.detector.signal
        )


def values_of(values: Sequence[float]) -> str:
    return " ".join("_" if value < 0 else repr(value) for value in values)


def findings(minutes: int, signal: str = "drift") -> dict[str, str]:
    labels = f'service="{SERVICE}",signal="{signal}",job="burnline",instance="a:8000"'
    return {
        f"burnline_signal_events_total{{{labels}}}": f"0+200x{minutes}",
        f"burnline_signal_bad_events_total{{{labels}}}": f"0x{minutes}",
    }


def page(detector: ByCells, total: Sketch, instance: str) -> dict[str, float]:
    """The samples of one page, under the names that Prometheus gives them."""
    found: dict[str, float] = {}
    for family in exposition([((SERVICE, detector.signal), detector, total)]):
        for sample in family.samples:
            labels = {**sample.labels, "job": "burnline", "instance": instance}
            inside = ",".join(f"{label}={quoted(text)}" for label, text in sorted(labels.items()))
            found[f"{sample.name}{{{inside}}}"] = float(str(sample.value))
    return found


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def close_to(selector: str, value: float) -> str:
    return f"abs({selector} - {value!r}) <= {1e-9 * max(1.0, abs(value))!r}"


def over(window: str, event: str, slo: str = "steady") -> str:
    return f'slo:events:increase_over{{slo="{slo}",window="{window}",event="{event}"}}'


def of_the_window(event: str, slo: str = "steady") -> str:
    return f'slo:events:increase_window{{slo="{slo}",event="{event}"}}'
