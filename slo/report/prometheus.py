"""A report from what the compiled rules recorded, read over Prometheus' HTTP API in chunks.

A missing, partial or senseless answer is no data, told as such, never "no errors".
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np

from burnline.errors import BurnlineError
from burnline.metrics import ALERT_BURN, ALERT_NO_DATA, SERVICE, SEVERITY, SLO, SLO_EVENTS, TIER
from burnline.slo.answer import Limits
from burnline.slo.columns import Taken
from burnline.slo.compiler.sli import BAD, EVENT, TOTAL
from burnline.slo.delivery.ruler import BUSY, DeliveryError, Sleep, check_address, new_client, refusal, send
from burnline.slo.derive import budgets
from burnline.slo.history import CompositePast, Past
from burnline.slo.promise import Promise, promise_of
from burnline.slo.promql import MILLISECOND, Call, Expr, Select, series, show
from burnline.slo.report.kept import Fired, Found, Report, ServiceReport, SloReport, first_bad, report_slo
from burnline.slo.report.period import HOUR, SHORT, ReportPeriod
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.store.slo import Tile

MINUTE = timedelta(minutes=1)
MEMBER = "member"  # of a composite SLO
POINTS = 10_000  # in one answer; Prometheus refuses 11,000
LIMITS = Limits(seconds=300.0, size_bytes=1024**3)  # an answer holds the series of every SLO
SAME_ALERT = 5 * MINUTE  # a gap in ALERTS no longer than this is one of Prometheus, not of the alert
NOTHING = "Prometheus has no events recorded in this period: does it run the rules of this SLO?"

_Key = tuple[str, str]  # SLO, member (empty: the SLO itself)


@dataclass(frozen=True, slots=True)
class _Series:
    """One series of an answer: its labels, and values by seconds since 1970."""

    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]


class Recorded:
    """What the Prometheus at `url` has for a report."""

    def __init__(
        self,
        url: str,
        specs: Sequence[ServiceSpec],
        period: ReportPeriod,
        tz: str,
        *,
        client: httpx.Client | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._url = str(check_address(url)).rstrip("/")
        self._specs, self._period, self._tz = specs, period, tz
        self._client, self._sleep = client or new_client(), sleep
        self._gone = ""  # why nobody answers any more: the other services need not wait for that again

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def report(self, made_at: datetime) -> Report:
        """The report on all services."""
        services = tuple(self._service(spec) for spec in self._specs)
        return Report(self._period, self._tz, made_at, f"Prometheus at {self._url}", services)

    def _service(self, spec: ServiceSpec) -> ServiceReport:
        names = {slo.name for slo in spec.slos}
        try:
            kept, alerts = self._events(spec.service), self._alerts(spec.service)
            slos = tuple(self._slo(promise_of(spec, slo), kept, alerts) for slo in spec.slos)
        except BurnlineError as error:
            trouble = f"Prometheus cannot say: {error}"
            promises = (promise_of(spec, slo) for slo in spec.slos)
            slos = tuple(report_slo(each, self._period, None, tz=self._tz, trouble=trouble) for each in promises)
            alerts = []
        others = Counter(
            each.name for each in alerts if not (each.slo in names and each.name in (ALERT_BURN, ALERT_NO_DATA))
        )
        return ServiceReport(spec.service, spec.owner, spec.description, slos, tuple(sorted(others.items())))

    def _slo(self, promise: Promise, kept: Mapping[_Key, list[Tile]], alerts: Sequence[Fired]) -> SloReport:
        past = _past(promise, kept)
        own = [each for each in alerts if each.slo == promise.slo.name]
        if past is None:
            return report_slo(promise, self._period, None, tz=self._tz, trouble=NOTHING)
        fired = [(each, self._found(promise, each)) for each in own if each.name == ALERT_BURN]
        silences = [each for each in own if each.name == ALERT_NO_DATA]
        return report_slo(promise, self._period, past, fired, silences=silences, tz=self._tz)

    def _events(self, service: str) -> dict[_Key, list[Tile]]:
        """Tiles of an hour (a minute in a short report), and a shorter one at the end."""
        step = HOUR if self._period.elapsed >= SHORT else MINUTE
        since, until = self._period.since, self._period.until
        whole = since + (until - since) // step * step
        kept: dict[_Key, list[Tile]] = defaultdict(list)
        for start, end, length in ((since + step, whole, step), (until, until, until - whole)):
            if start <= end and length > MILLISECOND:
                for key, tile in self._tiles(service, start, end, length):
                    kept[key].append(tile)
        return kept

    def _tiles(self, service: str, start: datetime, end: datetime, length: timedelta) -> Iterator[tuple[_Key, Tile]]:
        over = length - MILLISECOND
        summed = Call("sum_over_time", (Select(series(SLO_EVENTS, **{SERVICE: service}), over=over),))
        heard = Select(series(SLO_EVENTS, **{SERVICE: service, EVENT: TOTAL}), over=over)
        counts: dict[tuple[_Key, float], dict[str, float]] = defaultdict(dict)
        for expr, name in ((summed, ""), (Call("count_over_time", (heard,)), "seen")):
            for found in self._range(expr, start, end, length):
                key = found.labels.get(SLO, ""), found.labels.get(MEMBER, "")
                for at, value in found.values:
                    counts[key, at][name or found.labels.get(EVENT, "")] = value
        for (key, at), planes in sorted(counts.items()):
            if {BAD, TOTAL, "seen"} <= planes.keys():
                moment = datetime.fromtimestamp(at, UTC)
                events = planes[BAD], planes[TOTAL], planes["seen"]
                yield key, Tile("/".join(key), length.total_seconds(), moment, *events)

    def _alerts(self, service: str) -> list[Fired]:
        """Every alert of the service that fired, to the minute; what fired before the period begins with it."""
        firing = (Matcher("alertstate", "=", "firing"), Matcher(SERVICE, "=", service))
        lately = Call("last_over_time", (Select(Selector("ALERTS", firing), over=MINUTE - MILLISECOND),))
        found = self._range(lately, self._period.since, self._period.until, MINUTE)
        spans: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for each in found:
            name = tuple(each.labels.get(label, "") for label in ("alertname", SLO, SEVERITY, TIER))
            spans[name] += [at for at, _ in each.values]
        fired = [each for name, moments in spans.items() for each in _fired(name, sorted(moments), self._period.until)]
        return sorted(fired, key=lambda each: (each.began, each.tier))

    def _found(self, promise: Promise, fired: Fired) -> Found | None:
        tier = next((tier for tier in promise.tiers if tier.name == fired.tier), None)
        reach, base = tier.long if tier else HOUR, promise.base
        seconds = base.total_seconds()
        end = datetime.fromtimestamp(-(-fired.began.timestamp() // seconds) * seconds, UTC)
        labels = {SERVICE: promise.spec.service, SLO: promise.slo.name, EVENT: BAD}
        bad: dict[float, float] = defaultdict(float)
        counted = Call("sum_over_time", (Select(series(SLO_EVENTS, **labels), over=base - MILLISECOND),))
        for each in self._range(counted, end - reach // base * base, end, base):
            for at, value in each.values:
                bad[at] += value
        tiles = [Tile("", seconds, datetime.fromtimestamp(at, UTC), value, value, 1) for at, value in bad.items()]
        return first_bad(Past(tiles), tier, fired.began, base)

    def _range(self, expr: Expr, start: datetime, end: datetime, step: timedelta) -> list[_Series]:
        found: list[_Series] = []
        while start <= end:
            last = min(end, start + (POINTS - 1) * step)
            found += self._ask(expr, start, last, step)
            start = last + step
        return found

    def _ask(self, expr: Expr, start: datetime, end: datetime, step: timedelta) -> list[_Series]:
        asked = {
            "query": show(expr, width=100_000),
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():g}",
        }
        if self._gone:
            raise BurnlineError(self._gone)
        request = self._client.build_request("POST", f"{self._url}/api/v1/query_range", data=asked)
        try:
            answer = send(self._client, request, again=lambda code: code in BUSY, sleep=self._sleep, limits=LIMITS)
        except DeliveryError as error:
            self._gone = str(error) if error.unreachable else ""
            raise
        if not answer.is_success:
            raise BurnlineError(refusal(answer))
        return _matrix(answer)


def _matrix(answer: httpx.Response) -> list[_Series]:
    """The series of a range answer.

    Raises: BurnlineError for a warning (the answer may be partial) and any other shape.
    """
    try:
        body: Any = answer.json()
        if body["status"] != "success" or body.get("warnings"):
            said = body.get("warnings") or body.get("error")
            raise BurnlineError(f"{answer.request.url}: a partial answer or none: {str(said)[:200]}")
        return [_Series(dict(each["metric"]), tuple(_values(each["values"]))) for each in body["data"]["result"]]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise BurnlineError(f"{answer.request.url}: not an answer of Prometheus: {error!r:.200}") from error


def _values(written: Sequence[Sequence[Any]]) -> Iterator[tuple[float, float]]:
    for at, value in written:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{value} is no count")
        yield float(at), number


def _past(promise: Promise, kept: Mapping[_Key, list[Tile]]) -> Past | CompositePast | None:
    name, composite = promise.slo.name, promise.sli.composite
    if composite is None or composite.all_of:
        return Past(kept[name, ""]) if (name, "") in kept else None
    members = [kept.get((name, member.slo.name), []) for member in promise.members]
    if not any(members):
        return None
    own = budgets([member.slo.objective for member in promise.members])
    taken = Taken(0, composite, np.arange(len(members)), own)
    return CompositePast(taken, Past([]), [Past(tiles) for tiles in members])


def _fired(name: tuple[str, ...], moments: Sequence[float], until: datetime) -> Iterator[Fired]:
    alert, slo, severity, tier = name
    began = last = moments[0]
    for at in [*moments[1:], math.inf]:
        if at - last > SAME_ALERT.total_seconds():
            end = datetime.fromtimestamp(last, UTC) + MINUTE
            yield Fired(alert, slo, severity, tier, datetime.fromtimestamp(began, UTC), None if end >= until else end)
            began = at
        last = at
