"""Which series a service's file lets it have: no panel asks for others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from burnline.collectors.profiles.load import load_profile
from burnline.dashboards.asking import OF
from burnline.dashboards.panels import Panel
from burnline.metrics import SERVICE, business, cost, events, jobs, queues
from burnline.metrics.register import MEASURED
from burnline.spec.collect import ScrapeSpec
from burnline.spec.host import host_of
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec

_NAME = re.compile(r"\b(?:burnline_|machine:)\w+")
_PART = re.compile(r"_(?:bucket|sum|count)$")
TELEMETRY = ("burnline_otlp_", "burnline_genai_", "burnline_security_")
ACCEPTED, REFUSED = "burnline_events_accepted_total", "burnline_events_refused_total"
NAMES = MEASURED.keys() | {
    ACCEPTED,
    REFUSED,
}  # what services have; others are burnline's own, or the team's
PREDICTIONS = ("burnline_events_", "burnline_labelled_", "burnline_labels_")
POSTED = (TELEMETRY, PREDICTIONS, ("burnline_job_",))  # by anybody: an SLO on one of them says that somebody does

_COUNTS = frozenset({queues.ARRIVED, queues.SERVED})
_WORK = frozenset({queues.READY, queues.INFLIGHT})
# What burnline's own look at a queue tells; the moment of the oldest message beside its age is left out.
QUEUES = {
    "redis_list": _WORK | {queues.OLDEST_AGE},
    "redis_stream": _WORK | _COUNTS | {queues.OLDEST_AGE, queues.INFLIGHT_AGE, queues.CONSUMERS},
    "rabbitmq": _WORK | _COUNTS | {queues.OLDEST_AGE, queues.CONSUMERS},
    "kafka": _COUNTS | {queues.READY, queues.OLDEST_AGE, queues.CONSUMERS},
    "celery": _WORK | _COUNTS | {queues.OLDEST_AGE, queues.INFLIGHT_AGE, queues.CONSUMERS},
    "nats": _WORK | _COUNTS | {queues.OLDEST_AGE},
    "sqs": _WORK | {queues.DELAYED},
}


def given(spec: ServiceSpec) -> frozenset[str]:
    """Which of NAMES a service with this file may have."""
    families = tuple(_families(spec))
    every = {name for name in NAMES if name.startswith(families)}
    return frozenset(every | set(_collected(spec)) | set(_numbers(spec))) - _unexpected(spec)


def asked(expr: str) -> set[str]:
    """The names that a query asks for, without the parts of a histogram and as burnline measures them."""
    found = {name.replace("machine:", "burnline_") for name in _NAME.findall(expr)}
    return {name if name in MEASURED else _PART.sub("", name) for name in found}


def shown(table: Iterable[Panel], spec: ServiceSpec) -> tuple[Panel, ...]:
    """The panels of a table, of this service, with the queries all of whose series it may have."""
    known, of = given(spec), f'{{{SERVICE}="{spec.service}"}}'
    found = []
    for panel in table:
        queries = (query for query in panel.queries if asked(query.expr) & NAMES <= known)
        narrowed = tuple(replace(query, expr=query.expr.replace(OF, of)) for query in queries)
        found += [replace(panel, queries=narrowed)] if narrowed else []
    return tuple(found)


def _families(spec: ServiceSpec) -> Iterator[str]:
    """How the names begin of which the file lets a service have all."""
    written = spec.model_fields_set
    if host_of(spec.collect) is not None:
        yield "burnline_host_"
    if "gpu" in spec.collect:
        yield "burnline_gpu_"
    if spec.jobs:
        yield "burnline_job_"
    if spec.cost:
        yield "burnline_cost_"
    if spec.release or (spec.model and spec.model.version):
        yield "burnline_release_"
    if "telemetry" in written:
        yield from TELEMETRY
    if spec.telemetry.content and spec.telemetry.content.sample:
        yield "burnline_answers_"
    if spec.model or "events" in written or spec.signals.model_fields_set:
        yield from PREDICTIONS
    named = " ".join(_NAME.findall(spec.model_dump_json(include={"slos", "business", "cost", "release"})))
    yield from (each for families in POSTED if any(family in named for family in families) for each in families)


def _collected(spec: ServiceSpec) -> Iterator[str]:
    for item in spec.collect:
        if isinstance(item, ScrapeSpec) and item.profile != "http":
            yield from load_profile(item.profile).quantities
        if isinstance(item, QueueSpec):
            yield from QUEUES[item.queue.kind]


def _numbers(spec: ServiceSpec) -> Iterator[str]:
    kinds = {number.posted for number in spec.business.values()}
    yield from ((business.TOTAL,) if "counter" in kinds else ())
    yield from ((business.VALUE,) if "gauge" in kinds else ())


def _unexpected(spec: ServiceSpec) -> set[str]:
    """What jobs and the cost have only where the file asks for it."""
    every = spec.jobs.values()
    expected = {
        jobs.OVERDUE: any(job.every is not None for job in every),
        jobs.DATA_LAG: any(job.behind is not None for job in every),
        cost.IDLE: "gpu" in spec.collect,
        cost.SAVED: spec.cost is not None and spec.cost.cache_hits is not None,
        cost.TRAINING: bool(spec.jobs),
        events.VIOLATIONS: spec.model is not None and spec.model.schema_ is not None,
    }
    return {name for name, is_expected in expected.items() if not is_expected}
