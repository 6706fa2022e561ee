"""Samples of the past, in time order per target, as the collectors would have given them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

import numpy as np

from burnline.events import Collection, Sample

TARGET = ("job", "instance")
COLLECTOR = "backtest"
LATEST = 4_102_444_800  # 2100-01-01: a later moment is a mistake of units, or a lie


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
        """Keep one sample; a series' samples come in the order of their time, and what comes again is passed over."""
        track = self.tracks.setdefault((name, tuple(sorted(labels.items()))), _Track())
        if track.at and at <= track.at[-1]:
            return
        track.at.append(at)
        track.values.append(value)
        self.count += 1

    def ends(self) -> list[datetime]:
        """When the series end."""
        return [datetime.fromtimestamp(max(track.at), UTC) for track in self.tracks.values() if track.at]

    def until(self, end: datetime | None) -> Samples:
        """What is not later than `end`."""
        last = math.inf if end is None else end.timestamp()
        found = Samples()
        for (name, labels), track in self.tracks.items():
            for at, value in zip(track.at, track.values, strict=True):
                if at <= last:
                    found.add(name, dict(labels), at, value)
        return found

    def collections(self, service: str) -> Iterator[Collection]:
        """One collection per target and moment, in time order: a target's series are read together."""
        names = sorted({_target(pairs) for _, pairs in self.tracks})
        series = [(name, dict(pairs), names.index(_target(pairs))) for name, pairs in self.tracks]
        at = np.concatenate([np.frombuffer(track.at) for track in self.tracks.values()] or [np.empty(0)])
        lengths = [len(track.at) for track in self.tracks.values()]
        home = np.repeat(np.arange(len(series)), lengths)
        place = np.concatenate([np.arange(length) for length in lengths] or [np.empty(0, np.int64)])
        target = np.repeat([number for *_, number in series], lengths)
        tracks = list(self.tracks.values())
        order = np.lexsort((home, target, at))
        turns = groupby(order.tolist(), key=lambda row: (float(at[row]), int(target[row])))
        for (moment, number), rows in turns:
            samples = tuple(
                Sample(series[home[row]][0], series[home[row]][1], tracks[home[row]].values[place[row]]) for row in rows
            )
            yield Collection(service, COLLECTOR, names[number], datetime.fromtimestamp(moment, UTC), 0.0, True, samples)


def _target(pairs: tuple[tuple[str, str], ...]) -> str:
    labels = dict(pairs)
    return "/".join(labels.get(label, "") for label in TARGET)
