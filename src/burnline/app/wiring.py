"""Puts the parts together: the one place that knows them all."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from burnline.alerting.alertmanager import Alertmanager
from burnline.alerting.dispatch import PeopleDispatch
from burnline.alerting.embedded import EmbeddedDispatch
from burnline.alerting.firing import PrometheusAlerts
from burnline.alerting.inbox import AlertWorker
from burnline.alerting.places import Places
from burnline.alerting.reconcile import Reconciler
from burnline.app.audit import Anchor
from burnline.app.clock import SteadyClock
from burnline.app.drills.schedule import DrillSchedule
from burnline.app.releases import Releases
from burnline.app.services import engine_warnings, name_warnings, read_checked
from burnline.app.workers import Worker, Workers
from burnline.collectors import cost
from burnline.collectors.build import build_all, build_costs, build_pushed
from burnline.collectors.jobs.runs import JobWatch
from burnline.collectors.predictions.keeper import EventKeeper
from burnline.collectors.predictions.rules import Rules, rules_of
from burnline.collectors.runner import Runner
from burnline.collectors.versions import VersionWatch
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.engines.desk import Desk
from burnline.detectors.engines.process import Limits
from burnline.detectors.grounding.judging import Judges
from burnline.detectors.profile import Reference, load_reference
from burnline.errors import Problem
from burnline.events import Collection, SloStatus
from burnline.exposition.exemplars import Exemplars
from burnline.metrics import Instruments, business, instruments
from burnline.metrics.otlp import OtlpInstruments, otlp_instruments
from burnline.runbooks.executor import Executor
from burnline.runbooks.guards import halted_by
from burnline.runbooks.load import Catalogue, load_catalogue
from burnline.runbooks.turn import Around, SliReader
from burnline.settings import Settings
from burnline.slo.engine import EmbeddedEngine
from burnline.slo.policy import APPROVAL, policy_of
from burnline.slo.prometheus import PrometheusReader
from burnline.slo.status import aged
from burnline.slo.windows import base_interval, period_length
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database, open_database
from burnline.store.retention import Retention
from burnline.telemetry import Telemetry, setup_telemetry

log = logging.getLogger(__name__)

TICK = timedelta(seconds=1)
COLLECT_DEADLINE = timedelta(seconds=10)
LONGEST_TELLING = timedelta(minutes=1)  # people who do not answer are waited for
LONGEST_LOOK = timedelta(minutes=2)  # at every Alertmanager and Prometheus, each with its own deadline
LONGEST_RUN_TURN = timedelta(hours=1)  # a turn of runs waits for its hooks, each of which has its own deadline
LONGEST_RELEASE_TURN = timedelta(minutes=10)  # each guard may ask a Prometheus that takes its time
LONGEST_JUDGING = timedelta(minutes=10)  # a judge may take as long as its service file lets it, for each service
LONGEST_DRILL = timedelta(hours=1)  # of all scenarios of one service, on a busy machine
EXECUTORS = 4  # runs side by side: a slow hook delays no other run


@dataclass
class App:
    """Everything one process holds; its workers run between `start()` and `stop()`.

    Attributes:
        clock: the time that turns and doors are given.
        reconciler: where Alertmanagers are named.
        exemplars: what the doors of OTLP saw last of each series.
        turns: each collector's newest turn that succeeded, and its newest that failed.
        trained: per service, the features of the training data where that has a profile of its own.
    """

    settings: Settings
    specs: tuple[ServiceSpec, ...]
    references: dict[str, Reference]
    db: Database
    catalogue: Catalogue
    registry: CollectorRegistry
    instruments: Instruments
    otlp: OtlpInstruments
    telemetry: Telemetry
    runner: Runner
    versions: VersionWatch
    detectors: DetectorEngine
    desk: Desk
    engine: EmbeddedEngine
    reader: SliReader
    dispatch: EmbeddedDispatch
    people: PeopleDispatch
    alerts: AlertWorker
    executors: tuple[Executor, ...]
    releases: Releases
    drills: DrillSchedule
    judges: Judges
    reconciler: Reconciler | None = None
    exemplars: Exemplars = field(default_factory=Exemplars)
    clock: Callable[[], datetime] = field(default_factory=SteadyClock)
    turns: dict[tuple[str, str, str, bool], Collection] = field(default_factory=dict)
    trained: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._workers = Workers(self._turns(), self.instruments, clock=self.clock)

    def start(self) -> None:
        """Start every periodic worker."""
        self._workers.start()

    def stop(self) -> None:
        """Let the turns under way finish; runs that wait for a hook are handed back. Then commit, flush, close."""
        for executor in self.executors:
            executor.stop()
        self.drills.stop()
        self.desk.close()
        self._workers.stop()
        self.runner.close()
        if self.reconciler is not None:
            self.reconciler.close()
        if isinstance(self.reader, PrometheusReader):
            self.reader.close()
        self.db.close()
        self.telemetry.shutdown()

    def trouble(self) -> str:
        """Why burnline cannot be relied on now, in words for anybody; empty when it can."""
        return self.db.trouble() or self._workers.late()

    def spec(self, service: str) -> ServiceSpec | None:
        """The service of that name, or None."""
        return next((spec for spec in self.specs if spec.service == service), None)

    @property
    def event_rules(self) -> dict[str, Rules]:
        """Per service, what it asks of its prediction events."""
        return {spec.service: self._rules(spec) for spec in self.specs}

    def _rules(self, spec: ServiceSpec) -> Rules:
        reference = self.references.get(spec.service)
        if reference is None:
            return rules_of(spec, None)
        vectors = reference.embedding
        names = [*reference.features, *self.trained.get(spec.service, ())]
        return rules_of(spec, names, embedding=vectors.dimension if vectors else 0)

    def latest_turns(self) -> list[Collection]:
        """Each collector's newest turn, by service, collector and target."""
        newest: dict[tuple[str, str, str], Collection] = {}
        for turn in sorted(self.turns.copy().values(), key=lambda turn: turn.at):
            newest[turn.service, turn.collector, turn.target] = turn
        return [newest[key] for key in sorted(newest)]

    def statuses(self, now: datetime) -> Sequence[SloStatus]:
        """Every SLO as the engine in force sees it; unknown where the embedded one has not evaluated lately."""
        return _statuses(self.reader, self.engine, now)

    def collect(self, now: datetime) -> int:
        """One turn of the collectors: read, hand to the engine, note releases.

        Also where Prometheus decides: versions are seen on these pages, and the charts are drawn from the embedded
        engine's own count of them. Such a chart shows what burnline itself measured, and may differ a little from
        what Prometheus recorded.
        """
        collections = self.runner.run_once(now)
        for collection in collections:
            self._remember(collection)
            if not collection.ok:
                self.instruments.scrape_errors.labels(collection.service, collection.collector).inc()
            for name, count in collection.beyond_budget.items():
                self.instruments.series_folded.labels(collection.service, name).inc(count)
            self._hand_over(collection)
        return len(collections)

    def _remember(self, turn: Collection) -> None:
        """For whoever looks; a turn that nobody asked for and that has nothing leaves no trace of the collector."""
        key = (turn.service, turn.collector, turn.target)
        if turn.unasked:
            self.turns.pop((*key, True), None)
            self.turns.pop((*key, False), None)
        else:
            self.turns[*key, turn.ok] = turn

    def _hand_over(self, collection: Collection) -> None:
        try:
            self.engine.observe(collection)
            self.versions.observe([collection])
            self.releases.observe(collection)
        except Exception:
            # One page must not cost the others their data: what it gave is lost, and the next turn reads it again.
            self.instruments.worker_failures.labels("collect").inc()
            about = {"service": collection.service, "collector": collection.collector, "target": collection.target}
            log.exception("collection not taken", extra=about)

    def evaluate(self, now: datetime) -> int:
        """One turn from counts to alerts: burn rates, what fires. Signals have their own: neither stops the other.

        Where Prometheus evaluates the compiled rules, it sends the alerts on SLOs, and only those on signals, for which
        there is no rule, are sent from here.
        """
        try:
            done = self.engine.run_once(now)
        finally:  # what could not be kept was evaluated all the same
            sent = self.dispatch.run_once(now, () if self.settings.prometheus_url else self.statuses(now))
        return done + sent

    def _turns(self) -> list[Worker]:
        runs = [
            Worker(f"runs-{n}", TICK, executor.run_once, LONGEST_RUN_TURN) for n, executor in enumerate(self.executors)
        ]
        reconcilers = [self.reconciler] if self.reconciler else []
        return [
            Worker("collect", TICK, self.collect),
            Worker("signals", TICK, self.detectors.run_once),
            Worker("evaluate", self._evaluation_interval(), self.evaluate),
            Worker("alerts", TICK, self.alerts.run_once),
            Worker("releases", TICK, self.releases.run_once, LONGEST_RELEASE_TURN),
            Worker("people", TICK, self.people.run_once, LONGEST_TELLING),
            Worker("drills", TICK, self.drills.run_once, LONGEST_DRILL),
            Worker("judges", TICK, self.judges.run_once, LONGEST_JUDGING),
            Worker("events", timedelta(minutes=1), EventKeeper(self.db, self.event_rules).run_once),
            Worker("jobs", timedelta(seconds=5), JobWatch(self.db, self.specs).run_once),
            Worker("retention", timedelta(hours=1), Retention(self.db).run_once),
            Worker("audit", timedelta(days=1), Anchor(self.db).run_once),
            *(Worker("reconcile", TICK, each.run_once, LONGEST_LOOK) for each in reconcilers),
            *runs,
        ]

    def _evaluation_interval(self) -> timedelta:
        windows = {period_length(slo.window) for spec in self.specs for slo in spec.slos}
        return min(map(base_interval, windows), default=timedelta(seconds=15))


def _about(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "field": problem.field, "problem": problem.message}


def _desk(settings: Settings, own: Instruments) -> Desk:
    limits = Limits(settings.engine_memory_mb << 20, settings.engine_seconds)
    return Desk(
        settings.engine_pythons, limits, lambda engine, outcome: own.engine_windows.labels(engine, outcome).inc()
    )


def build(settings: Settings) -> App:
    """Read the service files, open the database and connect the parts; nothing runs yet.

    Raises: SpecError for a file that cannot be used, StoreError for a database that cannot.
    """
    read = read_checked(settings.services)
    specs = tuple(spec for spec, _ in read)
    for problem in (problem for each in read for problem in name_warnings(*each)):
        log.warning("service file asks for a series that nothing gives", extra=_about(problem))
    for problem in (problem for each in read for problem in engine_warnings(*each, settings.engine_pythons)):
        log.warning("service file names an engine", extra=_about(problem))
    catalogue = load_catalogue(settings.runbooks)
    references = {
        spec.service: load_reference(Path(spec.model.reference))
        for spec in specs
        if spec.model is not None and spec.model.reference is not None
    }
    trained = {
        spec.service: frozenset(load_reference(Path(spec.signals.training_skew.reference)).features)
        for spec in specs
        if spec.signals.training_skew is not None and spec.signals.training_skew.reference is not None
    }
    db = open_database(settings.database, exclusive=True)
    registry = CollectorRegistry()
    own = instruments(registry)
    desk = _desk(settings, own)
    detectors = DetectorEngine(db, specs, desk=desk)
    engine = EmbeddedEngine(db, specs, recount=detectors.recounter)
    versions = VersionWatch(db, specs)
    reader: SliReader = PrometheusReader(settings.prometheus_url, specs) if settings.prometheus_url else engine
    lease = timedelta(seconds=settings.lease_seconds)
    alerts = AlertWorker(db, specs, catalogue, own)
    around = Around(
        halted=partial(halted_by, settings),
        dry_run=settings.actions == "dry-run",
        changes_per_hour=settings.max_changes_per_hour,
        services_share=settings.max_services_share,
        services=len(specs),
        policy=partial(_policy_asks, reader, engine, {spec.service: spec for spec in specs}),
        url=settings.public_url,
    )
    host = f"{socket.gethostname()}:{os.getpid()}"
    releases = Releases(db, specs, catalogue, reader, partial(_statuses, reader, engine))
    turns: dict[tuple[str, str, str, bool], Collection] = {}
    return App(
        settings=settings,
        specs=specs,
        references=references,
        db=db,
        catalogue=catalogue,
        registry=registry,
        instruments=own,
        otlp=otlp_instruments(registry),
        telemetry=setup_telemetry(settings),
        runner=Runner(
            [
                *build_all(specs, partial(_wanted, engine, versions, {spec.service: spec for spec in specs})),
                *build_pushed(specs, db),
                *build_costs(specs, lambda: list(turns.copy().values())),
            ],
            deadline=COLLECT_DEADLINE,
            most_series=settings.max_series,
        ),
        versions=versions,
        detectors=detectors,
        desk=desk,
        engine=engine,
        reader=reader,
        dispatch=EmbeddedDispatch(
            db, _signals_only(specs) if settings.prometheus_url else specs, all_specs=specs, url=settings.public_url
        ),
        people=PeopleDispatch(db, specs, url=settings.public_url),
        alerts=alerts,
        reconciler=_reconciler(settings, db, alerts),
        executors=tuple(
            Executor(
                db,
                specs,
                catalogue,
                reader,
                owner=f"{host}:{n}",
                lease=lease,
                instruments=own,
                around=around,
            )
            for n in range(EXECUTORS)
        ),
        releases=releases,
        turns=turns,
        trained=trained,
        drills=DrillSchedule(db, specs, catalogue),
        judges=Judges(db, specs),
    )


def _wanted(
    engine: EmbeddedEngine, versions: VersionWatch, specs: Mapping[str, ServiceSpec], service: str
) -> frozenset[str]:
    """The metrics of a service that somebody reads."""
    numbers = business.wanted(specs[service]) | cost.wanted(specs[service])
    return engine.wanted(service) | versions.wanted(service) | numbers


def _reconciler(settings: Settings, db: Database, alerts: AlertWorker) -> Reconciler | None:
    if not settings.alertmanagers:
        return None
    places = Places(
        [Alertmanager(url) for url in dict.fromkeys(settings.alertmanagers)],
        PrometheusAlerts(settings.prometheus_url) if settings.prometheus_url else None,
        receiver=settings.alertmanager_receiver,
    )
    return Reconciler(db, alerts, places)


def _statuses(reader: SliReader, engine: EmbeddedEngine, now: datetime) -> Sequence[SloStatus]:
    if isinstance(reader, PrometheusReader):
        return reader.statuses(now)
    return [aged(status, now, base_interval(status.window)) for status in engine.statuses()]


def _policy_asks(reader: SliReader, engine: EmbeddedEngine, specs: Mapping[str, ServiceSpec], service: str) -> str:
    """Why the error-budget policy of a service wants a person asked before it is changed; empty when it does not."""
    spec = specs.get(service)
    if spec is None or not spec.budget_policy:
        return ""
    statuses = reader.statuses(datetime.now(UTC)) if isinstance(reader, PrometheusReader) else engine.statuses()
    policy = policy_of(spec, statuses)
    return "; ".join(policy.because) if any(step.do == APPROVAL for step in policy.steps) else ""


def _signals_only(specs: Sequence[ServiceSpec]) -> list[ServiceSpec]:
    """The services without SLOs and budgets: what fired of these before Prometheus took over is resolved, not stuck."""
    return [spec.model_copy(update={"slos": (), "budget_policy": ()}) for spec in specs]
