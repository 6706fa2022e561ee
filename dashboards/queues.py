"""What waits for a service: depth, age, arrival against service, consumers; not what no backend of it knows."""

from __future__ import annotations

from dataclasses import replace

from burnline.dashboards.asking import age, rate, value
from burnline.dashboards.given import shown
from burnline.dashboards.panels import Panel, Threshold
from burnline.metrics import queues
from burnline.spec.service import ServiceSpec

BY = ("backend", "queue", "group")
LEGEND = "{{queue}} {{group}}"
UNKNOWN = "the backend does not know it"
AGE = Panel(
    "Queues: age of the oldest",
    "How long does the oldest message wait? A minute more each minute: nobody serves it, look at its consumers.",
    (
        value(queues.OLDEST_AGE, *BY, legend=LEGEND, how="max"),
        age(queues.OLDEST_TIMESTAMP, *BY, legend=f"{LEGEND} by its time"),
        value(queues.INFLIGHT_AGE, *BY, legend=f"{LEGEND} in work", how="max"),
    ),
    "s",
    width=12,
    empty_ok=UNKNOWN,
)
QUEUES = (
    Panel(
        "Queues: depth",
        "How much waits, and how much is in work? Waiting grows while in work stays: more consumers, or shed load.",
        (
            value(queues.READY, *BY, legend=f"{LEGEND} waits"),
            value(queues.INFLIGHT, *BY, legend=f"{LEGEND} in work"),
            value(queues.DELAYED, *BY, legend=f"{LEGEND} not before later"),
        ),
        "short",
        width=12,
        empty_ok=UNKNOWN,
    ),
    AGE,
    Panel(
        "Queues: arrival and service",
        "Is as much done as comes in? Arrival over service for long: the queue grows without end.",
        (
            rate(queues.ARRIVED, *BY, legend=f"{LEGEND} arrives"),
            rate(queues.SERVED, *BY, legend=f"{LEGEND} is served"),
        ),
        "reqps",
        width=12,
        empty_ok=UNKNOWN,
    ),
    Panel(
        "Queues: consumers",
        "Is anybody there to serve? None: look at the deployment of the workers and why they ended.",
        (value(queues.CONSUMERS, *BY, legend=LEGEND),),
        width=12,
        empty_ok=UNKNOWN,
    ),
)


def queue_panels(spec: ServiceSpec) -> tuple[Panel, ...]:
    """Those of a service with queues, with the limits that its SLOs set for the age."""
    limited = replace(AGE, thresholds=_limits(spec))
    return shown((limited if panel is AGE else panel for panel in QUEUES), spec)


def _limits(spec: ServiceSpec) -> tuple[Threshold, ...]:
    """Where an SLO on the age says that it is too high."""
    promised = [slo.sli.threshold for slo in spec.slos if slo.sli.threshold is not None]
    limits = {each.above for each in promised if each.gauge.metric == queues.OLDEST_AGE and each.above is not None}
    return tuple(Threshold(limit, "red") for limit in sorted(limits))
