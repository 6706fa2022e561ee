"""Every place that says what fires, asked at the same time; one that does not answer costs the others nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from burnline.alerting.alertmanager import Alertmanager, Listing, Status
from burnline.alerting.checks import Problems, check_alertmanager, check_labels, check_relabelling
from burnline.alerting.firing import Labels, PrometheusAlerts, Span
from burnline.alerting.look import Look, merge_listings
from burnline.alerting.relabel import Relabelling
from burnline.errors import SourceError

log = logging.getLogger(__name__)
T = TypeVar("T")

SETTLED = timedelta(minutes=5)  # Prometheus sends what fires every minute: by then a new Alertmanager knows all of it
RECEIVER = "burnline"


@dataclass
class Place:
    """What the last look found at one Alertmanager or Prometheus; `reachable` is None before the first."""

    reachable: bool | None = None
    problems: Problems = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Heard:
    listing: Listing
    status: Status


@dataclass(frozen=True, slots=True)
class _Firing:
    sent: Relabelling
    alerts: Mapping[str, Labels]


class Places:
    """The Alertmanagers, and the Prometheus where there is one.

    Args:
        receiver: burnline's name in Alertmanager's configuration; what is routed to others alone is left alone.
        settled: how long an Alertmanager must run before what it does not list counts as ended.
    """

    def __init__(
        self,
        alertmanagers: Sequence[Alertmanager],
        prometheus: PrometheusAlerts | None = None,
        *,
        receiver: str = RECEIVER,
        settled: timedelta = SETTLED,
    ) -> None:
        self._alertmanagers, self.prometheus = tuple(alertmanagers), prometheus
        self._receiver, self._settled = receiver, settled
        self._all = [*self._alertmanagers, *([prometheus] if prometheus else [])]
        self.found = {source.place: Place() for source in self._all}
        self._pool = ThreadPoolExecutor(max(1, len(self._all)), thread_name_prefix="reconcile")

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for source in self._all:
            source.close()

    def look(self, now: datetime) -> Look:
        """Ask all of them."""
        asked = {each.place: self._pool.submit(_hear, each, now) for each in self._alertmanagers}
        prometheus = self.prometheus
        firing = self._pool.submit(_firing, prometheus) if prometheus else None
        heard = {place: answer for place, future in asked.items() if (answer := self._answer(place, future))}
        for place, answer in heard.items():
            self.found[place].problems = self._check(answer)
        fires = self._answer(prometheus.place, firing) if prometheus and firing else None
        if prometheus and fires:
            self.found[prometheus.place].problems = check_relabelling(fires.sent)
        return Look(
            listed=merge_listings([each.listing.alerts for each in heard.values()], self._receiver),
            answered=frozenset(heard),
            complete=len(heard) == len(asked) and all(self._knows_all(each, now) for each in heard.values()),
            firing=fires.alerts if fires else None,
            sent=fires.sent if fires else None,
            expected=prometheus is not None,
        )

    def fired(self, sent: Relabelling, window: timedelta) -> dict[str, Labels] | None:
        """What fired in the last `window`; None when Prometheus does not answer."""
        return self._ask(lambda asked: asked.fired(sent, window))

    def spans(self, sent: Relabelling, names: Sequence[str], window: timedelta) -> dict[str, Span] | None:
        """When alerts of these names fired; None when Prometheus does not answer."""
        return self._ask(lambda asked: asked.spans(sent, names, window))

    def _ask(self, question: Callable[[PrometheusAlerts], T]) -> T | None:
        prometheus = self.prometheus
        return self._answer(prometheus.place, self._pool.submit(question, prometheus)) if prometheus else None

    def _answer(self, name: str, future: Future[T]) -> T | None:
        """What the place said; None, noted and told once, when it said nothing."""
        place = self.found[name]
        try:
            answer = future.result()
        except SourceError as error:
            if place.reachable is not False:
                log.warning("cannot ask what fires", extra={"place": name, "error": str(error)})
            place.reachable = False
            place.problems = {"unreachable": f"it cannot be asked what fires: {error}"}
            return None
        place.reachable = True
        return answer

    def _check(self, heard: _Heard) -> Problems:
        problems = check_alertmanager(heard.status.config, self._receiver)
        problems |= check_labels(each.event.labels for each in heard.listing.alerts)
        if heard.listing.refused:
            problems["unreadable"] = f"{len(heard.listing.refused)} alerts cannot be read: {heard.listing.refused[0]}"
        return problems

    def _knows_all(self, heard: _Heard, now: datetime) -> bool:
        return now - heard.status.started_at >= self._settled and not heard.listing.refused


def _hear(alertmanager: Alertmanager, now: datetime) -> _Heard:
    return _Heard(alertmanager.alerts(now), alertmanager.status())


def _firing(prometheus: PrometheusAlerts) -> _Firing:
    sent = prometheus.relabelling()
    return _Firing(sent, prometheus.firing(sent))
