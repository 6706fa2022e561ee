"""From panels to traces and logs, and to single traces by exemplars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from burnline.dashboards.grafana import render_dashboard
from burnline.dashboards.links import Places
from burnline.spec.service import ServiceSpec

SPEC = ServiceSpec.model_validate(
    {
        "apiVersion": "burnline/v1",
        "service": "shop",
        "owner": "team",
        "collect": ["host"],
        "telemetry": {},
        "slos": [
            {
                "name": "fast",
                "objective": "99%",
                "window": "7d",
                "sli": {"latency": {"histogram": "http_request_duration_seconds", "below": "1s"}},
            }
        ],
    }
)
PLACES = Places("https://traces/?s={service}&from={from}000&to={until}000", "https://logs/?s={service}&from={from}")


def drawn(places: Places | None = None) -> Iterator[dict[str, Any]]:
    """Every panel of the dashboard in Grafana's form."""
    for panel in json.loads(render_dashboard(SPEC, places))["panels"]:
        yield from panel.get("panels") or ([panel] if panel["type"] != "row" else [])


def links(panel: dict[str, Any]) -> list[str]:
    return [each["url"] for each in panel["fieldConfig"]["defaults"].get("links", ())]


def test_panels_about_how_a_service_answers_lead_to_its_traces_and_logs_of_the_time_shown() -> None:
    found = {panel["title"]: links(panel) for panel in drawn(PLACES)}

    both = ["https://traces/?s=shop&from=${__from}000&to=${__to}000", "https://logs/?s=shop&from=${__from}"]
    assert found["OpenTelemetry: requests"] == found["Generative AI: tokens"] == both
    assert [title for title, urls in found.items() if urls] != list(found), "the host's lead nowhere"
    assert {url for urls in found.values() for url in urls} == set(both)


def test_burn_rates_lead_there_too() -> None:
    assert any("burn" in panel["title"] and links(panel) for panel in drawn(PLACES))


def test_without_the_settings_there_are_no_links() -> None:
    assert not any(map(links, drawn()))


def test_exemplars_are_drawn_where_a_histogram_is_asked_for() -> None:
    targets = [target for panel in drawn() if panel["type"] == "timeseries" for target in panel["targets"]]

    marked = [target["expr"] for target in targets if target.get("exemplar")]
    assert marked == [target["expr"] for target in targets if "_bucket" in target["expr"]] != []
