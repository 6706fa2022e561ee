"""Folds prediction events into open windows and judges closed ones. The database is the truth, memory a copy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.detectors.burn.history import SketchHistory
from burnline.detectors.burn.recount import Recounter, ladders
from burnline.detectors.contract import Asking, Detector, Judgement, no_data
from burnline.detectors.engines.desk import Desk
from burnline.detectors.guarded import compared, folded, judgement, ready, with_events
from burnline.detectors.parts import others, parts_of, whole
from burnline.detectors.progress import Progress, add, by_window, ended_windows, floor, memories_after, put
from burnline.detectors.sketch import Sketch
from burnline.detectors.watched import watch
from burnline.errors import PayloadError, StoreError
from burnline.events import Counts, Finding, PredictionBatch, Source, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database
from burnline.store.inbox import forget_upto
from burnline.store.pages import save_page
from burnline.store.parts import WHOLE, beside, is_shadow, is_version
from burnline.store.predictions import next_batches
from burnline.store.set_back import take_back

log = logging.getLogger(__name__)

CHUNK = 64  # batches a transaction
TURN_SECONDS = 1.0
Key = tuple[str, str]  # service, signal


class DetectorEngine:
    """Every signal of every service: tumbling windows aligned to 1970, by the time a batch was received.

    Where the service file has `events.lateness`, by the events' own time: such a window is judged that much after its
    end, and the door keeps from here what is later, so that the order in which events come changes nothing.

    A chunk's events, their deletion from the inbox and the counts they changed are one transaction; so are a
    finding and the end of its window. A crash anywhere folds nothing twice and loses nothing. Not for two
    processes at once: the second one's transaction fails.
    """

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        *,
        elapsed: Callable[[], float] = time.monotonic,
        desk: Desk | None = None,
    ) -> None:
        self._db = db
        self._elapsed = elapsed
        self._desk = desk
        self._services = {spec.service: watch(spec, desk) for spec in specs}
        self._history = SketchHistory(ladders(specs))
        with db.read() as tx:
            self._history.load(tx)
        self._progress: dict[Key, Progress] | None = None
        self._pages: dict[tuple[Key, datetime], bytes] = {}  # of windows being closed
        self._counters: dict[Key, Counts] = {}
        self._latest: dict[Key, Finding] = {}
        self._parts: dict[Key, tuple[Finding, ...]] = {}

    def run_once(self, now: datetime) -> int:
        """Fold what has arrived, then judge windows that ended by `now`. Returns batches folded plus findings.

        After TURN_SECONDS the rest is left to the next turn, and so are windows that it may belong to.

        Raises: StoreError when the database fails; the next turn starts again from what it holds.
        """
        try:
            progress = self._recall(now)
            done, start = 0, self._elapsed()
            for source in Source:
                while batches := self._db.write(lambda tx, of=source: next_batches(tx, CHUNK, of.value)):  # type: ignore[misc]
                    progress = self._fold(progress, source, batches)
                    done += len(batches)
                    if self._elapsed() - start >= TURN_SECONDS:
                        now = min(now, batches[-1][1].received_at)
                        break
            return done + self._close(progress, now)
        except BaseException:
            self._progress = None  # memory may be ahead of the database: read it again
            raise

    @property
    def recounter(self) -> Recounter:
        """Counts anew, over any window, the signals whose bad events do not add up."""
        return Recounter(self._history, self._detector)

    def _detector(self, key: Key) -> Detector | None:
        service = self._services.get(key[0])
        return service.detectors.get(key[1]) if service else None

    def counts(self, service: str, sources: Collection[Source]) -> bool:
        """Whether any signal of the service counts what comes from one of these."""
        watched = self._services.get(service)
        return watched is not None and any(each.source in sources for each in watched.detectors.values())

    def counted(self) -> Iterator[tuple[Key, Detector, Sketch]]:
        """What the signals whose bad events do not add up have counted in all, against their present references."""
        totals = self._history.totals()
        for key in filter(self._history.__contains__, self._keys()):
            if detector := self._detector(key):
                found = totals.get(key)
                yield key, detector, found if found and found.of == detector.empty().of else detector.empty()

    def counters(self) -> Mapping[Key, Counts]:
        """Bad and total events of all findings, per service and signal; it starts from what the store holds."""
        return self._counters

    def latest(self) -> Sequence[Finding]:
        """The newest finding of every signal."""
        return tuple(self._latest.values())

    def latest_parts(self) -> Sequence[Finding]:
        """What was found of versions and slices in the newest window of every signal."""
        return tuple(found for parts in self._parts.values() for found in parts)

    def _recall(self, now: datetime) -> dict[Key, Progress]:
        if self._progress is not None:
            return self._progress
        if behind := self._db.write(lambda tx: take_back(tx, now)):
            log.error("clock was set back; findings of times still to come are taken back", extra={"signals": behind})
        with self._db.read() as tx:
            latest = {(found.service, found.signal): found for found in signals.latest_findings(tx)}
            states, self._counters = signals.load_states(tx), signals.event_totals(tx)
            remembered = signals.load_memories(tx)
            self._history.load(tx)
            self._latest = {key: latest[key] for key in self._keys() if key in latest}
            self._parts = {
                key: tuple(signals.latest_parts(tx, *key, found.window_start)) for key, found in self._latest.items()
            }
        self._progress = {key: Progress(latest[key].window_end if key in latest else None) for key in self._keys()}
        for service, signal, part, start, body in states:
            if sketch := self._decode((service, signal), part, body):
                self._progress[service, signal] = put(self._progress[service, signal], start, part, sketch)
        for service, signal, part, body in remembered:
            if known := self._progress.get((service, signal)):
                self._progress[service, signal] = replace(known, memory={**known.memory, part: body})
        return self._progress

    def _keys(self) -> list[Key]:
        return [(name, signal) for name, service in self._services.items() for signal in service.windows]

    def _decode(self, key: Key, part: str, body: bytes) -> Sketch | None:
        service = self._services.get(key[0])
        detector = service.of(part).get(key[1]) if service else None
        if detector is None:
            return None
        try:
            return detector.empty().decode(body)
        except PayloadError as error:  # another reference: what was counted against the old one says nothing
            log.warning("window starts again", extra={"service": key[0], "signal": key[1], "reason": str(error)})
            return None

    def _fold(
        self, progress: Mapping[Key, Progress], source: Source, batches: Sequence[tuple[int, PredictionBatch]]
    ) -> dict[Key, Progress]:
        changed = dict(progress)
        touched: set[tuple[Key, datetime, str]] = set()
        for _, batch in batches:
            for signal, start, part, sketch in self._sketches(source, batch, changed):
                key = (batch.service, signal)
                if key in self._history and is_version(part):  # versions are all events, each once
                    self._history.add(key, batch.received_at, sketch)
                changed[key], start, part = add(changed[key], sketch, start, part, self._first(batch, signal))  # noqa: PLW2901
                touched.add((key, start, part))

        def commit(tx: Connection) -> None:
            for (service, signal), start, part in touched:
                body = changed[service, signal].sketches[start][part].encode()
                signals.save_state(tx, service, signal, start, body, part)
            self._history.keep(tx)
            if forget_upto(tx, source.value, batches[-1][0]) < len(batches):
                raise StoreError("another process reads the same events; run one", retryable=True)

        self._db.write(commit)
        self._progress = changed
        return changed

    def _sketches(
        self, source: Source, batch: PredictionBatch, progress: Mapping[Key, Progress]
    ) -> Iterator[tuple[str, datetime, str, Sketch]]:
        """By signal, start of the window and part: the counts of the batch's events."""
        service = self._services.get(batch.service)
        if service is None:
            return
        counting = [signal for signal, each in service.detectors.items() if each.source is source]
        for window in {service.windows[signal] for signal in counting}:
            timed = [signal for signal in counting if service.windows[signal] == window]
            for start, inside in by_window(batch, window, by_event_time=service.lateness is not None):
                known = {part for signal in timed for part in progress[batch.service, signal].sketches.get(start, ())}
                slices = () if source is Source.SAMPLES else service.spec.events.slices  # these say what differs
                for part, of_part in parts_of(inside, slices, known):
                    columns = service.reader.read(of_part)
                    for signal in timed:
                        if sketch := folded(service.of(part)[signal], columns, batch.service, part):
                            yield signal, start, part, sketch

    def _first(self, batch: PredictionBatch, signal: str) -> datetime:
        """The first window that was open when the batch was received."""
        service = self._services[batch.service]
        return floor(batch.received_at - (service.lateness or timedelta(0)), service.windows[signal])

    def _close(self, progress: Mapping[Key, Progress], now: datetime) -> int:
        changed = dict(progress)
        self._pages = {}
        found: list[Finding] = []
        remembered: dict[Key, Mapping[str, bytes]] = {}
        for key, known in progress.items():
            service = self._services[key[0]]
            window, until = service.windows[key[1]], now - (service.lateness or timedelta(0))
            ended = ready(service.detectors.get(key[1]), known, ended_windows(known, window, until))
            memory = known.memory
            for start in ended:
                judged, memory = self._judge(key, start, known.sketches.get(start, {}), memory)
                found += judged
            left = {start: sketches for start, sketches in known.sketches.items() if start not in ended}
            closed = max((start + window for start in ended), default=known.closed or floor(until, window))
            changed[key] = Progress(closed, left, memory)
            if memory != known.memory:
                remembered[key] = memory
        if found:
            self._db.write(lambda tx: _record(tx, found, progress, remembered, self._pages))
        self._progress = changed
        self._publish(found)
        return sum(finding.part == WHOLE for finding in found)

    def _judge(
        self, key: Key, start: datetime, sketches: Mapping[str, Sketch], memory: Mapping[str, bytes]
    ) -> tuple[list[Finding], Mapping[str, bytes]]:
        """What is found of a window and its parts, and what is remembered after it. A part without data is left out."""
        service = self._services[key[0]]
        if key[1] not in service.detectors:
            service = self._services[key[0]] = watch(service.spec, self._desk)  # the file may be there by now
        detector, window = service.detectors.get(key[1]), service.windows[key[1]]

        def finding(said: Judgement, part: str = WHOLE) -> Finding:
            times = (start, start + window)
            return Finding(*key, *times, said.verdict, said.score, said.counts, said.reason, said.contributors, part)

        if detector is None:
            return [finding(no_data(service.problem))], memory
        said, all_events = {WHOLE: no_data("no events in the window")}, whole(sketches)
        silence = detector.empty() if getattr(detector, "judges_silence", False) else None
        if (heard := silence if all_events is None else all_events) is not None:
            said[WHOLE] = judgement(detector, heard, memory.get(WHOLE, b""))
        unanswered = isinstance(detector, Asking) and said[WHOLE].verdict is Verdict.NO_DATA
        if html := said[WHOLE].page:
            self._pages[key, start] = html
        for part, sketch in sketches.items():
            if part != WHOLE and not unanswered:  # else a part would say by its counts what nobody says of the whole
                judged = judgement(service.of(part)[key[1]], sketch, memory.get(part, b""), part)
                said[part] = with_events(judged, sketch)
            rest = all_events if is_shadow(part) else others(sketches, part) if is_version(part) else None
            if rest is not None and part != WHOLE:  # events whose version nobody named are no version
                said[beside(part)] = compared(detector, rest, sketch)
        kept = {part: each for part, each in said.items() if part == WHOLE or each.verdict is not Verdict.NO_DATA}
        return [finding(each, part) for part, each in kept.items()], memories_after(memory, said)

    def _publish(self, found: Iterable[Finding]) -> None:
        """Other threads read these: replaced whole, never changed."""
        counters, latest, parts = dict(self._counters), dict(self._latest), dict(self._parts)
        for finding in found:
            key = (finding.service, finding.signal)
            if finding.part != WHOLE:  # they follow the finding on the whole
                parts[key] = (*parts[key], finding)
                continue
            parts[key] = ()
            so_far = counters.get(key, Counts(0, 0))
            counters[key] = Counts(so_far.bad + finding.counts.bad, so_far.total + finding.counts.total)
            latest[key] = finding
        self._counters, self._latest, self._parts = counters, latest, parts


def _record(
    tx: Connection,
    found: Iterable[Finding],
    progress: Mapping[Key, Progress],
    remembered: Mapping[Key, Mapping[str, bytes]],
    pages: Mapping[tuple[Key, datetime], bytes],
) -> None:
    for finding in found:
        signals.record_finding(tx, finding)
        if finding.part == WHOLE:
            key = (finding.service, finding.signal)
            if html := pages.get((key, finding.window_start)):
                save_page(tx, *key, finding.window_start, finding.window_end - finding.window_start, html)
            for part in progress[key].sketches.get(finding.window_start, ()):
                signals.delete_state(tx, *key, finding.window_start, part)
    for key, memory in remembered.items():
        signals.save_memories(tx, *key, memory)
