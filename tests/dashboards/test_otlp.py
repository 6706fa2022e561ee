"""The row of OpenTelemetry: there where a service speaks it, and of that service alone."""

from __future__ import annotations

from typing import Any

import promql_parser
import pytest

from burnline.dashboards.panels import RATE, Panel
from burnline.dashboards.service import service_rows
from burnline.spec.service import ServiceSpec

PROMISE = {"name": "one", "objective": "99%", "window": "7d"}
SPANS = {"ratio": {"bad": 'burnline_otlp_spans_total{status="error"}', "total": "burnline_otlp_spans_total"}}
SLOW = {"latency": {"histogram": "burnline_genai_time_to_first_token_seconds", "below": "1s"}}
OTHER = {"ratio": {"bad": 'http_requests_total{code="500"}', "total": "http_requests_total"}}


def panels(**given: Any) -> list[Panel]:
    """The row's panels."""
    spec = ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "shop", "owner": "team", **given})
    return [panel for row in service_rows(spec) if row.title == "OpenTelemetry" for panel in row.panels]


@pytest.mark.parametrize("sli", [SPANS, SLOW])
def test_an_slo_on_what_opentelemetry_brings_has_the_row(sli: dict[str, Any]) -> None:
    assert len(panels(slos=[{**PROMISE, "sli": sli}])) == 12


def test_a_file_with_telemetry_has_the_row_and_another_has_not() -> None:
    assert len(panels(telemetry={})) == 12
    assert panels(slos=[{**PROMISE, "sli": OTHER}]) == []


def test_every_query_is_of_this_service_and_parses() -> None:
    for query in [query for panel in panels(telemetry={}) for query in panel.queries]:
        promql_parser.parse(query.expr.replace(RATE, "5m"))
        assert '{service="shop"}' in query.expr


def test_an_empty_panel_says_why_and_every_panel_what_it_answers() -> None:
    assert all(panel.empty_ok and "?" in panel.question for panel in panels(telemetry={}))


def test_answers_have_panels_where_their_texts_are_looked_at() -> None:
    more = {panel.title for panel in panels(telemetry={"content": {"sample": "10%"}})}

    assert more - {panel.title for panel in panels(telemetry={"content": {"sample": "0%"}})} == {
        "Generative AI: what is wrong with answers",
        "Generative AI: support by sources",
        "Generative AI: length of answers",
    }
