"""The row of the business: one panel for each number, and what the service costs."""

from __future__ import annotations

from typing import Any

import promql_parser
import pytest

from burnline.dashboards.business import business
from burnline.dashboards.given import asked
from burnline.spec.service import ServiceSpec


def spec(**parts: Any) -> ServiceSpec:
    return ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "shop", "owner": "ml", **parts})


@pytest.mark.parametrize(
    ("number", "expr"),
    [
        ({"gauge": "basket_eur"}, "sum(basket_eur)"),
        ({"counter": "orders_total"}, "sum(rate(orders_total[$__rate_interval]))"),
        ({"posted": "gauge"}, 'sum(burnline_business_value{number="x",service="shop"})'),
        (
            {"posted": "counter"},
            'sum(rate(burnline_business_total{number="x",service="shop"}[$__rate_interval]))',
        ),
        (
            {"ratio": {"good": "orders_total", "total": "visits_total"}},
            "sum(rate(orders_total[$__rate_interval])) / sum(rate(visits_total[$__rate_interval]))",
        ),
    ],
)
def test_each_number_is_asked_by_its_kind(number: dict[str, Any], expr: str) -> None:
    [panel] = business(spec(business={"x": number}))

    assert [query.expr for query in panel.queries] == [expr]
    promql_parser.parse(expr.replace("$__rate_interval", "5m"))


def test_units_are_in_the_title_and_the_sentence_under_it_is_the_teams() -> None:
    [panel] = business(spec(business={"basket": {"gauge": "basket_eur", "unit": "EUR", "about": "Of all shops."}}))

    assert panel.title == "basket (EUR)"
    assert panel.question == "Of all shops."


def test_cost_is_shown_in_its_currency() -> None:
    panels = business(spec(cost={"gpu_hour": "2.49 CHF", "gpus": 2}))

    assert [panel.title for panel in panels] == [
        "Cost per hour (CHF)",
        "Cost of one unit (CHF)",
        "GPUs that are paid for",
    ]
    for query in [query for panel in panels for query in panel.queries]:
        promql_parser.parse(query.expr.replace("$__rate_interval", "5m"))


def test_what_training_costs_is_read_over_a_day() -> None:
    panels = business(spec(cost={"gpu_hour": "2.49 CHF", "gpus": 2}, jobs={"train": {}}))

    [training] = [q.expr for panel in panels for q in panel.queries if "training" in q.expr]
    assert training == 'sum by (job) (rate(burnline_cost_training_total{service="shop"}[1d])) * 3600'


def test_cost_has_no_panels_where_nothing_tells_of_gpus() -> None:
    cost = {"gpu_hour": "2.49 CHF"}
    dcgm = {"url": "http://gpu-7:9400/metrics", "profile": "dcgm-exporter"}

    assert business(spec(cost=cost)) == ()
    [training] = business(spec(cost=cost, jobs={"train": {}}))
    assert {name for query in training.queries for name in asked(query.expr)} == {"burnline_cost_training_total"}
    idle = [query.expr for panel in business(spec(cost=cost, collect=[dcgm])) for query in panel.queries]
    assert any("burnline_cost_idle_total" in expr for expr in idle)


def test_without_numbers_and_cost_there_is_no_row() -> None:
    assert business(spec()) == ()
