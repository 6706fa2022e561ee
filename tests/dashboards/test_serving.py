"""The row of the serving engine: only what the service's engines count."""

from __future__ import annotations

from typing import Any

import promql_parser
import pytest

from burnline.collectors.profiles.load import NAMES
from burnline.dashboards.given import shown
from burnline.dashboards.panels import Panel
from burnline.dashboards.service import service_rows
from burnline.dashboards.serving import SERVING
from burnline.metrics.register import MEASURED
from burnline.spec.service import ServiceSpec


def spec(*profiles: str) -> ServiceSpec:
    pages: list[dict[str, Any]] = [{"url": f"http://h{n}/", "profile": name} for n, name in enumerate(profiles)]
    return ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "chat", "owner": "t", "collect": pages})


def serving_panels(service: ServiceSpec) -> tuple[Panel, ...]:
    """The row of the engine."""
    return shown(SERVING, service)


def test_a_plain_http_service_has_no_such_row() -> None:
    assert serving_panels(spec("http")) == ()
    assert "Serving engine" not in [row.title for row in service_rows(spec("http"))]


def test_an_engine_is_shown_by_what_it_counts() -> None:
    titles = [panel.title for panel in serving_panels(spec("vllm"))]

    assert titles == [
        "Engine: requests",
        "Engine: in work and waiting",
        "Engine: key-value cache",
        "Engine: time to first token",
        "Engine: time between tokens",
        "Engine: duration",
        "Engine: time in the queue",
        "Engine: tokens per second",
        "Engine: prefix cache",
    ]


def test_an_engine_without_histograms_is_shown_by_its_means() -> None:
    titles = [panel.title for panel in serving_panels(spec("torchserve"))]

    assert titles == ["Engine: requests", "Engine: mean times"]


def test_two_engines_share_one_row() -> None:
    both = {panel.title for panel in serving_panels(spec("torchserve", "kserve"))}

    assert both == {"Engine: requests", "Engine: mean times", "Engine: duration"}


@pytest.mark.parametrize("name", NAMES)
def test_every_query_can_be_asked_and_is_of_this_service(name: str) -> None:
    for panel in serving_panels(spec(name)):
        for query in panel.queries:
            promql_parser.parse(query.expr.replace("$__rate_interval", "5m"))
            assert 'service="chat"' in query.expr
            assert any(known in query.expr for known in MEASURED)
