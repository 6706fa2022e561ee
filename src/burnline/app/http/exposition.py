"""/metrics: what burnline measured of others, and of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.responses import Response

from burnline.alerting import exposition as alert_path
from burnline.app.wiring import App
from burnline.collectors.contract import PUSHED
from burnline.collectors.exposition import Turns, register
from burnline.detectors import exposition as signals
from burnline.detectors.burn import cells
from burnline.exposition.negotiate import Format, choose_format, compress
from burnline.exposition.parts import LONGEST_SECONDS, SCRAPE_TIMEOUT, Answer, Part, gather, seconds_for
from burnline.exposition.renderer import Renderer
from burnline.metrics import INBOX_AGE, INBOX_ROWS, PART, PART_DURATION, PART_SUCCESS, SOURCE, WATCHDOG_LAST_SEEN
from burnline.slo import exposition as slos
from burnline.store import inbox, incidents
from burnline.store.reconciled import last_reconciled


class Page:
    """Gathers what the parts have and writes it; a part that fails or is late is left out, and the page says so.

    This process's own CPU, memory and files are put into the app's registry, which is one part.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._turns = Turns()
        self._renderer = Renderer(register())
        ProcessCollector(registry=app.registry)
        PlatformCollector(registry=app.registry)
        reads: dict[str, Callable[[], Iterable[Metric]]] = {
            "process": app.registry.collect,
            "slos": lambda: _slos(app),
            "signals": lambda: signals.exposition(app.detectors),
            "cells": lambda: cells.exposition(app.detectors.counted()),
            "inbox": lambda: _inbox_rows(app),
            "watchdogs": lambda: _watchdogs(app),
            "alerts": lambda: _alert_path(app),
        }
        self._parts = [Part(name, _all_of(read)) for name, read in reads.items()]

    def write(self, form: Format, seconds: float = LONGEST_SECONDS) -> bytes:
        """The page in a format, after `seconds` at the latest."""
        answers = gather(self._parts, seconds)
        found = [family for answer in answers for family in answer.given or ()]
        sources = self._turns.sources(list(self._app.turns.copy().values()))
        if not form.openmetrics:
            found = [without_created(family) for family in found]
        exemplars = {(service, PUSHED): each for service, each in self._app.exemplars.by_service().items()}
        return self._renderer.render(form, [*found, *_how_parts_fare(answers)], sources, exemplars)

    def answer(self, headers: Mapping[str, str]) -> Response:
        """The page as a scraper asked for it: format, packing, and by when."""
        form = choose_format(headers.get("accept", ""))
        page = self.write(form, seconds_for(headers.get(SCRAPE_TIMEOUT, "")))
        body, about = compress(page, headers.get("accept-encoding", ""))
        return Response(body, headers={**about, "Content-Type": form.content_type})


def _all_of(read: Callable[[], Iterable[Metric]]) -> Callable[[], list[Metric]]:
    return lambda: list(read())


def without_created(family: Metric) -> Metric:
    """The family as the text format has it: the times when its series began are OpenMetrics' own."""
    began = f"{family.name}_created"
    if not any(sample.name == began for sample in family.samples):
        return family
    found = Metric(family.name, family.documentation, family.type, family.unit)
    found.samples = [sample for sample in family.samples if sample.name != began]
    return found


def _how_parts_fare(answers: Iterable[Answer[list[Metric]]]) -> Iterator[Metric]:
    success = GaugeMetricFamily(PART_SUCCESS, "1 when this part of the page was ready in time.", labels=[PART])
    duration = GaugeMetricFamily(PART_DURATION, "Time this part of the page took.", labels=[PART])
    for answer in answers:
        success.add_metric([answer.name], float(answer.ok))
        duration.add_metric([answer.name], answer.seconds)
    yield from (success, duration)


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
