"""Which series a service's file lets it have: no panel asks for others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from burnline.collectors.given import missing
from burnline.dashboards.asking import OF
from burnline.dashboards.panels import Panel
from burnline.metrics import SERVICE, queues
from burnline.metrics.register import MEASURED
from burnline.spec.collect import ScrapeSpec
from burnline.spec.jobs import JobSpec
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec

_NAME = re.compile(r"\b(?:burnline_|machine:)\w+")
_PART = re.compile(r"_(?:bucket|sum|count)$")
TELEMETRY = ("burnline_otlp_", "burnline_genai_", "burnline_security_")
ACCEPTED, REFUSED = "burnline_events_accepted_total", "burnline_events_refused_total"
NAMES = MEASURED.keys() | {ACCEPTED, REFUSED}  # what services have; others are burnline's own, or the team's
PREDICTIONS = ("burnline_events_", "burnline_labelled_", "burnline_labels_", "burnline_samples_")
POSTED = TELEMETRY + PREDICTIONS  # by anybody: an SLO on one of them says that somebody does


def given(spec: ServiceSpec, names: Set[str] = NAMES) -> frozenset[str]:
    """Which of `names`, of NAMES, a service with this file may have."""
    families, likely = tuple(_families(spec)), _likely(spec)
    every = {name for name in names if name.startswith(families) or not name.startswith(POSTED)}
    return frozenset(name for name in every if not missing(likely, name)) - _told_twice(likely)


def asked(expr: str) -> set[str]:
    """The names that a query asks for, without the parts of a histogram and as burnline measures them."""
    found = {name.replace("machine:", "burnline_") for name in _NAME.findall(expr)}
    return {name if name in MEASURED else _PART.sub("", name) for name in found}


def shown(table: Iterable[Panel], spec: ServiceSpec) -> tuple[Panel, ...]:
    """The panels of a table, of this service, with the queries all of whose series it may have."""
    panels, of = tuple(table), f'{{{SERVICE}="{spec.service}"}}'
    wanted = {query.expr: asked(query.expr) & NAMES for panel in panels for query in panel.queries}
    known = given(spec, frozenset().union(*wanted.values()))
    found = []
    for panel in panels:
        queries = (query for query in panel.queries if wanted[query.expr] <= known)
        narrowed = tuple(replace(query, expr=query.expr.replace(OF, of)) for query in queries)
        found += [replace(panel, queries=narrowed)] if narrowed else []
    return tuple(found)


def _families(spec: ServiceSpec) -> Iterator[str]:
    """How the names begin of those that are posted, and that this file lets one expect."""
    expected = {
        TELEMETRY: "telemetry" in spec.model_fields_set,
        PREDICTIONS: bool(spec.model or "events" in spec.model_fields_set or spec.signals.model_fields_set),
    }
    for families, is_expected in expected.items():
        if is_expected or any(family in _about(spec) for family in families):
            yield from families


def _likely(spec: ServiceSpec) -> ServiceSpec:
    """The file with what others may add: a job that an SLO is about; without pages of any sort."""
    pages = tuple(item for item in spec.collect if not (isinstance(item, ScrapeSpec) and item.profile == "http"))
    jobs = spec.jobs or ({"": JobSpec()} if "burnline_job_" in _about(spec) else {})
    return spec.model_copy(update={"collect": pages, "jobs": jobs})


def _about(spec: ServiceSpec) -> str:
    """Where the file may name series."""
    return spec.model_dump_json(include={"slos", "business", "cost", "release"})


def _told_twice(spec: ServiceSpec) -> set[str]:
    """Burnline's own look at a queue tells the moment of the oldest message beside its age."""
    pages = tuple(item for item in spec.collect if not isinstance(item, QueueSpec))
    alone = missing(spec.model_copy(update={"collect": pages}), queues.OLDEST_TIMESTAMP)
    return {queues.OLDEST_TIMESTAMP} if alone else set()
