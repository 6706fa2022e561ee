"""Events from counters: what each series of one target grew by between two scrapes.

Increments telescope: their sum is the counter's growth, whatever was missed in between. Counters may restart, appear
and vanish; the rules are those of `Counters.take`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

STALE_AFTER = timedelta(minutes=5)  # Prometheus' own staleness: after this a counter says nothing about the gap
VANISHED_FOR = timedelta(hours=6)  # an exporter may show a series only while something happens
MAX_VANISHED = 10_000  # series remembered in case they return; the newest
MAX_GROWTH = 2.0**36  # between two scrapes: 229 million events a second for five minutes; more is a lie
MAX_VALUE = 2.0**53  # beyond it a float64 no longer counts by ones: it would look idle

Series = tuple[str, tuple[tuple[str, str], ...]]


def series(name: str, labels: Mapping[str, str]) -> Series:
    """The identity of a series."""
    return name, tuple(sorted(labels.items()))


@dataclass(frozen=True, slots=True)
class Growth:
    """What one scrape told: growth per series over the time `covered` since the scrape before (zero: a baseline).

    `jumps` holds what no counter of events can do: the growth over MAX_GROWTH, or the value over MAX_VALUE.
    """

    covered: timedelta
    by_series: Mapping[Series, float]
    jumps: Mapping[Series, float] = field(default_factory=dict)


@dataclass(slots=True)
class Counters:
    """The last counter values of one target."""

    names: frozenset[str]  # the metrics looked for
    at: datetime | None = None
    values: dict[Series, float] = field(default_factory=dict)
    vanished: dict[Series, tuple[float, datetime]] = field(default_factory=dict)
    known_names: frozenset[str] | None = None  # the metrics looked for in the scrape before, when that was another set

    def take(self, at: datetime, found: Mapping[Series, float]) -> Growth:
        """Read one successful scrape, and return what happened since the one before.

        - The first scrape of a target, or one after more than five minutes, is a baseline: nothing is counted.
        - A value below the last one is a restarted counter: the whole value is new.
        - A series that was not there in the last scrape was born since then at 0: the whole value is new. (Prometheus
          loses it; a service's first errors are just such series.)
        - A metric that was not looked for before is a baseline.
        - A series that vanished from a target goes on from its last value when it returns within six hours.
        - A growth over MAX_GROWTH is a baseline and a jump; so is, for as long as it lasts, a value over MAX_VALUE.
        """
        if self.at is not None and at <= self.at:
            return Growth(timedelta(0), {})
        jumps = {key: value for key, value in found.items() if MAX_VALUE < value < math.inf}
        found = {key: value for key, value in found.items() if 0 <= value <= MAX_VALUE}
        fresh = self.at is None or at - self.at > STALE_AFTER
        covered = timedelta(0) if self.at is None or fresh else at - self.at
        growth = {} if fresh else {key: self._growth(key, value) for key, value in found.items()}
        self._keep(at, found, forget=fresh)
        jumps |= {key: grown for key, grown in growth.items() if grown > MAX_GROWTH}
        return Growth(covered, {key: grown for key, grown in growth.items() if key not in jumps}, jumps)

    def _growth(self, key: Series, value: float) -> float:
        last = self.values.get(key)
        if last is None and key in self.vanished:
            last = self.vanished[key][0]
        if last is None:
            looked_for = self.known_names is None or key[0] in self.known_names
            return value if looked_for else 0.0
        return value - last if value >= last else value

    def _keep(self, at: datetime, found: dict[Series, float], *, forget: bool) -> None:
        gone = {} if forget else {key: (value, self.at or at) for key, value in self.values.items()}
        vanished = [
            (key, (value, since))
            for key, (value, since) in ({} if forget else {**self.vanished, **gone}).items()
            if key not in found and at - since <= VANISHED_FOR
        ]
        self.vanished = dict(vanished[-MAX_VANISHED:])
        self.at, self.values, self.known_names = at, found, None

    def to_json(self) -> dict[str, Any]:
        """Plain data for the store; `at` is kept beside it."""
        return {
            "names": sorted(self.names),
            "series": [[name, dict(labels), value] for (name, labels), value in self.values.items()],
            "vanished": [
                [name, dict(labels), value, since.isoformat()]
                for (name, labels), (value, since) in self.vanished.items()
            ],
        }


def from_json(body: Mapping[str, Any], at: datetime, names: frozenset[str]) -> Counters:
    """Counters as they were at `at`, now looking for `names`."""
    vanished = _pairs((row[0], row[1], (row[2], datetime.fromisoformat(row[3]))) for row in body["vanished"])
    return Counters(
        names,
        at,
        {key: float(value) for key, value in _pairs(body["series"]).items()},
        vanished,
        frozenset(body["names"]),
    )


def _pairs(rows: Iterable[Any]) -> dict[Series, Any]:
    return {series(name, labels): value for name, labels, value in rows}
