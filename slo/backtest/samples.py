"""Samples of the past, in time order per target, as the collectors would have given them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from burnline.events import Collection, Sample
from burnline.spec.selector import Selector

TARGET = ("job", "instance")
COLLECTOR = "backtest"


@dataclass(slots=True)
class _Track:
    """One series: its values and their moments, in seconds since 1970."""

    at: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Samples:
    """Series by name and labels; 16 bytes a sample."""

    tracks: dict[tuple[str, tuple[tuple[str, str], ...]], _Track] = field(default_factory=dict)
    count: int = 0

    def add(self, name: str, labels: Mapping[str, str], at: float, value: float) -> None:
        """Keep one sample; a series' samples come in the order of their time."""
        track = self.tracks.setdefault((name, tuple(sorted(labels.items()))), _Track())
        track.at.append(at)
        track.values.append(value)
        self.count += 1

    def has(self, selector: Selector) -> bool:
        """Whether there are samples of the metric."""
        return any(name == selector.metric for name, _ in self.tracks)

    def ends(self) -> list[datetime]:
        """When the series end."""
        return [datetime.fromtimestamp(max(track.at), UTC) for track in self.tracks.values() if track.at]

    def within(self, since: datetime | None, until: datetime | None) -> Samples:
        """What lies in [since, until]."""
        if since is None and until is None:
            return self
        first = since.timestamp() if since else -math.inf
        last = until.timestamp() if until else math.inf
        found = Samples()
        for (name, labels), track in self.tracks.items():
            for at, value in zip(track.at, track.values, strict=True):
                if first <= at <= last:
                    found.add(name, dict(labels), at, value)
        return found

    def collections(self, service: str) -> Iterator[Collection]:
        """One collection per target and moment, in time order: a target's series are read together."""
        by_target: dict[str, dict[float, list[Sample]]] = {}
        for (name, pairs), track in self.tracks.items():
            labels = dict(pairs)
            target = "/".join(labels.get(label, "") for label in TARGET)
            moments = by_target.setdefault(target, {})
            for at, value in zip(track.at, track.values, strict=True):
                moments.setdefault(at, []).append(Sample(name, labels, value))
        turns = sorted((at, target) for target, moments in by_target.items() for at in moments)
        for at, target in turns:
            samples = tuple(by_target[target].pop(at))
            yield Collection(service, COLLECTOR, target, datetime.fromtimestamp(at, UTC), 0.0, True, samples)
