"""The panels of queues: there where a service has some, and none that no backend of it can fill."""

from __future__ import annotations

from typing import Any

import promql_parser
import pytest

from burnline.dashboards.panels import RATE, Panel
from burnline.dashboards.service import service_rows
from burnline.spec.service import ServiceSpec

AGE = "burnline_queue_oldest_message_age_seconds"
URL = {"url": "env:BROKER_URL"}


def panels(*queues: dict[str, Any], slos: tuple[dict[str, Any], ...] = ()) -> dict[str, Panel]:
    """The row of queues of a service that has these, by title."""
    return row_of([{"queue": queue} for queue in queues], slos)


def row_of(collect: list[dict[str, Any]], slos: tuple[dict[str, Any], ...] = ()) -> dict[str, Panel]:
    """Likewise, of whatever is collected."""
    head = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": slos}
    spec = ServiceSpec.model_validate({**head, "collect": collect})
    rows = [row for row in service_rows(spec) if row.title == "Queues"]
    return {panel.title.removeprefix("Queues: "): panel for row in rows for panel in row.panels}


def test_a_service_without_queues_has_no_such_row() -> None:
    assert panels() == {}


@pytest.mark.parametrize(
    ("queue", "titles"),
    [
        ({"redis_list": "jobs", **URL}, ["depth"]),
        ({"redis_list": "jobs", "timestamp": "at", **URL}, ["depth", "age of the oldest"]),
        ({"sqs": "https://sqs.example.com/1/jobs"}, ["depth"]),
        ({"nats": "S", "consumer": "c", **URL}, ["depth", "age of the oldest", "arrival and service"]),
        ({"rabbitmq": "jobs", **URL}, ["depth", "age of the oldest", "arrival and service", "consumers"]),
    ],
)
def test_what_the_backend_does_not_know_is_not_drawn(queue: dict[str, Any], titles: list[str]) -> None:
    assert list(panels(queue)) == titles


@pytest.mark.parametrize(
    ("profile", "titles"),
    [
        ("redis-exporter", ["depth", "arrival and service", "consumers"]),
        ("rabbitmq", ["depth", "age of the oldest", "consumers"]),
        ("kafka-exporter", ["depth", "arrival and service", "consumers"]),
        ("nats-exporter", ["depth", "arrival and service"]),
        ("celery-exporter", ["depth", "consumers"]),
    ],
)
def test_an_exporter_of_queues_is_drawn_by_what_its_profile_gives(profile: str, titles: list[str]) -> None:
    assert list(row_of([{"url": "http://exporter/metrics", "profile": profile}])) == titles


def test_every_query_is_of_this_service_and_parses() -> None:
    found = panels({"redis_list": "jobs", **URL}, {"rabbitmq": "jobs", **URL})

    for query in [query for panel in found.values() for query in panel.queries]:
        promql_parser.parse(query.expr.replace(RATE, "5m"))
        assert '{service="shop"}' in query.expr


def test_the_limit_of_the_age_is_that_of_its_slo() -> None:
    promise = {"name": "waiting", "objective": "99%", "window": "7d"}
    slo = {**promise, "sli": {"threshold": {"gauge": AGE, "above": 30}}}

    found = panels({"rabbitmq": "jobs", **URL}, slos=(slo,))

    assert [limit.value for limit in found["age of the oldest"].thresholds] == [30]


def test_the_slos_own_panel_shows_this_services_queue_alone() -> None:
    slo = {"name": "waiting", "objective": "99%", "window": "7d", "sli": {"threshold": {"gauge": AGE, "above": 30}}}
    head = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": [slo]}

    rows = service_rows(ServiceSpec.model_validate(head))

    (gauge,) = [panel for row in rows for panel in row.panels if panel.title == "waiting: gauge"]
    assert gauge.queries[0].expr == f'{AGE}{{service="shop"}}'
