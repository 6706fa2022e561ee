"""A report from burnline's own database: the tiles that the embedded engine keeps, and the episodes of its alerts.

Base intervals are kept for hours, five of them for days, sixty for as long as the longest period; of a calendar period
that has ended, its sum for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from burnline.metrics import ALERT_BURN, ALERT_NO_DATA, SEVERITY, SLO, TIER
from burnline.slo.engine import ENGINE
from burnline.slo.group import Group, groups_of
from burnline.slo.history import AnyPast, read_past
from burnline.slo.promise import Promise, promises_of
from burnline.slo.recount import Recount
from burnline.slo.report.kept import Fired, Found, Report, ServiceReport, SloReport, first_bad, report_slo
from burnline.slo.report.period import ReportPeriod
from burnline.slo.ring import STEPS, Array
from burnline.slo.windows import Tier
from burnline.spec.service import ServiceSpec
from burnline.store.incidents import Episode as KeptEpisode
from burnline.store.incidents import episodes_between
from burnline.store.slo import ENDED, memories, tiles

ONLY_PROMETHEUS = "only Prometheus reads a promql SLI: set BURNLINE_PROMETHEUS_URL"
NEVER_COUNTED = "nothing of this SLO was kept: has `burnline up` watched it, with this database?"


class Kept:
    """What one database holds for a report; `tx` must outlive it. `recount` counts anew what does not add up."""

    def __init__(
        self,
        tx: Connection,
        specs: Sequence[ServiceSpec],
        period: ReportPeriod,
        tz: str,
        *,
        recount: Recount | None = None,
    ) -> None:
        self._recount = recount
        self._tx, self._specs, self._period, self._tz = tx, specs, period, tz
        services = [spec.service for spec in specs]
        self._alerts: dict[tuple[str, str], list[Fired]] = {}
        for each in episodes_between(tx, services, period.since, period.until):
            fired = _fired(each)
            self._alerts.setdefault((each.service, fired.slo), []).append(fired)
        kept = memories(tx).get(ENGINE)
        self._closed: dict[str, int] = dict(kept.body["closed"]) if kept else {}

    def report(self, made_at: datetime) -> Report:
        """The report on all services."""
        slos = {(slo.service, slo.slo): slo for slo in self._slos()}
        services = tuple(self._service(spec, slos) for spec in self._specs)
        return Report(self._period, self._tz, made_at, "burnline's embedded engine", services)

    def _service(self, spec: ServiceSpec, slos: dict[tuple[str, str], SloReport]) -> ServiceReport:
        names = {slo.name for slo in spec.slos}
        others = Counter(
            fired.name
            for (service, slo), alerts in self._alerts.items()
            for fired in alerts
            if service == spec.service and not (slo in names and fired.name in (ALERT_BURN, ALERT_NO_DATA))
        )
        found = tuple(slos[spec.service, slo.name] for slo in spec.slos)
        return ServiceReport(spec.service, spec.owner, spec.description, found, tuple(sorted(others.items())))

    def _slos(self) -> Iterator[SloReport]:
        for group in groups_of((promise for spec in self._specs for promise in promises_of(spec)), self._recount):
            for column in group.columns:
                yield self._slo(group, column)

    def _slo(self, group: Group, column: int) -> SloReport:
        promise = group.promises[column]
        closed_at = self._closed_at(group)
        past = None if closed_at is None else read_past(self._tx, group, column, closed_at=closed_at)
        if past is None or promise.sli.promql:
            trouble = ONLY_PROMETHEUS if promise.sli.promql else NEVER_COUNTED
            return report_slo(promise, self._period, None, tz=self._tz, trouble=trouble)
        own = self._alerts.get((promise.spec.service, promise.slo.name), [])
        fired = [(each, self._found(each, promise, group, past)) for each in own if each.name == ALERT_BURN]
        return report_slo(
            promise,
            self._period,
            past,
            fired,
            whole=self._ended(promise),
            silences=[each for each in own if each.name == ALERT_NO_DATA],
            tz=self._tz,
        )

    def _closed_at(self, group: Group) -> datetime | None:
        closed = self._closed.get(str(group.base.total_seconds()))
        return None if closed is None else group.time_of(closed)

    def _ended(self, promise: Promise) -> Array | None:
        """The sum of the period itself, where the SLO follows the same calendar: kept when its tiles are gone."""
        if promise.calendar is None or promise.calendar != self._period.window or not self._period.over:
            return None
        ends = self._period.ends
        found = [tile for tile in tiles(self._tx, [promise.key], ENDED, ends - promise.base) if tile.at == ends]
        return np.array([found[0].bad, found[0].total, found[0].seen]) if found else None

    def _found(self, fired: Fired, promise: Promise, group: Group, past: AnyPast) -> Found | None:
        closed_at = self._closed_at(group)
        if closed_at is None:
            return None
        tier: Tier | None = next((tier for tier in promise.tiers if tier.name == fired.tier), None)
        reach = tier.long if tier else timedelta(hours=1)
        return first_bad(past, tier, fired.began, _grain(group, closed_at, fired.began - reach))


def _grain(group: Group, closed_at: datetime, at: datetime) -> timedelta:
    """The length of the tiles that are still kept from `at` on; see `read_past`."""
    longest = STEPS[-1] * group.base
    for step, rows in zip(STEPS, group.layout.rows, strict=True):
        edge = closed_at - rows * step * group.base + longest
        if at >= edge:
            return step * group.base
    return longest


def _fired(episode: KeptEpisode) -> Fired:
    labels = episode.labels
    name, slo, severity, tier = (labels.get(label, "") for label in ("alertname", SLO, SEVERITY, TIER))
    return Fired(name, slo, severity, tier, episode.first_starts_at, episode.ended_at)
