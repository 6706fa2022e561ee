"""What the compiled rules recorded, read over Prometheus' HTTP API: the same questions as the embedded engine answers.

A missing, late, partial or senseless answer is no data, never "no errors"; one that may be better is asked for again.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx
import numpy as np

from burnline.events import Burn, Counts, SloState, SloStatus
from burnline.metrics import (
    ALERT_BURN,
    ALERT_NO_DATA,
    SERVICE,
    SLO,
    SLO_BUDGET_REMAINING,
    SLO_BURN_RATE,
    SLO_EVENTS,
    SLO_EVENTS_WINDOW,
    SLO_EXCLUDED,
    SLO_EXHAUSTION,
    SLO_SLI,
    TIER,
    WINDOW,
)
from burnline.slo.calendar import period_end, period_name
from burnline.slo.compiler.sli import BAD, EVENT, RECORDED, TOTAL, events, pace
from burnline.slo.compiler.slo import MEMBER
from burnline.slo.derive import combine
from burnline.slo.exclusions import excluded_at, exclusions_of
from burnline.slo.promise import Promise, promises_of
from burnline.slo.promql import MILLISECOND, Binary, Call, Expr, Select, Text, series, show
from burnline.slo.status import state_of, told
from burnline.slo.windows import Tier, tiers_of, window_label
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.slice import Slice
from burnline.spec.units import format_duration

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0  # for an answer, a second try included
FIRST_TRY_SECONDS = 6.0
STALE_INTERVALS = 5
SERVER_ERROR = 500
SEEN = "seen"  # beside "bad" and "total" in an answer: when the last increase was recorded
READ = (SLO_BURN_RATE, SLO_EVENTS_WINDOW, SLO_SLI, SLO_BUDGET_REMAINING, SLO_EXHAUSTION, SLO_EXCLUDED, "ALERTS")


class _Refused(Exception):
    """An answer that cannot be believed; `reason` is one of a few words, to be counted.

    `again`: it may be better the next time.
    """

    def __init__(self, reason: str, detail: str, *, again: bool = False) -> None:
        self.reason = reason
        self.again = again
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of an instant vector."""

    labels: Mapping[str, str]
    value: float


_Key = tuple[str, ...]  # metric, service, slo, and the label that tells elements of the metric apart


class PrometheusReader:
    """Reads SLIs and statuses from the Prometheus at `url` that runs the compiled rules of `specs`.

    May be used from several threads. `refused` counts, by reason, the answers that were not believed.
    """

    def __init__(self, url: str, specs: Sequence[ServiceSpec], client: httpx.Client | None = None) -> None:
        self._url = url.rstrip("/")
        self._place = httpx.URL(url).netloc.decode()  # for people: without a password
        self._specs = tuple(specs)
        self._slos = {(spec.service, of.slo.name): of for spec in specs for of in promises_of(spec)}
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
        self.refused: Counter[str] = Counter()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        """Events in (since, until], by recorded increases; None when nothing was observed or Prometheus cannot say.

        Raises: KeyError for an SLO that is not in the specs.
        """
        of = self._slos[service, slo]
        if until - since < MILLISECOND:
            return None
        try:
            return self._counts(of, since, until)
        except _Refused as refused:
            self._note(refused, service=service, slo=slo)
            return None

    def watch(self, slices: Iterable[Slice]) -> None:
        """Nothing to do: Prometheus has every series it scrapes."""

    def read_slice(self, of: Slice, since: datetime, until: datetime) -> Counts | None:
        """Events of a part of an SLI in (since, until], from raw series; None when Prometheus cannot say.

        Counted as the compiled rules count one interval. Raises: ValueError for a slice without an SLI.
        """
        spec = next((each for each in self._specs if each.service == of.service), None)
        if of.sli is None or spec is None:
            raise ValueError(f"{of.key} has no events")
        try:
            found = self._query(events(of.service, of.sli, pace(spec, until - since)), until)
        except _Refused as refused:
            self._note(refused, service=of.service)
            return None
        values = {each.labels.get(EVENT): each.value for each in found}
        bad, total = values.get(BAD, math.nan), values.get(TOTAL, math.nan)
        return Counts(min(max(bad, 0.0), total), total) if math.isfinite(bad) and 0 <= total < math.inf else None

    def read_values(self, of: Slice, at: datetime) -> tuple[float, ...]:
        """The values of a gauge's series; none when Prometheus cannot say."""
        if of.gauge is None:
            return ()
        try:
            return tuple(each.value for each in self._query(Select(of.gauge), at) if not math.isnan(each.value))
        except _Refused as refused:
            self._note(refused, service=of.service)
            return ()

    def statuses(self, now: datetime) -> tuple[SloStatus, ...]:
        """Every SLO as of `now`, in order of the specs; UNKNOWN, with the cause, when Prometheus cannot say."""
        if not self._slos:
            return ()
        try:
            found = self._recorded(now)
        except _Refused as refused:
            self._note(refused)
            found, why = {}, f"Prometheus at {self._place} cannot say: {refused}"
        else:
            why = ""
        return tuple(_status(of, found, now, why) for of in self._slos.values())

    def _counts(self, of: Promise, since: datetime, until: datetime) -> Counts:
        labels = {SERVICE: of.spec.service, SLO: of.slo.name}
        summed = Call("sum_over_time", (Select(series(SLO_EVENTS, **labels), over=until - since - MILLISECOND),))
        last = Call("timestamp", (Select(series(SLO_EVENTS, **labels, **{EVENT: TOTAL})),))
        seen = Call("label_replace", (last, Text(EVENT), Text(SEEN), Text(""), Text("")))
        found = self._query(Binary("or", summed, seen), until)
        values = {(each.labels.get(MEMBER, ""), each.labels.get(EVENT)): each.value for each in found}
        if not all(map(math.isfinite, values.values())):
            raise _Refused("not a number", str(values))
        members = {member for member, _ in values}
        if not members or any((member, event) not in values for member in members for event in (BAD, TOTAL, SEEN)):
            raise _Refused("empty", f"no events recorded by {until.isoformat()}")
        age = timedelta(seconds=until.timestamp() - max(values[member, SEEN] for member in members))
        if age > STALE_INTERVALS * of.base:
            raise _Refused("stale", f"the last events were recorded {age} before {until.isoformat()}")
        return _together(of, {member: (values[member, BAD], values[member, TOTAL]) for member in members})

    def _recorded(self, now: datetime) -> dict[_Key, float]:
        ours = Matcher(SERVICE, "=~", "|".join(spec.service for spec in self._specs))  # names need no escaping
        own = [Matcher(label, "=", value) for label, value in RECORDED.items()]
        recorded = Select(Selector("", (Matcher("__name__", "=~", "|".join(READ)), ours, *own)))
        counted = Select(Selector(SLO_EVENTS, (ours, Matcher(EVENT, "=", TOTAL))))
        found = {_key(each.labels): each.value for each in self._query(recorded, now)}
        for each in self._query(Call("timestamp", (counted,)), now):
            found[_key({**each.labels, "__name__": SLO_EVENTS})] = each.value
        return {key: value for key, value in found.items() if math.isfinite(value)}

    def _query(self, expr: Expr, at: datetime) -> list[_Element]:
        """One question, asked twice when the first answer may only have been unlucky and there is time left."""
        deadline = monotonic() + TIMEOUT_SECONDS
        try:
            return self._ask(expr, at, FIRST_TRY_SECONDS)
        except _Refused as refused:
            left = deadline - monotonic()
            if not refused.again or left <= 0:
                raise
        return self._ask(expr, at, left)

    def _ask(self, expr: Expr, at: datetime, seconds: float) -> list[_Element]:
        asked = {
            "query": show(expr, width=100_000),
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{round(seconds * 1000)}ms",
        }
        try:
            answer = self._client.post(f"{self._url}/api/v1/query", data=asked, timeout=seconds)
            body = answer.json()
        except httpx.TimeoutException as error:
            raise _Refused("timeout", str(error) or type(error).__name__, again=True) from error
        except httpx.HTTPError as error:
            raise _Refused("unreachable", str(error) or type(error).__name__, again=True) from error
        except ValueError as error:
            raise _Refused("malformed", f"HTTP {answer.status_code} without JSON", again=True) from error
        return _elements(answer.status_code, body)

    def _note(self, refused: _Refused, **about: str) -> None:
        self.refused[refused.reason] += 1
        log.warning("prometheus answer refused", extra={"prometheus": self._place, "reason": str(refused), **about})


def _elements(status: int, body: Any) -> list[_Element]:
    """The elements of an instant vector.

    Raises: _Refused for an error, a warning (the answer may be partial) and any other shape.
    """
    if status != httpx.codes.OK or not isinstance(body, dict) or body.get("status") != "success":
        said = body.get("error") if isinstance(body, dict) else None
        raise _Refused("error", f"HTTP {status}: {said or 'no reason given'}", again=status >= SERVER_ERROR)
    if body.get("warnings"):  # a remote store, or one of several Prometheus, did not answer
        raise _Refused("warnings", str(body["warnings"]), again=True)
    try:
        return [_Element(dict(each["metric"]), float(each["value"][1])) for each in body["data"]["result"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _Refused("malformed", f"not an instant vector: {error!r}") from error


def _key(labels: Mapping[str, str]) -> _Key:
    metric = labels.get("__name__", "")
    if metric == "ALERTS":
        metric = f"{labels.get('alertname')}:{labels.get('alertstate')}"
    part = labels.get(TIER) or labels.get(WINDOW) or labels.get(EVENT) or ""
    return metric, labels.get(SERVICE, ""), labels.get(SLO, ""), part


def _together(of: Promise, found: Mapping[str, tuple[float, float]]) -> Counts:
    """The events of an SLO; those of a composite's members by its own rule."""
    if "" in found or of.sli.composite is None:
        bad, total = found.get("", (0.0, 0.0))
    else:
        events = np.array([found.get(member.slo.name, (0.0, 0.0)) for member in of.members])
        planes = np.stack([events[:, 0], events[:, 1], events[:, 1]])
        bad, total, _ = combine(of.sli.composite, np.zeros(3), planes).tolist()
    return Counts(min(max(bad, 0.0), total), total)


def _status(of: Promise, found: Mapping[_Key, float], now: datetime, why: str) -> SloStatus:
    key, slo = (of.spec.service, of.slo.name), of.slo

    def value(metric: str, part: str = "") -> float | None:
        return found.get((metric, *key, part))

    seen, own = value(SLO_EVENTS, TOTAL), window_label(slo.window)
    excluded = _excluded(of, now) if value(SLO_EXCLUDED) else ""
    silent = value(f"{ALERT_NO_DATA}:firing") is not None
    bad, total = value(SLO_EVENTS_WINDOW, BAD) or 0.0, value(SLO_EVENTS_WINDOW, TOTAL) or 0.0
    sli = value(SLO_SLI, own)
    unread = total > 0 and sli is None
    cause = why or excluded or _cause(seen, now, of.base, silent=silent, unread=unread)
    burns = tuple(_burn(tier, key, found, silent=bool(cause)) for tier in tiers_of(slo))
    remaining, left = value(SLO_BUDGET_REMAINING), value(SLO_EXHAUSTION)
    return SloStatus(
        service=of.spec.service,
        slo=slo.name,
        at=now if seen is None else datetime.fromtimestamp(seen, UTC),
        state=SloState.UNKNOWN if cause else state_of(burns, remaining if total >= slo.min_events else None),
        objective=slo.objective,
        window=of.window,
        sli=sli,
        counts=Counts(min(max(bad, 0.0), total), total),
        budget_remaining=remaining,
        exhausted_in=None if left is None else timedelta(seconds=left),
        burns=burns,
        cause=cause,
        period=period_name(of.calendar) if of.calendar else "",
        resets_at=period_end(of.calendar, now) if of.calendar else None,
        excluded=excluded,
    )


def _excluded(of: Promise, now: datetime) -> str:
    """Why nothing counts, when the rules say so."""
    return told(excluded_at(exclusions_of(of.spec, of.slo.name), now)) or "excluded by the rules"


def _cause(seen: float | None, now: datetime, base: timedelta, *, silent: bool, unread: bool) -> str:
    if seen is None:
        return "Prometheus has no events recorded: does it run the rules of this SLO, and scrape the service?"
    age = timedelta(seconds=now.timestamp() - seen)
    if age > STALE_INTERVALS * base:
        return f"Prometheus recorded the last events {format_duration(age)} ago: does it still evaluate its rules?"
    if silent:
        return f"{ALERT_NO_DATA} fires: nothing was counted for some time"
    return "Prometheus counted events, but has no SLI of them yet: do all its rules succeed?" if unread else ""


def _burn(tier: Tier, slo: tuple[str, str], found: Mapping[_Key, float], *, silent: bool) -> Burn:
    windows = [format_duration(each) for each in (tier.long, tier.short)]
    long, short = (found.get((SLO_BURN_RATE, *slo, each)) for each in windows)
    long_sli, short_sli = (found.get((SLO_SLI, *slo, each)) for each in windows)
    return Burn(
        tier=tier.name,
        severity=tier.severity,
        factor=tier.factor,
        long_window=tier.long,
        short_window=tier.short,
        long_rate=long,
        short_rate=None if silent else short,
        firing=(f"{ALERT_BURN}:firing", *slo, tier.name) in found,
        long_sli=long_sli,
        short_sli=short_sli,
    )
