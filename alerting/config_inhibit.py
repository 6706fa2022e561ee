"""What keeps what quiet in Alertmanager.

Inhibition is global: an alert that is kept from people is kept from burnline too. So an outage keeps no alert quiet to
which a runbook is bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from burnline.metrics import ALERT_BURN, ALERT_SERVICE_DOWN
from burnline.slo.dependencies import dependencies
from burnline.spec.service import ServiceSpec

NAME_SINCE = (0, 30)
# An alert of a test environment says nothing of the real one. Where neither says which it is of, they are of one.
ENV = "env"
NEVER_QUIET = (ALERT_SERVICE_DOWN, "Watchdog")


def inhibit_rules(services: Sequence[ServiceSpec], known: tuple[int, ...]) -> list[dict[str, Any]]:
    """Every rule; `known` is the Alertmanager's version."""
    named = [
        ("page-inhibits-ticket", _page_inhibits_ticket()),
        *_dependencies_inhibit_tickets(services),
        *_outages_inhibit_children(services),
    ]
    return [{"name": name, **rule} if known >= NAME_SINCE else rule for name, rule in named]


def _page_inhibits_ticket() -> dict[str, Any]:
    # two alerts that both lack a label are equal in it for Alertmanager: so both labels must be there
    named = ['service=~".+"', 'slo=~".+"']
    return {
        "source_matchers": [f'alertname="{ALERT_BURN}"', 'severity="page"', *named],
        "target_matchers": [f'alertname="{ALERT_BURN}"', 'severity="ticket"', *named],
        "equal": ["service", "slo", ENV],
    }


def _dependencies_inhibit_tickets(services: Sequence[ServiceSpec]) -> list[tuple[str, dict[str, Any]]]:
    """While a dependency pages, the tickets of those that depend on it say nothing new."""
    dependents: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for spec in services:
        for slo in spec.slos:
            for source in dependencies(spec, slo):
                dependents.setdefault(source, []).append((spec.service, slo.name))
    return [
        (
            f"{'/'.join(source)}-explains-{'/'.join(target)}",
            {
                "source_matchers": _burning("page", *source),
                "target_matchers": _burning("ticket", *target),
                "equal": [ENV],
            },
        )
        for source in sorted(dependents)
        for target in dependents[source]
    ]


def _burning(severity: str, service: str, slo: str) -> list[str]:
    return [f'alertname="{ALERT_BURN}"', f'severity="{severity}"', f'service="{service}"', f'slo="{slo}"']


def _outages_inhibit_children(services: Sequence[ServiceSpec]) -> list[tuple[str, dict[str, Any]]]:
    """While a service is down, its other alerts say nothing new: but those that start a runbook must arrive."""
    acting = [spec for spec in services if spec.runbooks]
    down = f'alertname="{ALERT_SERVICE_DOWN}"'
    others = {
        "source_matchers": [down, 'service=~".+"'],
        "target_matchers": [_none_of("alertname", NEVER_QUIET), 'service=~".+"', *_other_services(acting)],
        "equal": ["service", ENV],
    }
    return [
        *((f"{spec.service}-down", _outage_of(spec, down)) for spec in acting),
        ("service-down", others),
    ]


def _outage_of(spec: ServiceSpec, down: str) -> dict[str, Any]:
    service = f'service="{spec.service}"'
    return {
        "source_matchers": [down, service],
        "target_matchers": [service, *(_none_of(label, values) for label, values in bound_to(spec).items() if values)],
        "equal": [ENV],
    }


def bound_to(spec: ServiceSpec) -> dict[str, list[str]]:
    """The labels by which alerts are known to which a runbook of the service is bound; any one of them is enough.

    Of a binding only its SLO, signal or alert name counts, so that one matcher each can say it.
    """
    on = [binding.on for binding in spec.runbooks]
    return {
        "alertname": [*NEVER_QUIET, *sorted({each.alert for each in on if each.alert} - set(NEVER_QUIET))],
        "slo": sorted({each.slo for each in on if each.slo}),
        "signal": sorted({each.signal for each in on if each.signal}),
    }


def _other_services(acting: Sequence[ServiceSpec]) -> Iterable[str]:
    return [_none_of("service", [spec.service for spec in acting])] if acting else []


def _none_of(label: str, values: Sequence[str]) -> str:
    # names hold nothing that a regular expression would read as anything else
    if len(values) == 1:
        return f'{label}!="{values[0]}"'
    return f'{label}!~"{"|".join(values)}"'
