"""Who hears of which alert: one list, which Alertmanager's configuration and the own dispatcher both follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from burnline.metrics import OWNER, SERVICE, SEVERITY
from burnline.spec.escalation import AUDIENCES, Audience, HoursSpec
from burnline.spec.service import ServiceSpec

GROUP_BY = ("alertname", "service", "slo")
GROUP_WAIT = timedelta(seconds=30)
GROUP_INTERVAL = timedelta(minutes=5)
REPEAT_INTERVAL = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Audible:
    """One set of people who hear of alerts with certain labels.

    Attributes:
        name: of the receiver in Alertmanager, and of the route in the own dispatcher: unique and stable.
        labels: what an alert's labels must be.
        group_wait: how long a new group is kept back.
        hours: the time in which they are told; None for any.
    """

    name: str
    labels: Mapping[str, str] = field(hash=False)
    severity: Audience
    receivers: tuple[str, ...]
    group_wait: timedelta = GROUP_WAIT
    hours: HoursSpec | None = None


def of_service(spec: ServiceSpec) -> Iterator[Audible]:
    """The receivers of a service, by severity."""
    for severity in spec.escalation.heard():
        yield Audible(
            name=f"{spec.service}-{severity}",
            labels={SERVICE: spec.service, SEVERITY: severity},
            severity=severity,
            receivers=tuple(dict.fromkeys(getattr(spec.escalation, severity))),
            hours=spec.escalation.hours.get(severity),
        )


def chain_of(spec: ServiceSpec) -> Iterator[Audible]:
    """Who else hears of a page of the service, and after how long."""
    for n, step in enumerate(spec.escalation.chain, start=1):
        yield Audible(
            name=f"{spec.service}-chain-{n}",
            labels={SERVICE: spec.service, SEVERITY: "page"},
            severity="page",
            receivers=tuple(dict.fromkeys(step.to)),
            group_wait=step.after,
            hours=spec.escalation.hours.get("page"),
        )


def of_team(owner: str, services: Sequence[ServiceSpec]) -> Iterator[Audible]:
    """Everybody whom the team's services name: for alerts of the team that are of none of these services."""
    mine = [spec for spec in services if spec.owner == owner]
    for severity in AUDIENCES:
        named = [receiver for spec in mine for receiver in getattr(spec.escalation, severity)]
        if named:
            yield Audible(
                name=f"team/{owner}/{severity}",
                labels={OWNER: owner, SEVERITY: severity},
                severity=severity,
                receivers=tuple(dict.fromkeys(named)),
            )


def owners(services: Sequence[ServiceSpec]) -> list[str]:
    """Every team with a service, in order."""
    return sorted({spec.owner for spec in services})


class Audiences:
    """Whom which alert concerns: the chains and people of its service, or else its team's people."""

    def __init__(self, services: Sequence[ServiceSpec]) -> None:
        self._by_service = {spec.service: [*chain_of(spec), *of_service(spec)] for spec in services}
        self._silent = {spec.service for spec in services if not spec.escalation.heard()}
        self._by_owner = {owner: list(of_team(owner, services)) for owner in owners(services)}

    def of(self, labels: Mapping[str, str]) -> list[Audible]:
        """Those who hear of an alert with these labels."""
        service = labels.get(SERVICE, "")
        found = list(self._by_service.get(service, ()))
        if service not in self._by_service or service in self._silent:
            found += self._by_owner.get(labels.get(OWNER, ""), ())
        return [each for each in found if all(labels.get(name) == value for name, value in each.labels.items())]
