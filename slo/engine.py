"""The embedded engine: samples and findings in, burn rates and statuses out, without a Prometheus."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Connection

from burnline.errors import StoreError
from burnline.events import Collection, Counts, Finding, SloStatus, Verdict
from burnline.slo.columns import Columns
from burnline.slo.exclusions import Excluded
from burnline.slo.group import Group, groups_of
from burnline.slo.history import SloHistory, build_history, counts_between, read_past
from burnline.slo.increments import Counters, from_json
from burnline.slo.period import joint
from burnline.slo.promise import Promise, promises_of
from burnline.slo.reading import Reader, Reading, metric_of
from burnline.slo.recount import Recount
from burnline.slo.ring import STEPS
from burnline.slo.status import (
    SHORTEST_SILENCE,
    Snapshot,
    Watch,
    cause,
    origin_of,
    scrape_interval,
    silence,
    told,
)
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.schema import EPOCH
from burnline.store.signals import findings_after
from burnline.store.slo import (
    ENDED,
    RUNNING,
    Memory,
    Tile,
    forget_memories,
    forget_tiles,
    forget_tiles_after,
    keep_tiles,
    memories,
    remember,
    tiles,
)

log = logging.getLogger(__name__)

FINDINGS_AT_ONCE = 1000
FORGET_TARGET_AFTER = timedelta(days=1)
KEEP_RUNNING = timedelta(days=3)  # of a calendar period, in case the clock is set back
KEEP_ENDED = timedelta(days=400)  # of whole calendar periods, for reports
REPORTED = 2400  # of the longest tiles, for reports: a hundred days of hours, however short the SLO's window
ENGINE = "engine"  # names in the store's memory
COUNTERS = "counters:"


@dataclass(slots=True)
class _Slo:
    """One SLO, where it is evaluated, where it is counted (in composite ones too), and what it was last told."""

    promise: Promise
    group: Group
    column: int
    silence: timedelta
    watch: Watch = field(default_factory=Watch)
    counted_in: list[tuple[Group, int]] = field(default_factory=list)
    covered_until: datetime | None = None

    def newly_covered(self, at: datetime, covered: timedelta) -> float:
        """The base intervals in the time `covered` before `at` that no other target covered already."""
        start = max(at - covered, self.covered_until or at - covered)
        self.covered_until = max(at, self.covered_until or at)
        return max(timedelta(0), at - start) / self.group.base


@dataclass(slots=True)
class _Target:
    """One scraped page: its counters, and whether they changed since they were last kept."""

    counters: Counters
    changed: bool = False


@dataclass(slots=True)
class _Unsaved:
    """What the store does not hold yet; a write that fails leaves it for the next one."""

    tiles: dict[tuple[str, float, datetime], Tile] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    outlived: list[Group] = field(default_factory=list)  # groups that have tiles past their horizon

    def clear(self) -> None:
        self.tiles.clear()
        self.memories.clear()
        self.outlived.clear()


class EmbeddedEngine:
    """Evaluates every SLO of `specs` and keeps its state in `db`, from which a new engine goes on.

    `recount` counts anew, over every window, what of a signal does not add up; without one, findings are added up.
    `observe` may be called from one thread, `run_once` from another, and the readers from any.
    """

    def __init__(self, db: Database, specs: Sequence[ServiceSpec], *, recount: Recount | None = None) -> None:
        self._db = db
        self._lock = threading.Lock()
        promises = [promise for spec in specs for promise in promises_of(spec)]
        self._groups = groups_of(promises, recount)
        self._slos = {
            (promise.spec.service, promise.slo.name): _Slo(promise, group, column, silence(promise, group.base))
            for group in self._groups
            for column, promise in enumerate(group.promises)
        }
        for group in self._groups:
            for feed in group.plan.feeds:
                self._slo_of(feed.promise).counted_in.append((group, feed.column))
        self._readers = {
            spec.service: Reader({one.slo.name: one.sli for one in promises if one.spec is spec}) for spec in specs
        }
        self._by_signal: dict[tuple[str, str], list[_Slo]] = {}
        for slo in self._slos.values():
            if slo.promise.sli.signal:
                self._by_signal.setdefault((slo.promise.spec.service, slo.promise.sli.signal), []).append(slo)
        self._targets: dict[str, _Target] = {}
        self._position = 0
        self._began: datetime | None = None
        self._unsaved = _Unsaved()
        self._jumped: dict[str, int] = {}  # by base interval, the tile at which time went on by a day or more at once
        self._old_units: Mapping[str, str] = {}  # of what was kept, also of SLOs that are in no file now
        self._restore()
        self._snapshots = self._look()

    def wanted(self, service: str) -> frozenset[str]:
        """The metric names to scrape for a service's SLOs, as they stand in the scraped page."""
        reader = self._readers.get(service)
        return reader.names if reader else frozenset()

    def observe(self, collection: Collection) -> None:
        """Take what a collector gave; collections of unknown services and of no interest are passed over."""
        reader = self._readers.get(collection.service)
        if reader is None or not reader.names:
            return
        with self._lock:
            if not collection.ok:
                self._note_failure(reader, collection)
                return
            target = self._target(collection, reader)
            for slo, reading in reader.read(collection, target.counters).items():
                self._count(self._slos[collection.service, slo], collection, reading)
            target.changed = True

    def take(self, service: str, slo: str, at: datetime, counts: Counts, covered: timedelta) -> None:
        """Take events that were counted elsewhere in the time `covered` before `at`.

        Raises: KeyError for an SLO that is not in the specs.
        """
        with self._lock:
            _take(self._slos[service, slo], at, counts, covered)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The SLOs by period and alert windows, with what was counted and is not closed yet."""
        return self._groups

    def run_once(self, now: datetime) -> int:
        """Close every tile that ended by `now`, evaluate, and keep the result. Returns how many tiles were closed.

        Raises: StoreError when the store failed; statuses are fresh all the same, and the next turn keeps both.
        """
        try:
            with self._db.read() as tx:
                findings = findings_after(tx, self._position, FINDINGS_AT_ONCE)
        except StoreError:
            self._evaluate((), now)  # from memory: a database that fails must not hide an outage
            raise
        closed = self._evaluate(findings, now)
        if closed:
            self._db.write(lambda tx: self._save(tx, now))
            self._unsaved.clear()
        return closed

    def statuses(self) -> tuple[SloStatus, ...]:
        """Every SLO as of the last tile closed, in order of period; empty before the first turn."""
        return tuple(chain.from_iterable(snapshot.statuses for snapshot in self._snapshots))

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        """Events in (since, until], by closed base intervals; None when nothing was observed.

        The recent past (six hours of a 30 d period) is exact to the base interval, older to the longer tiles kept.
        Raises: KeyError for an SLO that is not in the specs.
        """
        found = self._slos[service, slo]
        if found.group.rings is None:
            return None
        with self._db.read() as tx:
            past = read_past(tx, found.group, found.column, closed_at=found.group.closed_at)
        return counts_between(past, since, until)

    def history(self, service: str, slo: str, since: datetime) -> SloHistory:
        """Burn rates, budget and SLI since `since`, for charts.

        Raises: KeyError for an SLO that is not in the specs.
        """
        found = self._slos[service, slo]
        until = since if found.group.rings is None else found.group.closed_at
        with self._db.read() as tx:
            past = read_past(tx, found.group, found.column, closed_at=until)
        return build_history(past, found.promise, found.group, since=since, until=until)

    def _slo_of(self, promise: Promise) -> _Slo:
        return self._slos[promise.spec.service, promise.slo.name]

    def _target(self, collection: Collection, reader: Reader) -> _Target:
        name = f"{COUNTERS}{collection.service}/{collection.collector}/{collection.target}"
        return self._targets.setdefault(name, _Target(Counters(reader.counter_names)))

    def _note_failure(self, reader: Reader, collection: Collection) -> None:
        for name in reader.slos:
            slo = self._slos[collection.service, name]
            watch, made = slo.watch, bool(origin_of(metric_of(slo.promise.sli)))
            if watch.source in ("", collection.target) and made == collection.measured:
                named = collection.error.startswith(collection.target)
                watch.note = collection.error if named else f"{collection.target}: {collection.error}"

    def _count(self, slo: _Slo, collection: Collection, reading: Reading) -> None:
        watch = slo.watch
        watch.source, watch.note = collection.target, reading.doubt
        watch.refused, watch.bounds = reading.refused, reading.bounds
        watch.again = f"{collection.at + scrape_interval(slo.promise, slo.group.base):%H:%M:%S}"
        if reading.refused or reading.doubt:
            return
        seen = slo.newly_covered(collection.at, reading.covered)
        sli = slo.promise.sli
        for group, column in slo.counted_in:
            if sli.freshness or (sli.threshold and sli.threshold.share is None):
                group.slice(collection.at, column, bad=reading.bad > 0, seen=seen or 1.0)
            elif sli.threshold:
                group.count(collection.at, column, bad=reading.bad, total=1, seen=seen or 1.0)
            elif reading.covered:
                group.count(collection.at, column, bad=reading.bad, total=reading.total, seen=seen)

    def _count_finding(self, finding: Finding) -> None:
        for slo in self._by_signal.get((finding.service, finding.signal), ()):
            if finding.verdict is Verdict.NO_DATA:
                slo.watch.note = finding.reason
                continue
            slo.watch.source, slo.watch.note = finding.signal, ""
            _take(slo, finding.window_end, finding.counts, finding.window_end - finding.window_start)

    def _evaluate(self, findings: Iterable[tuple[int, Finding]], now: datetime) -> int:
        with self._lock:
            self._follow_clock(now)
            self._began = self._began or now
            for finding_id, finding in findings:
                self._count_finding(finding)
                self._position = finding_id
            closed = sum(self._close(group, now) for group in self._groups)
            if closed:
                for group in self._groups:  # those of another base interval too: the counters are kept as of now
                    self._keep(group.open_tiles())
                self._snapshots = self._look()
                self._unsaved.memories.update(self._memories(now))
        return closed

    def _follow_clock(self, now: datetime) -> None:
        """Where the clock was set back, by a person or between two starts, go on from what was kept before `now`.

        Waiting for the old time could take for ever. What was counted at times that are still to come is dropped.
        """
        for target in self._targets.values():
            if target.counters.at is not None and target.counters.at - now > SHORTEST_SILENCE:
                target.counters = Counters(target.counters.names)
        for slo in self._slos.values():
            if slo.covered_until is not None and slo.covered_until - now > SHORTEST_SILENCE:
                slo.covered_until = None
        for group in self._groups:
            if group.rings is not None and group.closed_at - now > max(5 * group.base, SHORTEST_SILENCE):
                self._go_back(group, now)

    def _go_back(self, group: Group, now: datetime) -> None:
        log.warning("the clock was set back: counting goes on from %s", now, extra={"was": group.closed_at})
        closed = (now - EPOCH) // group.base - 1  # the tile that just ended is closed, and looked at, in this turn
        self._db.write(lambda tx: forget_tiles_after(tx, group.keys, group.time_of(closed)))
        keys = frozenset(group.keys)
        for kept in [kept for kept in self._unsaved.tiles if kept[0] in keys]:
            del self._unsaved.tiles[kept]
        with self._db.read() as tx:
            group.restore(closed, _kept_tiles(tx, group, closed))
        self._jumped[_base(group)] = closed

    def _close(self, group: Group, now: datetime) -> int:
        before = group.closed
        closed, ended = group.close_upto(now)
        if closed:
            self._keep(ended)
            self._forget_later(group, before)
        return closed

    def _forget_later(self, group: Group, before: int) -> None:
        """Old tiles go hourly, but not within a day of a jump of the clock: it may be wrong, and be set right again."""
        day = timedelta(days=1) // group.base
        if before >= 0 and group.closed - before >= day:
            self._jumped[_base(group)] = group.closed
        steady = group.closed - self._jumped.get(_base(group), group.closed - day) >= day
        if steady and before // STEPS[-1] != group.closed // STEPS[-1]:
            self._unsaved.outlived.append(group)

    def _keep(self, found: Iterable[Tile]) -> None:
        self._unsaved.tiles.update({(tile.slo, tile.step_seconds, tile.at): tile for tile in found})

    def _look(self) -> tuple[Snapshot, ...]:
        found = []
        for group in self._groups:
            evaluation = group.evaluate()
            if evaluation is not None:
                excluded = group.excluded.why(group.closed)
                causes = [self._cause(group, column, evaluation.last_seen, excluded) for column in group.columns]
                found.append(Snapshot(group, evaluation, tuple(causes), excluded))
        return tuple(found)

    def _cause(self, group: Group, column: int, last_seen: Columns, excluded: Mapping[int, Excluded]) -> str:
        """Why an SLO is unknown; a composite one is when any of its members is, but for one that is excluded."""
        if column in excluded:
            return told(excluded[column])
        taken = group.plan.composites.get(column)
        if taken is None:
            return self._silent(group.promises[column], group, last_seen[column])
        members = zip(group.promises[column].members, taken.members.tolist(), strict=True)
        causes = (
            f"{member.slo.name}: {why}"
            for member, at in members
            if at not in excluded and (why := self._silent(member, group, last_seen[at]))
        )
        return next(causes, "")

    def _silent(self, promise: Promise, group: Group, last_seen: int) -> str:
        slo = self._slo_of(promise)
        seen = group.time_of(last_seen) if last_seen >= 0 else None
        young = self._began is not None and group.closed_at < self._began
        first = self._began + 2 * group.base if young and self._began else None
        return cause(promise, slo.watch, seen, at=group.closed_at, after=slo.silence, first=first)

    def _memories(self, now: datetime) -> dict[str, Memory]:
        closed = {_base(group): group.closed for group in self._groups}
        watches = {slo.promise.key: asdict(slo.watch) for slo in self._slos.values()}
        holds = {key: since for group in self._groups for key, since in group.tiers.waiting().items()}
        body = {"findings": self._position, "closed": closed, "watches": watches, "holds": holds}
        body |= {"units": {**self._old_units, **self._units()}, "jumped": dict(self._jumped)}
        kept = {ENGINE: Memory(now, body)}
        for name, target in self._targets.items():
            if target.changed and target.counters.at is not None:
                kept[name] = Memory(target.counters.at, target.counters.to_json())
                target.changed = False
        return kept

    def _save(self, tx: Connection, now: datetime) -> None:
        keep_tiles(tx, list(self._unsaved.tiles.values()))
        remember(tx, self._unsaved.memories)
        for group in self._unsaved.outlived:
            for step in STEPS:
                length = step * group.base
                keep = max(group.horizon(step), REPORTED * length if step == STEPS[-1] else length)
                forget_tiles(tx, group.keys, length.total_seconds(), group.closed_at - keep)
            if group.period:
                forget_tiles(tx, group.keys, RUNNING, group.closed_at - KEEP_RUNNING)
                forget_tiles(tx, group.keys, ENDED, group.closed_at - KEEP_ENDED)
        if self._unsaved.outlived:
            forget_memories(tx, COUNTERS, now - FORGET_TARGET_AFTER)

    def _units(self) -> dict[str, str]:
        return {key: unit for group in self._groups for key, unit in group.plan.units.items()}

    def _drop_other_units(self, kept: Mapping[str, str]) -> None:
        """Forget what was counted in another unit: events and slices of time, or seconds and minutes, do not add up."""
        self._old_units, units = kept, self._units()
        changed = [key for key, unit in kept.items() if units.get(key, unit) != unit]
        if changed:
            log.warning("counted in another unit than before: what was kept is dropped", extra={"slos": changed})
            self._db.write(lambda tx: forget_tiles_after(tx, changed, EPOCH))

    def _restore(self) -> None:
        with self._db.read() as tx:
            kept = memories(tx)
            if ENGINE not in kept:
                return
            body = kept.pop(ENGINE).body
        self._drop_other_units(body.get("units", {}))
        with self._db.read() as tx:
            for group in self._groups:
                closed = body["closed"].get(_base(group))
                if closed is not None:
                    group.restore(closed, _kept_tiles(tx, group, closed))
                    group.tiers.resume(body.get("holds", {}), closed)
        self._position = body["findings"]
        self._jumped = dict(body.get("jumped", {}))
        for slo in self._slos.values():
            watch = body["watches"].get(slo.promise.key)
            if watch:
                slo.watch = Watch(watch["source"], watch["note"], watch["refused"], tuple(watch["bounds"]))
        for name, memory in kept.items():
            service = name.removeprefix(COUNTERS).partition("/")[0]
            if name.startswith(COUNTERS) and service in self._readers:
                names = self._readers[service].counter_names
                self._targets[name] = _Target(from_json(memory.body, memory.at, names))


def _base(group: Group) -> str:
    """The group's base interval, as it stands in what is remembered."""
    return str(group.base.total_seconds())


def _take(slo: _Slo, at: datetime, counts: Counts, covered: timedelta) -> None:
    seen = slo.newly_covered(at, covered)
    for group, column in slo.counted_in:
        group.count(at, column, bad=counts.bad, total=counts.total, seen=seen)


def _kept_tiles(tx: Connection, group: Group, closed: int) -> Iterator[Tile]:
    for step in STEPS:
        since = group.time_of(closed) - group.horizon(step)
        yield from tiles(tx, group.keys, (step * group.base).total_seconds(), since)
    if group.period:
        at = group.time_of(joint(closed))
        yield from (tile for tile in tiles(tx, group.keys, RUNNING, at - group.base) if tile.at == at)
