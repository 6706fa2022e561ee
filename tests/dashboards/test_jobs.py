"""The row of jobs: for services that expect some."""

from __future__ import annotations

from typing import Any

import promql_parser

from burnline.dashboards.jobs import job_panels
from burnline.metrics.register import MEASURED
from burnline.spec.service import ServiceSpec


def spec(**parts: Any) -> ServiceSpec:
    return ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "shop", "owner": "ml", **parts})


def test_a_service_that_expects_no_job_has_no_row() -> None:
    assert job_panels(spec()) == ()


def test_overdue_is_drawn_where_a_job_is_to_come_again() -> None:
    once = [panel.title for panel in job_panels(spec(jobs={"train": {}}))]
    daily = [panel.title for panel in job_panels(spec(jobs={"train": {"every": "1d"}}))]

    assert daily == [*once, "Jobs: overdue"]


def test_every_query_is_promql_over_series_that_exist() -> None:
    for panel in job_panels(spec(jobs={"train": {"every": "1d"}})):
        for query in panel.queries:
            promql_parser.parse(query.expr.replace("$__rate_interval", "5m"))
            assert any(f'{name}{{service="shop"}}' in query.expr for name in MEASURED)
