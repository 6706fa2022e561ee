"""Numbers of the business: posted, counted once, on /metrics and in SLIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnline.app import wiring
from burnline.app.http.words import OWN_LABELS
from burnline.metrics.business import judged
from burnline.runbooks.releases.plan import plan_of
from burnline.settings import Settings
from burnline.store import series
from tests.app.scenes import Client

SERVICE = """
apiVersion: burnline/v1
service: shop
owner: shop-ml
business:
  signups: {posted: counter}
  orders: {posted: counter}
  happiness: {posted: gauge}
  conversion: {ratio: {good: orders_total, total: visits_total}}
slos:
  - name: grows
    objective: 99%
    window: 30d
    sli: {throughput: {counter: 'burnline_business_total{number="signups"}', at_least: 5, per: 5m}}
release:
  hook: {alias: {file: registry.json}}
  canary: {version: "${version}"}
  baseline: {version: "${previous}"}
  guards:
    - {business: conversion, kind: sequential, below_baseline: 0.95x}
    - {business: happiness, kind: end_of_bake, worse: lower}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[wiring.App]:
    (tmp_path / "shop.yaml").write_text(SERVICE)
    made = wiring.build(Settings(services=tmp_path / "shop.yaml", database=f"sqlite:///{tmp_path}/burnline.db"))
    yield made
    made.db.close()


def post(app: wiring.App, **body: Any) -> Any:
    return Client(app).post("/v1/business", json={"service": "shop", **body})


def totals(app: wiring.App) -> dict[str, float]:
    with app.db.read() as tx:
        return {sample.labels["number"]: sample.value for sample in series.samples(tx, "shop")}


def test_amounts_add_up_and_values_are_set(app: wiring.App) -> None:
    post(app, add={"signups": 3, "orders": 1}, set={"happiness": 41})
    answer = post(app, add={"signups": 2}, set={"happiness": 40.5})

    assert answer.status_code == 200
    assert totals(app) == {"signups": 5, "orders": 1, "happiness": 40.5}


def test_a_posting_sent_again_counts_once(app: wiring.App) -> None:
    client = Client(app)
    body = {"service": "shop", "add": {"signups": 3}}
    header = {"Idempotency-Key": "12:00"}

    answers = [
        client.post("/v1/business", json={**body, "id": "12:00"}),
        client.post("/v1/business", json={**body, "id": "12:00"}, headers=header),
        client.post("/v1/business", json=body, headers=header),
    ]

    assert [answer.json()["accepted"] for answer in answers] == [True, False, False]
    assert totals(app) == {"signups": 3}


def test_what_is_wrong_with_one_number_costs_that_one_alone(app: wiring.App) -> None:
    answer = post(app, add={"signups": 3, "order": 1, "orders": "many"}, set={"happiness": 1e300})

    assert (answer.status_code, totals(app)) == (200, {"signups": 3})
    assert answer.json() == {
        "accepted": True,
        "refused_count": 3,
        "refused": [
            {
                "index": 1,
                "field": "add.order",
                "reason": "shop posts no counter of that name; accepted: signups or orders; did you mean 'orders'?",
            },
            {"index": 2, "field": "add.orders", "reason": "is 'many'; write a number"},
            {"index": 0, "field": "set.happiness", "reason": "is 1e+300; write a number from -1e+15 to 1e+15"},
        ],
    }


def test_what_cannot_be_kept_is_told(app: wiring.App) -> None:
    client = Client(app)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"add": {"signup": 1}}, 422, "accepted: signups or orders; did you mean"),
        ({"add": {"happiness": 1}}, 422, "posts no counter of that name"),
        ({"set": {"signups": 1}}, 422, "posts no gauge of that name; accepted: happiness"),
        ({"add": {"signups": -1}}, 422, "add.signups: is -1; write a number from 0"),
        ({}, 422, "nothing was posted"),
        ({"service": "shpo", "add": {"signups": 1}}, 404, "no service is called 'shpo'; known: shop; did you mean"),
        ({"add": {"signups": "many"}}, 422, "add.signups: is 'many'; write a number"),
        ({"add": {"signups": "3"}}, 422, "add.signups: is '3'; write a number"),
        ({"set": {"happiness": True}}, 422, "set.happiness: is true; write a number"),
        ({"add": {"signups": 10**400}}, 422, "add.signups: is "),
        ({"add": {"signups": 1}, "labels": {"a b": "x"}}, 422, "labels['a b']: is 'a b'; it must match"),
        (
            {"add": {"signups": 1}, "labels": {"service": "other"}},
            422,
            "labels.service: is set by burnline itself; acc",
        ),
        ({"add": {"signups": 1}, "lables": {}}, 422, "lables: is no key here; accepted: add, id, labels"),
        ({"add": {"signups": 1}, "\ud800": 1}, 422, "the body: holds '\\ud800': half of a character"),
        ({"service": 7}, 422, "service: is 7; write text"),
        ({"service": None}, 422, "service: is None; write text"),
        ({"add": [1]}, 422, "add: is a list; write a mapping"),
    ]

    for body, status, words in cases:
        sent = json.dumps({"service": "shop", **body})
        answer = client.post("/v1/business", content=sent)

        assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    assert totals(app) == {}


def test_a_label_that_burnline_sets_itself_is_refused(app: wiring.App) -> None:
    for name in (*OWN_LABELS, "__name__"):
        answer = post(app, set={"happiness": 1}, labels={name: "clean"})

        assert answer.status_code == 422
        assert f"labels.{name}: is set by burnline itself; accepted: any name but service" in answer.text
    assert totals(app) == {}


def test_what_was_posted_is_exposed_and_read_by_the_engine(app: wiring.App) -> None:
    post(app, add={"signups": 3}, labels={"version": "8"})

    app.collect(app.clock())

    page = Client(app).get("/metrics").text
    assert 'burnline_business_total{number="signups",service="shop",version="8"} 3.0' in page
    assert "burnline_business_total" in app.engine.wanted("shop")


def test_guards_of_a_release_may_name_the_numbers_of_the_service(app: wiring.App) -> None:
    [spec] = app.specs

    assert set(judged(spec)) == {"conversion", "happiness"}
    gauge = plan_of(spec).release.business["happiness"].gauge
    assert str(gauge) == 'burnline_business_value{number="happiness"}'
