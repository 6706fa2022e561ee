"""Folds prediction events into open windows and judges closed ones. The database is the truth, memory a copy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.detectors.build import build_declared, build_detectors, windows
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector, Judgement, no_data
from burnline.detectors.declared import declared_reference
from burnline.detectors.profile import load_reference
from burnline.detectors.sketch import Sketch
from burnline.errors import PayloadError, SpecError, StoreError
from burnline.events import Counts, Finding, PredictionBatch
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database
from burnline.store.inbox import PREDICTIONS, forget_upto
from burnline.store.predictions import next_batches
from burnline.store.schema import EPOCH, MICROSECOND

log = logging.getLogger(__name__)

CHUNK = 64  # batches a transaction
TURN_SECONDS = 1.0
CATCH_UP = 60  # silent windows reported after a pause; older ones are left out
Key = tuple[str, str]  # service, signal


@dataclass(frozen=True, slots=True)
class _Service:
    """How a service is watched; without a usable reference there is no reader, and `problem` says why."""

    spec: ServiceSpec
    windows: Mapping[str, timedelta]
    reader: ColumnReader | None = None
    detectors: Mapping[str, Detector] = field(default_factory=dict)
    problem: str = ""

    @property
    def lateness(self) -> timedelta | None:
        return self.spec.events.lateness


@dataclass(frozen=True, slots=True)
class _Progress:
    """One signal: windows up to `closed` are judged, `sketches` are the open ones by their start."""

    closed: datetime | None = None
    sketches: Mapping[datetime, Sketch] = field(default_factory=dict)


class DetectorEngine:
    """Every signal of every service: tumbling windows aligned to 1970, by the time a batch was received.

    Where the service file has `events.lateness`, by the events' own time: such a window is judged that much after its
    end, and the door keeps from here what is later, so that the order in which events come changes nothing.

    A chunk's events, their deletion from the inbox and the counts they changed are one transaction; so are a
    finding and the end of its window. A crash anywhere folds nothing twice and loses nothing. Not for two
    processes at once: the second one's transaction fails.
    """

    def __init__(
        self, db: Database, specs: Sequence[ServiceSpec], *, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._elapsed = elapsed
        self._services = {spec.service: _watch(spec) for spec in specs}
        self._progress: dict[Key, _Progress] | None = None
        self._counters: dict[Key, Counts] = {}
        self._latest: dict[Key, Finding] = {}

    def run_once(self, now: datetime) -> int:
        """Fold what has arrived, then judge windows that ended by `now`. Returns batches folded plus findings.

        After TURN_SECONDS the rest is left to the next turn, and so are windows that it may belong to.

        Raises: StoreError when the database fails; the next turn starts again from what it holds.
        """
        try:
            progress = self._recall()
            done, start = 0, self._elapsed()
            while batches := self._db.write(lambda tx: next_batches(tx, CHUNK)):
                progress = self._fold(progress, batches)
                done += len(batches)
                if self._elapsed() - start >= TURN_SECONDS:
                    now = min(now, batches[-1][1].received_at)
                    break
            return done + self._close(progress, now)
        except BaseException:
            self._progress = None  # memory may be ahead of the database: read it again
            raise

    def counters(self) -> Mapping[Key, Counts]:
        """Bad and total events of all findings, per service and signal; it starts from what the store holds."""
        return self._counters

    def latest(self) -> Sequence[Finding]:
        """The newest finding of every signal."""
        return tuple(self._latest.values())

    def _recall(self) -> dict[Key, _Progress]:
        if self._progress is not None:
            return self._progress
        with self._db.read() as tx:
            latest = {(found.service, found.signal): found for found in signals.latest_findings(tx)}
            states, self._counters = signals.load_states(tx), signals.event_totals(tx)
        self._latest = {key: found for key, found in latest.items() if key in self._keys()}
        self._progress = {key: _Progress(latest[key].window_end if key in latest else None) for key in self._keys()}
        for service, signal, start, body in states:
            if sketch := self._decode((service, signal), body):
                known = self._progress[service, signal]
                self._progress[service, signal] = replace(known, sketches={**known.sketches, start: sketch})
        return self._progress

    def _keys(self) -> list[Key]:
        return [(name, signal) for name, service in self._services.items() for signal in service.windows]

    def _decode(self, key: Key, body: bytes) -> Sketch | None:
        service = self._services.get(key[0])
        detector = service.detectors.get(key[1]) if service else None
        if detector is None:
            return None
        try:
            return detector.empty().decode(body)
        except PayloadError as error:  # another reference: what was counted against the old one says nothing
            log.warning("window starts again", extra={"service": key[0], "signal": key[1], "reason": str(error)})
            return None

    def _fold(
        self, progress: Mapping[Key, _Progress], batches: Sequence[tuple[int, PredictionBatch]]
    ) -> dict[Key, _Progress]:
        changed = dict(progress)
        touched: set[tuple[Key, datetime]] = set()
        for _, batch in batches:
            for signal, start, sketch in self._sketches(batch):
                key = (batch.service, signal)
                changed[key], start = _add(changed[key], sketch, start, self._first(batch, signal))  # noqa: PLW2901
                touched.add((key, start))

        def commit(tx: Connection) -> None:
            for key, start in touched:
                signals.save_state(tx, *key, start, changed[key].sketches[start].encode())
            if forget_upto(tx, PREDICTIONS, batches[-1][0]) < len(batches):
                raise StoreError("another process reads the same predictions; run one", retryable=True)

        self._db.write(commit)
        self._progress = changed
        return changed

    def _sketches(self, batch: PredictionBatch) -> Iterable[tuple[str, datetime, Sketch]]:
        """By signal and start of the window: the counts of the batch's events."""
        service = self._services.get(batch.service)
        if service is None or service.reader is None:
            return
        whole = service.reader.read(batch)
        for window in set(service.windows.values()):
            for start, part in _parts(batch, window, by_event_time=service.lateness is not None):
                columns = whole if part is batch else service.reader.read(part)
                for signal, detector in service.detectors.items():
                    if service.windows[signal] != window:
                        continue
                    try:
                        sketch = detector.fold(columns)
                    except Exception:  # one detector or batch must not stop the others
                        log.exception("batch not counted", extra={"service": batch.service, "signal": signal})
                    else:
                        yield signal, start, sketch

    def _first(self, batch: PredictionBatch, signal: str) -> datetime:
        """The first window that was open when the batch was received."""
        service = self._services[batch.service]
        return _floor(batch.received_at - (service.lateness or timedelta(0)), service.windows[signal])

    def _close(self, progress: Mapping[Key, _Progress], now: datetime) -> int:
        changed = dict(progress)
        found: list[Finding] = []
        for key, known in progress.items():
            service = self._services[key[0]]
            window, until = service.windows[key[1]], now - (service.lateness or timedelta(0))
            ended = _ended(known, window, until)
            found += [self._judge(key, start, window, known.sketches.get(start)) for start in ended]
            left = {start: sketch for start, sketch in known.sketches.items() if start not in ended}
            closed = max((start + window for start in ended), default=known.closed or _floor(until, window))
            changed[key] = _Progress(closed, left)
        if found:
            self._db.write(lambda tx: _record(tx, found))
        self._progress = changed
        self._publish(found)
        return len(found)

    def _judge(self, key: Key, start: datetime, window: timedelta, sketch: Sketch | None) -> Finding:
        service = self._services[key[0]]
        if not service.detectors:
            service = self._services[key[0]] = _watch(service.spec)  # the file may be there by now
        said = no_data(service.problem or "no events in the window")
        if sketch is not None and key[1] in service.detectors:
            said = _judgement(service.detectors[key[1]], sketch)
        return Finding(
            *key, start, start + window, said.verdict, said.score, said.counts, said.reason, said.contributors
        )

    def _publish(self, found: Iterable[Finding]) -> None:
        """Other threads read these: replaced whole, never changed."""
        counters, latest = dict(self._counters), dict(self._latest)
        for finding in found:
            key = (finding.service, finding.signal)
            so_far = counters.get(key, Counts(0, 0))
            counters[key] = Counts(so_far.bad + finding.counts.bad, so_far.total + finding.counts.total)
            latest[key] = finding
        self._counters, self._latest = counters, latest


def _watch(spec: ServiceSpec) -> _Service:
    wanted = windows(spec.signals)
    if not wanted:
        return _Service(spec, wanted)
    if spec.model is None or spec.model.reference is None:
        if spec.model is None or spec.model.schema_ is None:
            return _Service(spec, wanted, problem="no reference profile: name one in model.reference")
        reference = declared_reference(spec.model.schema_)
        return _Service(spec, wanted, ColumnReader(reference), build_declared(spec, reference))
    try:
        reference = load_reference(spec.model.reference)
    except SpecError as error:
        log.warning("reference cannot be read", extra={"service": spec.service, "reason": str(error)})
        return _Service(spec, wanted, problem=f"the reference profile cannot be read: {error}")
    return _Service(spec, wanted, ColumnReader(reference), build_detectors(spec, reference))


def _floor(at: datetime, window: timedelta) -> datetime:
    return at - (at - EPOCH) % window


def _parts(
    batch: PredictionBatch, window: timedelta, *, by_event_time: bool
) -> Iterator[tuple[datetime, PredictionBatch]]:
    """The batch by windows, given by their starts."""
    if not by_event_time or not batch.at:
        yield _floor(batch.received_at, window), batch
        return
    size = window // MICROSECOND
    starts = [at // size for at in batch.at]
    for start in sorted(set(starts)):
        yield EPOCH + start * window, batch.where([each == start for each in starts])


def _add(known: _Progress, sketch: Sketch, start: datetime, first: datetime) -> tuple[_Progress, datetime]:
    """Add to the window that begins at `start`; one already judged passes its events to the next one."""
    closed = known.closed or first
    start = max(start, closed)
    sketches = dict(known.sketches)
    sketches[start] = sketches[start] + sketch if start in sketches else sketch
    return _Progress(closed, sketches), start


def _ended(known: _Progress, window: timedelta, now: datetime) -> list[datetime]:
    """Starts of the windows to judge, oldest first: those with events, and silent ones since the last."""
    last = _floor(now, window)
    start = max(known.closed or last, last - CATCH_UP * window)
    starts = {begun for begun in known.sketches if begun + window <= now}
    while start + window <= now:
        starts.add(start)
        start += window
    return sorted(starts)


def _judgement(detector: Detector, sketch: Sketch) -> Judgement:
    try:
        return detector.judge(sketch)
    except Exception as error:  # one detector must not stop the others
        log.exception("window not judged", extra={"signal": detector.signal})
        return no_data(f"the detector failed: {error!r}")


def _record(tx: Connection, found: Iterable[Finding]) -> None:
    for finding in found:
        signals.record_finding(tx, finding)
        signals.delete_state(tx, finding.service, finding.signal, finding.window_start)
