"""The routes of Alertmanager's configuration: burnline first, then people by service, severity and team."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from burnline.alerting.audience import (
    GROUP_BY,
    GROUP_INTERVAL,
    GROUP_WAIT,
    REPEAT_INTERVAL,
    Audible,
    chain_of,
    of_service,
    of_team,
    owners,
)
from burnline.metrics import OWNER, SERVICE, SEVERITY
from burnline.spec.escalation import AUDIENCES, HoursSpec
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration

BURNLINE = "burnline"
HEARTBEAT = "heartbeat"
NOBODY = "nobody"
OTHERS = "others"
UNKNOWN_SEVERITY = f'{SEVERITY}!~"{"|".join(AUDIENCES)}"'  # Alertmanager anchors it; no severity at all matches too
WATCHDOG = 'alertname="Watchdog"'
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def route(services: Sequence[ServiceSpec], *, heartbeat: bool = False, others: bool = False) -> dict[str, Any]:
    """The tree of routes; what nobody asked for ends at nobody (and was told to burnline).

    With `others`, what no service file covers ends there: severities it does not know, services and teams of nobody.
    """
    heard = [spec for spec in services if spec.escalation.heard()]
    teams = [owner for owner in owners(services) if _heard(owner, services)]
    return {
        "receiver": NOBODY,
        "group_by": list(GROUP_BY),
        "group_wait": format_duration(GROUP_WAIT),
        "group_interval": format_duration(GROUP_INTERVAL),
        "repeat_interval": format_duration(REPEAT_INTERVAL),
        "routes": [
            *([_heartbeat_route()] if heartbeat else []),
            _watchdog_route(),
            _burnline_route(),
            *(_chain_route(step) for spec in services for step in chain_of(spec)),
            *(_branch(SERVICE, spec.service, of_service(spec), others=others) for spec in heard),
            *(_branch(OWNER, owner, of_team(owner, services), others=others) for owner in teams),
            *([{"receiver": OTHERS}] if others else []),
        ],
    }


def time_intervals(services: Sequence[ServiceSpec]) -> list[dict[str, Any]]:
    """The hours of every service that has some, by the name under which its routes refer to them."""
    return [
        {"name": _interval(spec.service, severity), "time_intervals": [_hours(hours)]}
        for spec in services
        for severity, hours in sorted(spec.escalation.hours.items())
        if severity in spec.escalation.heard() or (severity == "page" and spec.escalation.chain)
    ]


def _heard(owner: str, services: Sequence[ServiceSpec]) -> bool:
    return any(True for _ in of_team(owner, services))


def _heartbeat_route() -> dict[str, Any]:
    return {**_watchdog_route(), "receiver": HEARTBEAT, "continue": True}


def _watchdog_route() -> dict[str, Any]:
    # a heartbeat has no end: its absence is the alarm
    return {
        "receiver": BURNLINE,
        "matchers": [WATCHDOG],
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


def _chain_route(step: Audible) -> dict[str, Any]:
    """A group waits as long as the step says before it is told; one that has ended by then is told to nobody."""
    return {
        "receiver": step.name,
        "matchers": [f'{name}="{value}"' for name, value in step.labels.items()],
        "group_wait": format_duration(step.group_wait),
        **_active(step),
        "continue": True,
    }


def _branch(label: str, value: str, people: Iterable[Audible], *, others: bool) -> dict[str, Any]:
    return {
        "receiver": NOBODY,
        "matchers": [f'{label}="{value}"'],
        "routes": [
            *(
                {"receiver": each.name, "matchers": [f'{SEVERITY}="{each.severity}"'], **_active(each)}
                for each in people
            ),
            *([{"receiver": OTHERS, "matchers": [UNKNOWN_SEVERITY]}] if others else []),
        ],
    }


def _active(each: Audible) -> dict[str, Any]:
    service = each.labels.get(SERVICE, "")
    return {"active_time_intervals": [_interval(service, each.severity)]} if each.hours else {}


def _interval(service: str, severity: str) -> str:
    return f"{service}-{severity}-hours"


def _hours(hours: HoursSpec) -> dict[str, Any]:
    days = (
        WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]}:{WEEKDAYS[last]}" for first, last in hours.ranges()
    )
    times = [{"start_time": hours.from_, "end_time": hours.to}]
    return {"weekdays": list(days), "times": times, "location": hours.tz}
