"""Alertmanager's configuration, from the service files: who hears of what, and burnline of everything.

Shapes were tried on Alertmanager 0.25; what a later version adds is written only when `version` says so, because an
older one refuses the whole file for one unknown key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from burnline.errors import Problem, SpecError
from burnline.metrics import ALERT_BURN
from burnline.slo.dependencies import dependencies
from burnline.spec.service import ServiceSpec

BURNLINE = "burnline"
NOBODY = "nobody"
SEVERITIES = ("page", "ticket")
URL_FILE_SINCE = (0, 26)
TIMEOUT_SINCE = (0, 28)
HEADER = "# Written by `burnline build` from the service files: change those, not this.\n"


def alertmanager_config(
    specs: Sequence[ServiceSpec], *, webhook_url: str, version: str = "0.25", token_file: str = ""
) -> dict[str, Any]:
    """The configuration as plain data, in a stable order.

    Args:
        webhook_url: burnline's POST /v1/alerts, as Alertmanager reaches it.
        version: the Alertmanager it is for.
        token_file: where Alertmanager finds the bearer token that burnline asks for; empty means none.

    Raises: SpecError when a receiver cannot be written for this version.
    """
    known = tuple(int(part) for part in version.split(".")[:2])
    services = sorted(specs, key=lambda spec: spec.service)
    people = [_receiver(spec, severity, known) for spec in services for severity in _heard(spec)]
    return {
        "route": {
            "receiver": NOBODY,
            "group_by": ["alertname", "service", "slo"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [
                _watchdog_route(),
                _burnline_route(),
                *(_service_route(spec) for spec in services if _heard(spec)),
            ],
        },
        "inhibit_rules": [_page_inhibits_ticket(), *_dependencies_inhibit_tickets(services)],
        "receivers": [{"name": NOBODY}, _burnline_receiver(webhook_url, known, token_file), *people],
    }


def render_alertmanager(
    specs: Sequence[ServiceSpec], webhook_url: str, *, version: str = "0.25", token_file: str = ""
) -> str:
    """alertmanager.yml; the same specs give the same bytes."""
    config = alertmanager_config(specs, webhook_url=webhook_url, version=version, token_file=token_file)
    return HEADER + yaml.safe_dump(config, sort_keys=False, width=120)


def _watchdog_route() -> dict[str, Any]:
    # a heartbeat has no end: its absence is the alarm
    return {
        "receiver": BURNLINE,
        "matchers": ['alertname="Watchdog"'],
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "50s",
        "repeat_interval": "50s",
    }


def _burnline_route() -> dict[str, Any]:
    # without matchers, so every alert; each by itself, so that none waits for another's group
    return {
        "receiver": BURNLINE,
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "5s",
        "repeat_interval": "4h",
        "continue": True,
    }


def _service_route(spec: ServiceSpec) -> dict[str, Any]:
    return {
        "receiver": NOBODY,
        "matchers": [f'service="{spec.service}"'],
        "routes": [
            {"receiver": f"{spec.service}-{severity}", "matchers": [f'severity="{severity}"']}
            for severity in _heard(spec)
        ],
    }


def _page_inhibits_ticket() -> dict[str, Any]:
    # two alerts that both lack a label are equal in it for Alertmanager: so both labels must be there
    named = ['service=~".+"', 'slo=~".+"']
    return {
        "source_matchers": [f'alertname="{ALERT_BURN}"', 'severity="page"', *named],
        "target_matchers": [f'alertname="{ALERT_BURN}"', 'severity="ticket"', *named],
        "equal": ["service", "slo"],
    }


def _dependencies_inhibit_tickets(services: Sequence[ServiceSpec]) -> list[dict[str, Any]]:
    """While a dependency pages, the tickets of those that depend on it say nothing new."""
    dependents: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for spec in services:
        for slo in spec.slos:
            for source in dependencies(spec, slo):
                dependents.setdefault(source, []).append((spec.service, slo.name))
    return [
        {"source_matchers": _burning("page", *source), "target_matchers": _burning("ticket", *target)}
        for source in sorted(dependents)
        for target in dependents[source]
    ]


def _burning(severity: str, service: str, slo: str) -> list[str]:
    return [f'alertname="{ALERT_BURN}"', f'severity="{severity}"', f'service="{service}"', f'slo="{slo}"']


def _heard(spec: ServiceSpec) -> list[str]:
    """The severities of which somebody wants to hear."""
    return [severity for severity in SEVERITIES if getattr(spec.escalation, severity)]


def _burnline_receiver(webhook_url: str, known: tuple[int, ...], token_file: str) -> dict[str, Any]:
    # no redirects: a 302 is followed as a GET, and the alert is lost without a trace
    http: dict[str, Any] = {"follow_redirects": False}
    if token_file:
        http["authorization"] = {"type": "Bearer", "credentials_file": token_file}
    webhook: dict[str, Any] = {"url": webhook_url, "send_resolved": True, "max_alerts": 0, "http_config": http}
    if known >= TIMEOUT_SINCE:
        webhook["timeout"] = "10s"
    return {"name": BURNLINE, "webhook_configs": [webhook]}


def _receiver(spec: ServiceSpec, severity: str, known: tuple[int, ...]) -> dict[str, Any]:
    webhooks = [
        {**_target(spec, severity, n, address, known), "send_resolved": True}
        for n, address in enumerate(getattr(spec.escalation, severity))
    ]
    return {"name": f"{spec.service}-{severity}", "webhook_configs": webhooks}


def _target(spec: ServiceSpec, severity: str, n: int, receiver: str, known: tuple[int, ...]) -> dict[str, str]:
    kind, _, address = receiver.partition(":")
    where = f"escalation.{severity}[{n}]"
    if kind != "webhook":
        raise _refused(spec, where, f"receiver {kind} is not supported yet; today: webhook")
    if address.startswith("env:"):
        raise _refused(spec, where, "Alertmanager reads no environment; write webhook:file:/absolute/path")
    if not address.startswith("file:"):
        return {"url": address}
    if known < URL_FILE_SINCE:
        since = ".".join(map(str, URL_FILE_SINCE))
        raise _refused(spec, where, f"a URL from a file needs Alertmanager {since} or later")
    return {"url_file": address.removeprefix("file:")}


def _refused(spec: ServiceSpec, field: str, message: str) -> SpecError:
    return SpecError([Problem(file=spec.service, line=0, field=field, message=message)])
