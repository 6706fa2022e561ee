"""Which version serves, and whether somebody approved it."""

from __future__ import annotations

from burnline.dashboards.asking import age, value
from burnline.dashboards.panels import Panel
from burnline.metrics import registry

NO_VERSION = "no version was seen yet"

RELEASE = (
    Panel(
        "Version that serves",
        "Which version answers, and did somebody approve it? `unknown`: nobody released it through burnline.",
        (value(registry.RELEASE_INFO, "version", "approved", legend="{{version}}, approved: {{approved}}", how="max"),),
        "bool",
        width=16,
        high=1,
        empty_ok=NO_VERSION,
    ),
    Panel(
        "Since when it serves",
        "How long has this version served? Less than what is wrong: look at the release first.",
        (age(registry.SERVING_SINCE, legend="age"),),
        "s",
        empty_ok=NO_VERSION,
    ),
)
