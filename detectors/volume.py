"""Volume: do as many events come as at this hour of other weeks?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import exp, isfinite, log, sqrt
from typing import ClassVar, Self

import msgspec
import numpy as np

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Judgement, Z, no_data
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.events import Contributor, Counts, Source, Verdict
from burnline.spec.quality import VolumeSpec
from burnline.store.schema import EPOCH

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
HOURS = 168
LEARNT = 6  # windows, before anything is said
RECENT, SEASON = 1 / 12, 1 / 24  # the weight of a new window: an hour or two, four weeks of windows of 10 minutes
FLOOR = 0.05  # no traffic is steadier than that, as a deviation of the logarithm
CLOSE = 0.1  # in logarithms: a tenth more or less
CLIP = 3.0  # deviations that one window teaches at most: an outage is not learnt in an hour


class Level(msgspec.Struct, frozen=True, array_like=True):
    """Mean and variance of log(1 + events) of so many windows, the older the lighter."""

    mean: float = 0.0
    variance: float = 0.0
    windows: int = 0

    @property
    def deviation(self) -> float:
        """Never under that of Poisson, nor FLOOR."""
        return sqrt(max(self.variance, FLOOR**2, 1 / (exp(self.mean) + 1)))

    @property
    def margin(self) -> float:
        """What chance explains: `Z` deviations, and more while these are estimated from few windows (Student's t)."""
        freedom = max(1, min(self.windows, 1 / RECENT) - 1)
        return self.deviation * (Z + (Z**3 + Z) / (4 * freedom))

    def learn(self, value: float, weight: float) -> Level:
        """With one more window; one that is far off moves it as little as one that is a bit off."""
        if self.windows >= LEARNT:
            value = self.mean + min(max(value - self.mean, -CLIP * self.deviation), CLIP * self.deviation)
        weight = max(weight, 1 / (self.windows + 1))
        step = value - self.mean
        variance = (1 - weight) * (self.variance + weight * step**2)
        return Level(self.mean + weight * step, variance, self.windows + 1)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the windows so far taught.

    Attributes:
        hour: of the week, when the last window began; -1 before the first event.
        windows: since the first event.
        hours: by hour of the week, in whole hours.
    """

    hour: float = -1.0
    windows: int = 0
    recent: Level = field(default_factory=Level)
    hours: tuple[Level, ...] = (Level(),) * HOURS

    @classmethod
    def read(cls, memory: bytes) -> Self:
        """What was learnt; nothing where the bytes are not that."""
        try:
            hour, windows, recent, hours = msgspec.msgpack.decode(
                memory, type=tuple[float, int, Level, tuple[Level, ...]]
            )
        except msgspec.MsgspecError:
            return cls()
        usable = len(hours) == HOURS and all(isfinite(one.mean + one.variance) for one in (recent, *hours))
        return cls(hour, windows, recent, hours) if usable else cls()

    def write(self) -> bytes:
        return msgspec.msgpack.encode((self.hour, self.windows, self.recent, self.hours))

    def expected(self, window: timedelta) -> tuple[Level, str]:
        """With what the present window is compared, and what that is called."""
        season = self.hours[int(self.hour) % HOURS]
        if self.windows * window > WEEK and season.windows >= LEARNT:
            return season, "at this hour of the week"
        return self.recent, "lately"

    def learn(self, events: int) -> Learnt:
        value, at = log(1 + events), int(self.hour) % HOURS
        hours = (*self.hours[:at], self.hours[at].learn(value, SEASON), *self.hours[at + 1 :])
        return replace(self, windows=self.windows + 1, recent=self.recent.learn(value, RECENT), hours=hours)


class Volume:
    """Score: the share of events that is missing, or too much, beyond what chance explains. It learns what is usual.

    In the first week a window is compared with those before it, later with the same hour of the week. Bad events: the
    share of those that were expected and did not come, or came and were not expected. Silence counts too.
    """

    signal: ClassVar[str] = "volume"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = True
    alone: ClassVar[bool] = True
    judges_silence: ClassVar[bool] = True

    def __init__(self, reference: Reference, spec: VolumeSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._of = f"volume:{reference.digest()}"

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(1 + HOURS, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        sketch = self.empty()
        if len(columns):
            seconds = (columns.batch.received_at - EPOCH) // timedelta(seconds=1)
            at = np.array(columns.batch.at or [seconds * 1_000_000], dtype=np.int64)
            hours = (at // 3_600_000_000) % HOURS
            sketch.counts[0] = len(columns)
            sketch.counts[1:] = np.bincount(hours, minlength=HOURS) * (1 if columns.batch.at else len(columns))
        return sketch

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        learnt, events = self._now(Learnt.read(memory), sketch), sketch.events
        if learnt.hour < 0:
            return no_data("0 events in the window, and none before it: what is usual is not known yet")
        left = learnt.learn(events).write()
        if declared := self._declared(events):
            return replace(declared, memory=left)
        level, when = learnt.expected(self.window)
        usual = exp(level.mean) - 1
        if level.windows < LEARNT:
            said = no_data(
                f"{events:,} events in the window; what is usual needs {LEARNT} windows, {level.windows} seen so far"
            )
        elif max(events, usual) < self._spec.min_events:
            said = no_data(
                f"{events:,} events in the window and {usual:,.0f} {when}; it needs {self._spec.min_events:,}"
            )
        else:
            said = self._judge(events, usual, level, when)
        return replace(said, memory=left)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """Nothing: how much of the traffic a version gets is what its release says."""
        return no_data("how many events a version gets is up to its release")

    def _now(self, learnt: Learnt, sketch: Sketch) -> Learnt:
        """In silence time goes on by one window."""
        if sketch.events:
            hour = float(np.argmax(sketch.counts[1:]))
            same = int(learnt.hour) % HOURS == int(hour)
            later = (learnt.hour + self.window / HOUR) % HOURS
            return replace(learnt, hour=later if same and int(later) == int(hour) else hour)
        return replace(learnt, hour=(learnt.hour + self.window / HOUR) % HOURS) if learnt.hour >= 0 else learnt

    def _declared(self, events: int) -> Judgement | None:
        """What the service file itself says is too few or too many."""
        least, most = self._spec.least, self._spec.most
        if least is not None and events < least:
            reason = f"{events:,} events in the window; the service file wants {least:,} at least."
            return Judgement(Verdict.ALARM, 1 - events / least, Counts(least - events, least), reason)
        if most is not None and events > most:
            reason = f"{events:,} events in the window; the service file wants {most:,} at most."
            return Judgement(Verdict.ALARM, 1 - most / events, Counts(events - most, events), reason)
        return None

    def _judge(self, events: int, usual: float, level: Level, when: str) -> Judgement:
        off = log(1 + events) - level.mean
        score = 1 - exp(-max(0.0, abs(off) - level.margin))
        alarm = score > self._spec.threshold
        total = max(float(events), usual)
        if abs(off) < CLOSE:
            many = "about as many as"
        elif abs(off) > level.margin:
            many = f"{1 - events / total:.0%} fewer than" if off < 0 else f"{(1 + events) / (1 + usual):.1f} times"
        else:
            least, most = max(0.0, exp(level.mean - level.margin) - 1), exp(level.mean + level.margin) - 1
            many = f"between the {least:,.0f} and {most:,.0f} that chance makes of"
        limit = f"limit {self._spec.threshold:.0%}, beyond chance"
        reason = f"{events:,} events in the window, {many} the {usual:,.0f} {when} ({limit})."
        found = (Contributor("(events)", score, f"{events:,} instead of {usual:,.0f}"),) if score > 0 else ()
        return Judgement(Verdict.ALARM if alarm else Verdict.OK, score, Counts(total * score, total), reason, found)
