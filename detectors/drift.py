"""Drift: how far live data is from the reference, beyond what chance explains, per feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Columns
from burnline.detectors.contract import CONTRIBUTORS, Judgement, no_data, too_few, too_few_of_two
from burnline.detectors.floats import Floats
from burnline.detectors.profile import PREDICTION, Category, Column, Number, Reference
from burnline.detectors.seasons import HOURS, BySlot, Seasons, slot_counts, slots_of
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.distance import Histogram, chance, jensen_shannon, kolmogorov, stability
from burnline.detectors.statistics.edetector import Evidence, Watch, log_level, most
from burnline.detectors.statistics.lasting import OfRows, lasting, promised
from burnline.detectors.statistics.moves import Moves
from burnline.events import Cell, Contributor, Counts, Source, Verdict
from burnline.spec.signals import DriftSpec, PredictionSpec

IN_REFERENCE = "in the reference"
EVIDENCE = "evidence"  # of all windows so far, in parts of what is an alarm, 1 at most
BUDGET = 0.5  # false alarms in 30 days of all features together, for windows by themselves and for windows together
DOUBT = 4.6  # nats: the reference's own shares are within their bounds but for one chance in a hundred


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """Cells of all columns one after another: a window's, and what is to be expected."""

    live: Histogram
    reference: Histogram
    events: Floats  # by column
    rows: Floats
    where: str  # how the reference is called


class _ByCells:
    """Score: the worst feature's total variation beyond chance. Bad events: that share of those that have a value.

    In alarm are features whose score in this window is over the threshold, and those that all windows so far, together,
    show to have moved by more than it. Of either kind half a false alarm in 30 days is to be expected at most.

    Its cells are shown to Prometheus, which then finds the same over any window: detectors/burn/cells.py.
    """

    signal: ClassVar[str]
    where: ClassVar[str] = IN_REFERENCE
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = DriftSpec.additive
    alone: ClassVar[bool] = False

    def __init__(self, reference: Reference, spec: DriftSpec | PredictionSpec) -> None:
        self.window = spec.window
        self._spec = spec
        self._effect = reference.design_effect
        self._columns = self._watched(reference)
        self._sizes = np.array([len(column.cells) for column in self._columns.values()], dtype=np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._of = f"{self.signal}:{reference.digest()}"
        self._slots = reference.slots
        if not self._columns:
            return
        self._used = np.ones(int(self._sizes.sum()), dtype=np.int64)
        if PREDICTION in self._columns:  # a failed request has no answer: that is not drift
            self._used[-2] = 0
        self._reference = np.concatenate([column.cells for column in self._columns.values()]) * self._used
        self._seasons = self._by_hour(reference)
        self._moves = Moves(list(self._columns.values()), self._starts.tolist())
        self._surprise = log_level(len(self._columns), spec.window, BUDGET)
        self._watch = Watch(self._moves.kinds, self._surprise, self._of)
        self._usual = self._allowed(self._reference)

    def _watched(self, reference: Reference) -> dict[str, Column]:
        answers = {} if reference.prediction is None else {PREDICTION: reference.prediction}
        return {**reference.features, **answers}

    def _by_hour(self, reference: Reference) -> Seasons | None:
        if reference.slots is None:
            return None
        names = [None if name == PREDICTION else name for name in self._columns]
        return Seasons(slot_counts(reference.slots, names) * self._used, self._reference, self._starts)

    @property
    def _hours(self) -> int:
        return HOURS[self._slots.kind] if self._slots else 0

    def empty(self) -> Sketch:
        return Sketch(self._of, np.zeros(1 + self._hours + int(self._sizes.sum()), dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        counts = [columns.feature(name).counts for name in self._columns if name != PREDICTION]
        if PREDICTION in self._columns and (answers := columns.prediction()) is not None:
            counts.append(answers.counts)
        hours = np.zeros(0, dtype=np.int64)
        if self._slots:
            hours = np.bincount(slots_of(columns.batch, self._slots.kind), minlength=self._hours)
        return Sketch(self._of, np.concatenate([np.array([len(columns)]), hours, *counts]))

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        if not self._columns:
            return no_data("the reference has no columns")
        compared = self._compare(sketch, self._expected(sketch), self.where)
        evidence = self._weigh(compared, memory)
        left = self._watch.write(evidence)
        effects = self._effects(compared)
        if not _held(evidence, compared).any() and (short := self._short(sketch, compared, effects)):
            return Judgement(short.verdict, short.score, short.counts, short.reason, memory=left)
        return self._judged(compared, effects, evidence, left)

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        if not self._columns:
            return no_data("the reference has no columns")
        if few := too_few_of_two(baseline.events, candidate.events, self._spec.min_events):
            return few
        compared = self._compare(candidate, self._cells(baseline), "in the baseline")
        effects = self._effects(compared)
        short = self._short(candidate, compared, effects)
        return short or self._judged(compared, effects, self._watch.start(), b"")

    def scores(self, sketch: Sketch) -> Iterator[Contributor]:
        """Every column that has enough events, also where nothing has moved."""
        compared = self._compare(sketch, self._expected(sketch), self.where)
        found, evidence = self._effects(compared), self._watch.start()
        return (self._contributor(at, compared, found, evidence) for at in np.flatnonzero(~np.isnan(found)).tolist())

    def cells(self, sketch: Sketch) -> Iterator[tuple[str, Counter64, Counter64]]:
        """By feature, how often what is compared falls into each cell: in `sketch`, and in the reference."""
        live = self._cells(sketch) if self._columns else sketch.counts
        for at, name in enumerate(self._columns):
            part = self._part(at)
            used = self._used[part] > 0
            yield name, live[part][used], self._reference[part][used]

    def chance(self, reference: Histogram, events: float) -> float:
        """The total variation that sampling adds to a column of `events` compared with those counts."""
        return chance(len(reference) - 1, self._effect * (1 / events + 1 / float(reference.sum())), self._surprise)

    def by_slot(self, sketch: Sketch) -> BySlot | None:
        """What is to be expected at the hours of the events, where the reference differs by hour."""
        if not self._columns or self._seasons is None:
            return None
        events = sketch.counts[1 : 1 + self._hours]
        expected, used = self._seasons.expected(events), self._used > 0
        parts = {name: self._part(at) for at, name in enumerate(self._columns)}
        rows = dict(zip(self._columns, self._seasons.rows.T, strict=True))
        return BySlot(events, {name: expected[part][used[part]] for name, part in parts.items()}, rows)

    def _cells(self, sketch: Sketch) -> Counter64:
        return sketch.counts[1 + self._hours :] * self._used

    def _expected(self, sketch: Sketch) -> Histogram:
        if self._seasons is None:
            return self._reference
        return self._seasons.mixed(sketch.counts[1 : 1 + self._hours])

    def _compare(self, sketch: Sketch, reference: Histogram, where: str) -> _Compared:
        live = self._cells(sketch)
        events, rows = (np.add.reduceat(one, self._starts).astype(np.float64) for one in (live, reference))
        return _Compared(live, reference, events, rows, where)

    def _effects(self, compared: _Compared) -> Floats:
        """Per column its score; NaN where there is too little to tell. The cell of wrong types is no free one: all
        columns of a reference have none there."""
        usable = (compared.events >= self._spec.min_events) & (compared.rows > 0)
        events, rows = (np.where(usable, one, 1.0) for one in (compared.events, compared.rows))
        differences = compared.live / np.repeat(events, self._sizes) - compared.reference / np.repeat(rows, self._sizes)
        apart = np.add.reduceat(np.abs(differences), self._starts) / 2
        used = np.add.reduceat(self._used, self._starts) - 1
        by_chance = np.array(
            [
                chance(cells, self._effect * inverse, self._surprise)
                for cells, inverse in zip(used.tolist(), (1 / events + 1 / rows).tolist(), strict=True)
            ]
        )
        return np.where(usable, np.clip(apart - by_chance, 0.0, 1.0), np.nan)

    def _weigh(self, compared: _Compared, memory: bytes) -> Evidence:
        """Add the window to what those before it have shown."""
        return self._watch.step(
            self._watch.read(memory),
            bad=self._moves.count(compared.live, compared.events),
            events=compared.events[self._moves.owner],
            allowed=self._allowed(compared.reference) if self._seasons else self._usual,
            design_effect=self._effect,
        )

    def _allowed(self, reference: Histogram) -> Floats:
        """Per move, the share up to which it is no alarm: the threshold, more than the reference may truly have."""
        owner, rows = self._moves.owner, np.add.reduceat(reference, self._starts).astype(np.float64)
        usual = self._moves.count(reference, rows) / np.maximum(rows, 1e-9)[owner]
        return most(usual, rows[owner] / self._effect, np.log(len(owner)) + DOUBT) + self._spec.threshold

    def _short(self, sketch: Sketch, compared: _Compared, effects: Floats) -> Judgement | None:
        """NO_DATA when no column has enough: events that all lack an answer say nothing of answers."""
        least = self._spec.min_events
        if not np.isnan(effects).all():
            return None
        few = too_few(sketch.events, least) or too_few(int(compared.events.max()), least, "events with an answer")
        return few or no_data(f"nothing to compare with {compared.where}")

    def _judged(self, compared: _Compared, effects: Floats, evidence: Evidence, left: bytes) -> Judgement:
        limit = self._spec.threshold
        known, usable = np.nan_to_num(effects), ~np.isnan(effects)
        drifted = (known > limit) | _held(evidence, compared)
        worst_first = np.lexsort((-evidence.total, -known, ~drifted)).tolist()
        shown = [at for at in worst_first if drifted[at] or known[at] > 0][:CONTRIBUTORS]
        found = [self._contributor(at, compared, effects, evidence) for at in shown or worst_first[:1]]
        score = float(known.max())
        if drifted.any():
            reason = self._alarm(found[0], drifted, known, evidence, worst_first, _moved(compared.where))
        else:
            reason = f"{self._calm(found[0].feature, score, compared.where)} (limit {limit:.1%})."
        verdict = Verdict.ALARM if drifted.any() else Verdict.OK
        # Where evidence alone alarms, little may be known of the window itself; the limit is what it shows at least.
        events = int(compared.events[usable].max(initial=0))
        counts = Counts(events * score, events)
        said = max(score, limit) if drifted.any() else score
        return Judgement(verdict, said if events else None, counts, reason, tuple(found) if shown else (), left)

    def _calm(self, feature: str, score: float, where: str) -> str:
        """Of chance alone there is nothing to say."""
        drift, alone = where == IN_REFERENCE, len(self._columns) == 1
        calm = "No feature drifted" if drift else f"Features are as {where}"
        if alone:
            calm = f"{_called(feature)} {'has not drifted' if drift else f'is as {where}'}"
        if score <= 0:
            return calm
        size = f"by {score:.1%} of events beyond chance"
        return f"{calm}; it differs {size}" if alone else f"{calm}; {feature} differs most, {size}"

    def _alarm(
        self,
        worst: Contributor,
        drifted: NDArray[np.bool_],
        scores: Floats,
        evidence: Evidence,
        order: Sequence[int],
        moved: str,
    ) -> str:
        """What an engineer wants to know at night: what, where, how much, since when, and how sure it is."""
        names = list(self._columns)
        others = [names[at] for at in order if drifted[at]][1:4]
        first, limit = order[0], f"(limit {self._spec.threshold:.1%})"
        size = f"; {scores[first]:.1%} of its events would have to change {limit}"
        if scores[first] <= self._spec.threshold:
            size = ""  # the contributor says it
        windows = int(evidence.since[first])
        since = f"It began about {lasting(windows, self.window)} ago{self._gaps}. " if windows > 1 else ""
        also = f"Then {', '.join(others)}. " if others else ""
        which, whose = (
            f"{int(drifted.sum())} of {len(names)} features {moved}, {worst.feature} most",
            " of all features",
        )
        if len(names) == 1:
            which, whose = f"{_called(worst.feature)} {moved.replace('not', 'is not')}", ""
        promise = f"At most one false alarm in {promised(self.window)} is expected{whose}."
        return f"{which}: {worst.detail}{size}. {also}{since}{promise}"

    def _together(self, events: int, windows: int) -> str:
        """Why a feature is in alarm although its score is none."""
        limit = f"(limit {self._spec.threshold:.1%})"
        if windows > 1:
            return f"one window does not show it, {windows:,} of them together do {limit}"
        return f"its {events:,} events show that this is too much, but not by how much {limit}"

    @property
    def _gaps(self) -> str:
        """What the time since then leaves out: there is no evidence in a window without events."""
        return "" if isinstance(self.window, OfRows) else ", not counting windows without events"

    def _part(self, at: int) -> slice:
        return slice(int(self._starts[at]), int(self._starts[at] + self._sizes[at]))

    def _contributor(self, at: int, compared: _Compared, effects: Floats, evidence: Evidence) -> Contributor:
        name, part = list(self._columns)[at], self._part(at)
        column, live, reference = self._columns[name], compared.live[part], compared.reference[part]
        score = float(np.nan_to_num(effects[at]))
        if not live.sum() or not reference.sum():
            return Contributor(name, score)
        shown = {"psi": stability(live, reference), "js": jensen_shannon(live, reference)}
        if isinstance(column, Number):
            shown["ks"] = kolmogorov(live[:-2], reference[:-2]) if live[:-2].sum() and reference[:-2].sum() else 0.0
        shown[EVIDENCE] = float(np.floor(1e4 * np.exp(min(evidence.total[at] - self._surprise, 0.0))) / 1e4)
        cells = histogram_cells(column, live / live.sum(), reference / reference.sum())
        detail = difference(column, live / live.sum(), reference / reference.sum(), compared.where)
        if evidence.on[at] and score <= self._spec.threshold:
            detail += f"; {self._together(int(compared.events[at]), int(evidence.since[at]))}"
        return Contributor(name, score, detail, cells, {key: float(f"{value:.4g}") for key, value in shown.items()})


class Drift(_ByCells):
    """Every feature, and the model's answers."""

    signal: ClassVar[str] = "drift"


class PredictionDrift(_ByCells):
    """The model's answers alone, with a promise of their own: inputs may drift and answers not, or the other way."""

    signal: ClassVar[str] = "prediction"

    def _watched(self, reference: Reference) -> dict[str, Column]:
        return {} if reference.prediction is None else {PREDICTION: reference.prediction}


def _moved(where: str) -> str:
    """From the reference it is a drift in time; from training, or from another version, a difference."""
    return "drifted" if where == IN_REFERENCE else f"not as {where}"


def _called(feature: str) -> str:
    return "The prediction" if feature == PREDICTION else feature


def _held(evidence: Evidence, compared: _Compared) -> NDArray[np.bool_]:
    """Which columns evidence has in alarm; without values in a window it says nothing of that."""
    return evidence.on & (compared.events > 0)


def difference(column: Column, live: Floats, reference: Floats, where: str) -> str:
    """The cell that gained most, in words; where none did, the largest."""
    gained = max(range(len(live)), key=lambda at: (live[at] - reference[at], live[at]))
    return f"{live[gained]:.1%} of its values are {column.describe(gained)}, {where} {reference[gained]:.1%}"


MOST_CELLS = 32  # in a picture


def histogram_cells(column: Column, live: Floats, reference: Floats) -> tuple[Cell, ...]:
    """The histograms for a picture; labels beyond MOST_CELLS stand together in the last one."""
    there = [at for at in range(len(live)) if live[at] or reference[at]]
    if isinstance(column, Category) and len(there) > MOST_CELLS:
        there = sorted(sorted(there, key=lambda at: -max(live[at], reference[at]))[: MOST_CELLS - 1])
    named = [Cell(column.describe(at), float(reference[at]), float(live[at])) for at in there]
    rest = 1 - sum(cell.reference or 0.0 for cell in named), 1 - sum(cell.live for cell in named)
    return (*named, Cell("others", *rest)) if max(rest) > 1e-9 else tuple(named)
