"""What waits for a service: depth, age, arrival against service, consumers; not what no backend of it knows."""

from __future__ import annotations

from burnline.dashboards.panels import RATE, Panel, Query, Threshold
from burnline.metrics import SERVICE, queues
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec

BY = "backend, queue, group"
LEGEND = "{{queue}} {{group}}"
COUNTING = ("redis_stream", "rabbitmq", "kafka", "celery", "nats")
KNOWING_CONSUMERS = ("redis_stream", "rabbitmq", "kafka", "celery")
UNKNOWN = "the backend does not know it"


def queue_panels(spec: ServiceSpec) -> tuple[Panel, ...]:
    """None for a service without queues."""
    kinds = {item.queue.kind for item in spec.collect if isinstance(item, QueueSpec)}
    if not kinds:
        return ()
    of = f'{{{SERVICE}="{spec.service}"}}'
    return (
        _depth(of),
        _age(spec, of),
        *([_flow(of)] if kinds & set(COUNTING) else []),
        *([_consumers(of)] if kinds & set(KNOWING_CONSUMERS) else []),
    )


def _depth(of: str) -> Panel:
    return Panel(
        "Queues: depth",
        "How much waits, and how much is in work? Waiting grows while in work stays: more consumers, or shed load.",
        "timeseries",
        (
            Query(f"sum by ({BY}) ({queues.READY}{of})", f"{LEGEND} waits"),
            Query(f"sum by ({BY}) ({queues.INFLIGHT}{of})", f"{LEGEND} in work"),
        ),
        "short",
        width=12,
        low=0,
        empty_ok=UNKNOWN,
    )


def _age(spec: ServiceSpec, of: str) -> Panel:
    return Panel(
        "Queues: age of the oldest",
        "How long does the oldest message wait? A minute more each minute: nobody serves it, look at its consumers.",
        "timeseries",
        (Query(f"max by ({BY}) ({queues.OLDEST_AGE}{of})", LEGEND),),
        "s",
        width=12,
        thresholds=_limits(spec),
        low=0,
        empty_ok=UNKNOWN,
    )


def _flow(of: str) -> Panel:
    return Panel(
        "Queues: arrival and service",
        "Is as much done as comes in? Arrival over service for long: the queue grows without end.",
        "timeseries",
        (
            Query(f"sum by ({BY}) (rate({queues.ARRIVED}{of}[{RATE}]))", f"{LEGEND} arrives"),
            Query(f"sum by ({BY}) (rate({queues.SERVED}{of}[{RATE}]))", f"{LEGEND} is served"),
        ),
        "reqps",
        width=12,
        low=0,
        empty_ok=UNKNOWN,
    )


def _consumers(of: str) -> Panel:
    return Panel(
        "Queues: consumers",
        "Is anybody there to serve? None: look at the deployment of the workers and why they ended.",
        "timeseries",
        (Query(f"sum by ({BY}) ({queues.CONSUMERS}{of})", LEGEND),),
        "none",
        width=12,
        low=0,
        empty_ok=UNKNOWN,
    )


def _limits(spec: ServiceSpec) -> tuple[Threshold, ...]:
    """Where an SLO on the age says that it is too high."""
    promised = [slo.sli.threshold for slo in spec.slos if slo.sli.threshold is not None]
    limits = {each.above for each in promised if each.gauge.metric == queues.OLDEST_AGE and each.above is not None}
    return tuple(Threshold(limit, "red") for limit in sorted(limits))
