"""Who tries something: events of guardrails and gateways, and whether one principal asks too much."""

from __future__ import annotations

from burnline.dashboards.asking import rate, value
from burnline.dashboards.panels import Panel
from burnline.metrics import security

SECURITY = (
    Panel(
        "Security: events",
        "Is somebody trying something? A kind that jumps: look at the logs of the time, and whose requests they are.",
        (rate(security.EVENTS, "kind", legend="{{kind}}"),),
        "cps",
        empty_ok="nobody told of any",
    ),
    Panel(
        "Security: queries",
        "How many queries were counted by who asked? Far fewer than requests: not every gateway tells.",
        (rate(security.QUERIES, legend="counted"),),
        "reqps",
        empty_ok="no gateway tells who asks",
    ),
    Panel(
        "Security: the principal that asks most",
        "Does one ask for much of everything? Both high: the model is being copied; limit its rate, ask who it is.",
        (
            value(security.TOP_SHARE, legend="of all queries", how="max"),
            value(security.TOP_COVERAGE, legend="of all different inputs", how="max"),
        ),
        "percentunit",
        high=1,
        empty_ok="under 100 queries were told by who asked",
    ),
)
