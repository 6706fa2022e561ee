"""The machine's panels, the same for every service.

They ask for what `machine.yml` records (`machine:host_...`): of node_exporter's or DCGM's exporter's series where those
are scraped, else of burnline's own; what no exporter tells is asked of burnline itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from burnline.collectors.mapping import EXPORTERS, recorded
from burnline.collectors.profiles.load import load_profile
from burnline.dashboards.given import shown
from burnline.dashboards.panels import Panel
from burnline.spec.service import ServiceSpec


def machine_panels(table: Iterable[Panel], spec: ServiceSpec) -> tuple[Panel, ...]:
    """The panels of a table that the service's machines can fill, asked under the names that rules record."""
    return tuple(
        replace(panel, queries=tuple(replace(query, expr=_recorded(query.expr)) for query in panel.queries))
        for panel in shown(table, spec)
    )


@cache
def mapped() -> frozenset[str]:
    """The names that `machine.yml` records under another one."""
    return frozenset(name for profile in EXPORTERS.values() for name in load_profile(profile).quantities)


def _recorded(expr: str) -> str:
    return re.sub(r"\bburnline_\w+", lambda found: recorded(found[0]) if found[0] in mapped() else found[0], expr)
