"""/metrics: what burnline measured of others, and of itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from burnline.alerting import exposition as alert_path
from burnline.app.wiring import App
from burnline.collectors import exposition as collected
from burnline.detectors import exposition as signals
from burnline.metrics import INBOX_AGE, INBOX_ROWS, SOURCE, WATCHDOG_LAST_SEEN
from burnline.slo import exposition as slos
from burnline.store import inbox, incidents
from burnline.store.reconciled import last_reconciled

log = logging.getLogger(__name__)


def expose(app: App) -> None:
    """Put everything that is exposed into the app's registry, this process's own CPU, memory and files too."""
    app.registry.register(Exposition(app))
    ProcessCollector(registry=app.registry)
    PlatformCollector(registry=app.registry)


class Exposition(Collector):
    """Gathers the parts' metric families; a part that fails is left out, the rest is served."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        app = self._app
        parts: list[Callable[[], Iterable[Metric]]] = [
            lambda: collected.families(list(app.turns.copy().values())),
            lambda: _slos(app),
            lambda: signals.exposition(app.detectors),
            lambda: _inbox_rows(app),
            lambda: _watchdogs(app),
            lambda: _alert_path(app),
        ]
        for part in parts:
            try:
                yield from list(part())
            except Exception:
                # One broken part must not cost the page: prometheus_client would abort all of it.
                log.exception("part of the exposition failed")

    def describe(self) -> Iterable[Metric]:
        return []


def _slos(app: App) -> Iterator[Metric]:
    """Nothing where Prometheus records the same series by the compiled rules: it has one of each that way."""
    if not app.settings.prometheus_url:
        statuses = app.statuses(app.clock())
        yield from slos.families(statuses)
        yield slos.policy_family(app.specs, statuses)


def _inbox_rows(app: App) -> Iterator[Metric]:
    family = GaugeMetricFamily(INBOX_ROWS, "Rows of the inbox.", labels=["kind", "state"])
    age = GaugeMetricFamily(INBOX_AGE, "How long the oldest row that waits for work has waited.", labels=["kind"])
    with app.db.read() as tx:
        for (kind, state), count in inbox.depth(tx).items():
            family.add_metric([kind, state], count)
        oldest, now = inbox.oldest_waiting(tx), app.clock()
    for kind in (inbox.ALERTS, inbox.PREDICTIONS):
        age.add_metric([kind], max(0.0, (now - oldest.get(kind, now)).total_seconds()))
    yield from (family, age)


def _alert_path(app: App) -> Iterator[Metric]:
    yield alert_path.deliveries(app.alerts.delivered)
    if app.reconciler is not None:
        with app.db.read() as tx:
            yield from alert_path.families(app.reconciler, last_reconciled(tx))


def _watchdogs(app: App) -> Iterator[Metric]:
    """Old is as bad as absent: the path from that sender's rules to here is broken, and no alert would come either."""
    family = GaugeMetricFamily(WATCHDOG_LAST_SEEN, "When a Watchdog alert of this sender came last.", labels=[SOURCE])
    with app.db.read() as tx:
        # the one seen last comes last: a sender's restart can change the labels
        seen = {beat.source: beat.seen_at for beat in incidents.heartbeats(tx)}
    for source, at in seen.items():
        family.add_metric([source], at.timestamp())
    yield family
