"""What the compiled rules recorded, read over Prometheus' HTTP API: the same questions as the embedded engine answers.

A missing, late, partial or senseless answer is no data, never "no errors".
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

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
    SLO_EXHAUSTION,
    SLO_SLI,
    TIER,
    WINDOW,
)
from burnline.slo.promql import MILLISECOND, Binary, Call, Expr, Select, Text, series, show
from burnline.slo.sli_promql import BAD, EVENT, RECORDED, TOTAL
from burnline.slo.status import state_of
from burnline.slo.windows import Tier, base_interval, tiers
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
STALE_INTERVALS = 5
SEEN = "seen"  # beside "bad" and "total" in an answer: when the last increase was recorded
READ = (SLO_BURN_RATE, SLO_EVENTS_WINDOW, SLO_SLI, SLO_BUDGET_REMAINING, SLO_EXHAUSTION, "ALERTS")


class _Refused(Exception):
    """An answer that cannot be believed; `reason` is one of a few words, to be counted."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
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
        self._slos = {(spec.service, slo.name): slo for spec in specs for slo in spec.slos}
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
        self.refused: Counter[str] = Counter()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        """Events in (since, until], by recorded increases; None when nothing was observed or Prometheus cannot say.

        Raises: KeyError for an SLO that is not in the specs.
        """
        window = self._slos[service, slo].window
        if until - since < MILLISECOND or not isinstance(window, timedelta):
            return None
        try:
            return self._counts(service, slo, since, until, STALE_INTERVALS * base_interval(window))
        except _Refused as refused:
            self._note(refused, service=service, slo=slo)
            return None

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
        return tuple(
            _status(spec.service, slo, slo.window, found, now, why)
            for spec in self._specs
            for slo in spec.slos
            if isinstance(slo.window, timedelta)
        )

    def _counts(self, service: str, slo: str, since: datetime, until: datetime, stale: timedelta) -> Counts:
        labels = {SERVICE: service, SLO: slo}
        summed = Call("sum_over_time", (Select(series(SLO_EVENTS, **labels), over=until - since - MILLISECOND),))
        last = Call("timestamp", (Select(series(SLO_EVENTS, **labels, **{EVENT: TOTAL})),))
        seen = Call("label_replace", (last, Text(EVENT), Text(SEEN), Text(""), Text("")))
        values = {each.labels.get(EVENT): each.value for each in self._query(Binary("or", summed, seen), until)}
        if not all(map(math.isfinite, values.values())):
            raise _Refused("not a number", str(values))
        if not {BAD, TOTAL, SEEN} <= values.keys():
            raise _Refused("empty", f"no events recorded by {until.isoformat()}")
        age = timedelta(seconds=until.timestamp() - values[SEEN])
        if age > stale:
            raise _Refused("stale", f"the last events were recorded {age} before {until.isoformat()}")
        return Counts(min(max(values[BAD], 0.0), values[TOTAL]), values[TOTAL])

    def _recorded(self, now: datetime) -> dict[_Key, float]:
        ours = Matcher(SERVICE, "=~", "|".join(spec.service for spec in self._specs))  # names need no escaping
        own = [Matcher(label, "=", value) for label, value in RECORDED.items()]
        recorded = Select(Selector("", (Matcher("__name__", "=~", "|".join(READ)), ours, *own)))
        events = Select(Selector(SLO_EVENTS, (ours, Matcher(EVENT, "=", TOTAL))))
        found = {_key(each.labels): each.value for each in self._query(recorded, now)}
        for each in self._query(Call("timestamp", (events,)), now):
            found[_key({**each.labels, "__name__": SLO_EVENTS})] = each.value
        return {key: value for key, value in found.items() if math.isfinite(value)}

    def _query(self, expr: Expr, at: datetime) -> list[_Element]:
        asked = {
            "query": show(expr, width=100_000),
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{TIMEOUT_SECONDS:g}s",
        }
        try:
            answer = self._client.post(f"{self._url}/api/v1/query", data=asked)
            body = answer.json()
        except httpx.TimeoutException as error:
            raise _Refused("timeout", str(error) or type(error).__name__) from error
        except httpx.HTTPError as error:
            raise _Refused("unreachable", str(error) or type(error).__name__) from error
        except ValueError as error:
            raise _Refused("malformed", f"HTTP {answer.status_code} without JSON") from error
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
        raise _Refused("error", f"HTTP {status}: {said or 'no reason given'}")
    if body.get("warnings"):
        raise _Refused("warnings", str(body["warnings"]))
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


def _status(
    service: str, slo: SloSpec, window: timedelta, found: Mapping[_Key, float], now: datetime, why: str
) -> SloStatus:
    def value(metric: str, part: str = "") -> float | None:
        return found.get((metric, service, slo.name, part))

    seen = value(SLO_EVENTS, TOTAL)
    silent = f"{ALERT_NO_DATA}:firing"
    cause = why or _cause(seen, now, window, silent=value(silent) is not None)
    burns = tuple(_burn(tier, (service, slo.name), found, silent=bool(cause)) for tier in tiers(window, slo.objective))
    bad, total = value(SLO_EVENTS_WINDOW, BAD) or 0.0, value(SLO_EVENTS_WINDOW, TOTAL) or 0.0
    remaining, left = value(SLO_BUDGET_REMAINING), value(SLO_EXHAUSTION)
    return SloStatus(
        service=service,
        slo=slo.name,
        at=now if seen is None else datetime.fromtimestamp(seen, UTC),
        state=SloState.UNKNOWN if cause else state_of(burns, remaining if total >= slo.min_events else None),
        objective=slo.objective,
        window=window,
        sli=value(SLO_SLI),
        counts=Counts(min(max(bad, 0.0), total), total),
        budget_remaining=remaining,
        exhausted_in=None if left is None else timedelta(seconds=left),
        burns=burns,
        cause=cause,
    )


def _cause(seen: float | None, now: datetime, window: timedelta, *, silent: bool) -> str:
    if seen is None:
        return "Prometheus has no events recorded: does it run the rules of this SLO, and scrape the service?"
    age = timedelta(seconds=now.timestamp() - seen)
    if age > STALE_INTERVALS * base_interval(window):
        return f"Prometheus recorded the last events {format_duration(age)} ago: does it still evaluate its rules?"
    return f"{ALERT_NO_DATA} fires: nothing was counted for some time" if silent else ""


def _burn(tier: Tier, slo: tuple[str, str], found: Mapping[_Key, float], *, silent: bool) -> Burn:
    long, short = (found.get((SLO_BURN_RATE, *slo, format_duration(each))) for each in (tier.long, tier.short))
    return Burn(
        tier=tier.name,
        severity=tier.severity,
        factor=tier.factor,
        long_window=tier.long,
        short_window=tier.short,
        long_rate=long,
        short_rate=None if silent else short,
        firing=(f"{ALERT_BURN}:firing", *slo, tier.name) in found,
    )
