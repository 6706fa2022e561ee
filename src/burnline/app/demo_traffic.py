"""What the model server itself counted, and from that the least time in which a page can come.

The theory's usual formula takes even traffic. A slow version answers less, so here the recorded traffic decides.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from burnline.slo.windows import Tier

STEP = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Reading:
    """The server's counters at one moment, since its start."""

    at: datetime
    total: float = 0.0
    bad: float = 0.0
    version: str = ""
    dropped: float = 0.0


@dataclass(frozen=True, slots=True)
class Least:
    """When a tier could fire at the earliest, and on how many events of its long window."""

    after: timedelta
    bad: float
    total: float  # in a whole window, at the rate of the part that was observed


def read_page(page: str, at: datetime) -> Reading:
    """A reading of the server's /metrics; raises ValueError when that is no such page."""
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    requests = [sample for sample in samples if sample.name == "http_requests_total"]
    return Reading(
        at,
        total=sum(sample.value for sample in requests),
        bad=sum(sample.value for sample in requests if sample.labels["status"].startswith("5")),
        version=next((s.labels["model_version"] for s in samples if s.name == "model_info" and s.value == 1), ""),
        dropped=sum(sample.value for sample in samples if sample.name == "prediction_events_dropped_total"),
    )


@dataclass
class Traffic:
    """Readings in order of time; between two of them the counters are taken to have grown evenly."""

    readings: list[Reading] = field(default_factory=list)

    @property
    def last(self) -> Reading | None:
        """The newest reading."""
        return self.readings[-1] if self.readings else None

    def least_time(self, since: datetime, tier: Tier, objective: float) -> Least | None:
        """From `since` to the first moment with enough bad events in both windows: bad > factor x budget x events.

        The engine takes the unknown part of a young window as healthy; so does this. None: there was no such moment.
        """
        needed = tier.factor * (1 - objective)
        for moment in self._moments(since):
            bad, total = self._within(moment, tier.long)
            bad_short, total_short = self._within(moment, tier.short)
            if bad > needed * total and bad_short > needed * total_short:
                return Least(moment - since, bad, total)
        return None

    def worst_share(self, since: datetime, window: timedelta) -> float:
        """The largest share of bad events that any window ending after `since` held."""
        windows = (self._within(moment, window) for moment in self._moments(since))
        return max((bad / total for bad, total in windows if total), default=0.0)

    def _moments(self, since: datetime) -> list[datetime]:
        if not self.last or since > self.last.at:
            return []
        return [since + n * STEP for n in range((self.last.at - since) // STEP + 1)]

    def _within(self, moment: datetime, window: timedelta) -> tuple[float, float]:
        """Bad and all events of the window; what came before the first reading: healthy, at the rate since."""
        (bad, total), (bad_before, total_before) = self._counted(moment), self._counted(moment - window)
        observed = min(window, moment - self.readings[0].at)
        return bad - bad_before, (total - total_before) * (window / observed if observed else 1)

    def _counted(self, moment: datetime) -> tuple[float, float]:
        place = bisect_left(self.readings, moment, key=lambda reading: reading.at)
        if place in (0, len(self.readings)):
            known = self.readings[min(place, len(self.readings) - 1)]
            return known.bad, known.total
        before, after = self.readings[place - 1], self.readings[place]
        share = (moment - before.at) / (after.at - before.at)
        return before.bad + share * (after.bad - before.bad), before.total + share * (after.total - before.total)
