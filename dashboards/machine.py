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
    if not asked(query.expr) <= mapped():
        return query
    expr = re.sub(r"\bburnline_\w+", lambda found: recorded(found[0]), query.expr)
    if not each:
        return replace(query, expr=expr)
    by_host = re.sub(r"\b(sum|avg|min|max)( by \(|\()", _by_host, expr)
    return replace(query, expr=by_host, legend=f"{{{{{HOST}}}}} {query.legend}")


def _by_host(found: re.Match[str]) -> str:
    return f"{found[1]} by ({HOST}) (" if found[2] == "(" else f"{found[1]} by ({HOST}, "
