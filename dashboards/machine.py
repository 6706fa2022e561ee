"""The machine's panels, the same for every service.

They ask for what `machine.yml` records (`machine:host_...`): of node_exporter's or DCGM's exporter's series where those
are scraped, else of burnline's own; what no exporter tells is asked of burnline itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from burnline.collectors.mapping import EXPORTERS, HOST, recorded
from burnline.collectors.profiles.load import load_profile
from burnline.dashboards.given import asked, shown
from burnline.dashboards.panels import Panel, Query
from burnline.spec.service import ServiceSpec

GPU = "burnline_gpu_"


def machine_panels(table: Iterable[Panel], spec: ServiceSpec) -> tuple[Panel, ...]:
    """The panels of a table that the service's machines can fill, asked under the names that rules record."""
    return tuple(
        replace(panel, queries=tuple(_recorded(query, each=panel.kind != "stat") for query in panel.queries))
        for panel in shown(table, spec)
    )


@cache
def mapped() -> frozenset[str]:
    """The names that `machine.yml` records under another one."""
    return frozenset(name for profile in EXPORTERS.values() for name in load_profile(profile).quantities)


def _recorded(query: Query, *, each: bool) -> Query:
    """The query of recorded names, and for `each` host by itself: one that is full must not hide among others."""
    names = asked(query.expr)
    if not names <= mapped():
        return _of_each(query) if all(name.startswith(GPU) for name in names) else query
    expr = re.sub(r"\bburnline_\w+", lambda found: recorded(found[0]), query.expr)
    if not each:
        return replace(query, expr=expr)
    return _by(HOST, replace(query, expr=expr))


def _of_each(query: Query) -> Query:
    """What burnline alone tells of GPUs: GPU 0 is one of each host, which Prometheus calls by its address."""
    return _by("instance", query)


def _by(label: str, query: Query) -> Query:
    def told(found: re.Match[str]) -> str:
        return f"{found[1]} by ({label}) (" if found[2] == "(" else f"{found[1]} by ({label}, "

    expr = re.sub(r"\b(sum|avg|min|max)( by \(|\()", told, query.expr)
    return replace(query, expr=expr, legend=f"{{{{{label}}}}} {query.legend}".rstrip())
