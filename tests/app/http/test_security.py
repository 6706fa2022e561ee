"""Security events: counted once, and whoever asks too much stands out without a name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from burnline.app import wiring
from burnline.app.http.security import Kind
from burnline.collectors.otlp import verdicts
from burnline.collectors.security.door import AskingCollector
from burnline.collectors.security.sketch import MOST, Sketch, read_sketch
from burnline.errors import NoData
from burnline.metrics import security
from burnline.settings import Settings
from burnline.store import series
from tests.app.scenes import Client

NOON = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
SERVICE = "apiVersion: burnline/v1\nservice: shop\nowner: shop-ml\n"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[wiring.App]:
    (tmp_path / "shop.yaml").write_text(SERVICE)
    made = wiring.build(Settings(services=tmp_path / "shop.yaml", database=f"sqlite:///{tmp_path}/burnline.db"))
    made.clock = lambda: NOON
    yield made
    made.db.close()


def counts(app: wiring.App) -> dict[str, float]:
    with app.db.read() as tx:
        return {each.labels.get("kind", each.name): each.value for each in series.samples(tx, "shop")}


def ratios(app: wiring.App, now: datetime) -> dict[str, float]:
    found = AskingCollector(app.db, "shop", interval=timedelta(seconds=15)).collect(now)
    return {each.name: each.value for each in found}


def test_events_are_counted_by_kind_and_once(app: wiring.App) -> None:
    client = Client(app)
    body = {"service": "shop", "id": "1", "events": [{"kind": "jailbreak", "count": 3}, {"kind": "rate_limited"}]}

    answers = [client.post("/v1/security", json=body).json()["accepted"] for _ in range(2)]

    assert answers == [True, False]
    assert counts(app) == {"jailbreak": 3, "rate_limited": 1}


def test_one_who_asks_much_and_about_everything_stands_out_without_a_name(app: wiring.App) -> None:
    client = Client(app)
    many = [{"principal": f"user-{n}", "count": 1, "inputs": [f"item-{n}"]} for n in range(100)]
    one = {"principal": "key-17", "count": 300, "inputs": [f"item-{n}" for n in range(90)]}

    client.post("/v1/security", json={"service": "shop", "queries": [*many, one]})

    found = ratios(app, NOON)
    assert found[security.TOP_SHARE] == pytest.approx(0.75, abs=1 / MOST)
    assert found[security.TOP_COVERAGE] == pytest.approx(0.9, abs=0.05)
    assert ratios(app, NOON + timedelta(hours=1)) == found
    with pytest.raises(NoData):
        ratios(app, NOON + timedelta(hours=2))
    app.collect(NOON)
    page = client.get("/metrics").text
    assert security.TOP_SHARE in page
    assert "key-17" not in page
    assert b"key-17" not in (Path(app.settings.database.removeprefix("sqlite:///"))).read_bytes()


def test_of_few_queries_nothing_is_said(app: wiring.App) -> None:
    Client(app).post("/v1/security", json={"service": "shop", "queries": [{"principal": "a", "count": 99}]})

    with pytest.raises(NoData):
        ratios(app, NOON)


def test_what_is_wrong_with_one_event_costs_that_one_alone(app: wiring.App) -> None:
    events = [{"kind": "pii"}, {"kind": "jailbrake"}, {"kind": "jailbreak", "count": 2}, {"kind": "pii", "prompt": "x"}]

    answer = Client(app).post("/v1/security", json={"service": "shop", "events": events, "queries": ["who"]}).json()

    assert counts(app) == {"pii": 1, "jailbreak": 2}
    assert (answer["accepted"], answer["refused_count"]) == (True, 3)
    assert [(each["index"], each["field"]) for each in answer["refused"]] == [
        (1, "events[1].kind"),
        (3, "events[3].prompt"),
        (0, "queries[0]"),
    ]
    assert "did you mean 'jailbreak'?" in answer["refused"][0]["reason"]
    assert answer["refused"][1]["reason"] == "is no key here; accepted: count or kind"
    assert answer["refused"][2]["reason"] == "is 'who'; write a mapping"


def test_what_cannot_be_kept_is_told(app: wiring.App) -> None:
    client = Client(app)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({}, 422, "nothing was posted"),
        ({"service": "other", "events": [{"kind": "pii"}]}, 404, "no service is called 'other'; known: shop"),
        ({"events": [{"kind": "odd"}]}, 422, "events[0].kind: is 'odd'; accepted: authentication_failure"),
        ({"events": [{"kind": "pii", "count": 0}]}, 422, "events[0].count: is 0; write a number from 1 on"),
        ({"events": [{"kind": "pii", "count": 10**30}]}, 422, "events[0].count"),
        ({"events": [{"kind": "pii", "prompt": "secret"}]}, 422, "events[0].prompt: is no key here"),
        ({"events": [{"kind": "pii"}] * 1001}, 422, "events: has more than 1000; send them in several bodies"),
        ({"queries": [{"principal": "a\0b"}]}, 422, "queries[0].principal: holds a NUL character"),
        ({"queries": [{"principal": "a", "inputs": ["x"] * 1001}]}, 422, "queries[0].inputs: has more than 1000"),
        ({"id": 7}, 422, "id: is 7; write text"),
    ]

    for body, status, words in cases:
        answer = client.post("/v1/security", json={"service": "shop", **body})

        assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    assert counts(app) == {}


def test_a_kind_has_one_name_wherever_it_comes_from() -> None:
    assert set(get_args(Kind)) == set(security.KINDS)
    assert {*verdicts.EVENTS.values(), *verdicts.GUARDRAILS.values()} <= set(security.KINDS)


def test_a_sketch_stays_small_and_never_counts_too_little() -> None:
    sketch = Sketch()
    for n in range(100_000):
        sketch.add(f"{n % 7919}" if n % 3 else "busy", 1, [n])

    assert len(sketch.counts) == MOST
    assert len(sketch.seen) <= MOST
    share = sketch.share()
    assert share is not None
    assert 1 / 3 <= share <= 1 / 3 + 1 / MOST
    assert read_sketch(sketch.as_json()) == sketch
