"""From a panel to the traces and logs of its service in the time that is shown, as Grafana's data links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from burnline.dashboards.panels import Panel, Query

LEADING = ("burnline_otlp_", "burnline_genai_", "burnline_answers_", "burnline_serving_", "burnline_slo_burn_rate")
FROM, UNTIL = "${__from}", "${__to}"  # Grafana's: milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Places:
    """Where a service's traces and logs are: URLs with {service}, {from} and {until}; empty for none."""

    trace_search_url: str = ""
    logs_url: str = ""


def data_links(panel: Panel, service: str, places: Places) -> list[dict[str, Any]]:
    """The links of a panel about how the service answers; none of another."""
    if not any(name in query.expr for query in panel.queries for name in LEADING):
        return []
    found = {"Traces": places.trace_search_url, "Logs": places.logs_url}
    return [
        {"title": f"{what} of {service}", "url": filled(url, service), "targetBlank": True}
        for what, url in found.items()
        if url
    ]


def filled(url: str, service: str) -> str:
    """The URL for one service and the time that Grafana shows.

    >>> filled("https://logs/?q={service}&from={from}&to={until}", "a b")
    'https://logs/?q=a%20b&from=${__from}&to=${__to}'
    """
    return url.replace("{service}", quote(service, safe="")).replace("{from}", FROM).replace("{until}", UNTIL)


def has_exemplars(query: Query) -> bool:
    """Whether exemplars are to be drawn: those of a histogram's buckets."""
    return "_bucket" in query.expr
