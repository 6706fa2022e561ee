"""The middleware: requests are timed and errors counted, and nothing of it can be felt by the application."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from burnline.app.http.otlp import WIRES
from burnline.client import Client, Requests, trace, trace_id
from burnline.client.tally import Tally
from burnline.collectors.otlp.door import OtlpDoor
from burnline.spec.load import load_services
from burnline.store import series
from burnline.store.database import open_database

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
SERVICE = "apiVersion: burnline/v1\nservice: shop\nowner: shop-ml\n"


class Burnline:
    """Keeps what it is told; `answer` says how it answers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(202, json={"refused_count": 0})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.told.append((request.url.path, json.loads(request.content)))
        return self.answer()

    def bodies(self, path: str) -> list[Any]:
        return [body for at, body in self.told if at == path]


@pytest.fixture
def burnline() -> Burnline:
    return Burnline()


@pytest.fixture
def client(burnline: Burnline) -> Iterator[Client]:
    made = Client("shop", version="7", transport=httpx.MockTransport(burnline))
    yield made
    made.close(5)


def application(client: Client) -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}")
    def item(number: int) -> dict[str, str]:
        for _ in range(2):
            client.prediction({"amount": number}, "fine")
        return {"trace": trace_id()}

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    @app.get("/busy")
    async def busy() -> JSONResponse:
        return JSONResponse({}, 503)

    return app


def ask(app: Any, *paths: str, headers: dict[str, str] | None = None) -> list[httpx.Response]:
    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as browser:
            return [await browser.get(path) for path in paths]

    return asyncio.run(all_of_them())


def points(body: Any) -> dict[tuple[str, int], Any]:
    """The points of a sending by route and status."""
    [metric] = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    found = {}
    for point in metric["histogram"]["dataPoints"]:
        about = {each["key"]: each["value"] for each in point["attributes"]}
        route = about.get("http.route", {"stringValue": ""})["stringValue"]
        found[route, int(about["http.response.status_code"]["intValue"])] = point
    return found


def test_requests_are_counted_by_route_and_status_and_answered_as_ever(burnline: Burnline, client: Client) -> None:
    watched = Requests(application(client), client)

    answers = ask(watched, "/items/1", "/items/2", "/items/x", "/broken", "/busy", "/none", headers=TRACED)
    watched.close()

    assert [answer.status_code for answer in answers] == [200, 200, 422, 500, 503, 404]
    found = points(burnline.bodies("/v1/metrics")[-1])
    counts = {kind: int(point["count"]) for kind, point in found.items()}
    assert counts == {
        ("/items/{number}", 200): 2,
        ("/items/{number}", 422): 1,
        ("/broken", 500): 1,
        ("/busy", 503): 1,
        ("", 404): 1,
    }
    [exemplar] = found["/broken", 500]["exemplars"]
    assert (exemplar["traceId"], exemplar["spanId"]) == (TRACE, SPAN)


def test_predictions_of_a_request_carry_its_trace_id(burnline: Burnline, client: Client) -> None:
    watched = Requests(application(client), client)

    [traced] = ask(watched, "/items/1", headers=TRACED)
    ask(watched, "/items/2")
    ask(watched, "/items/3", headers={"traceparent": f"00-{'0' * 32}-{SPAN}-01"})
    client.flush()
    watched.close()

    assert traced.json() == {"trace": TRACE}
    events = [event for body in burnline.bodies("/v1/predictions") for event in body["events"]]
    assert [event.get("id") for event in events] == [TRACE, f"{TRACE}-2", None, None, None, None]


def test_a_shadow_that_answers_the_same_request_has_the_same_id() -> None:
    served = trace.read_parent("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    assert served is not None

    ids = [served.next_id(), served.next_id("8"), served.next_id(), served.next_id("8"), served.next_id("9")]

    assert ids == ["a" * 32, "a" * 32, "a" * 32 + "-2", "a" * 32 + "-2", "a" * 32]


def test_an_id_of_ones_own_stays_and_ids_can_be_left_out(burnline: Burnline, client: Client) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        client.prediction({"a": 1}, id="own" if scope["path"] == "/own" else None)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    ask(Requests(app, client), "/own", headers=TRACED)
    ask(Requests(app, client, ids=False), "/none", headers=TRACED)
    client.flush()

    events = [event for body in burnline.bodies("/v1/predictions") for event in body["events"]]
    assert [event.get("id") for event in events] == ["own", None]


def test_what_burnline_does_not_take_goes_with_the_next_sending(burnline: Burnline, client: Client) -> None:
    watched = Requests(application(client), client)
    ask(watched, "/busy")
    burnline.answer = lambda: httpx.Response(503)

    lost = watched.send()
    burnline.answer = lambda: httpx.Response(200, json={})
    ask(watched, "/busy")

    assert (lost, watched.send()) == (False, True)
    assert points(burnline.bodies("/v1/metrics")[-1])["/busy", 503]["count"] == "2"
    watched.close()


def test_a_burnline_that_is_away_or_hangs_holds_nobody_up(burnline: Burnline, client: Client) -> None:
    hang = threading.Event()

    def never() -> httpx.Response:
        hang.wait(5)
        return httpx.Response(503)

    burnline.answer = never
    watched = Requests(application(client), client, every_seconds=0.01)

    begun = time.monotonic()
    answers = ask(watched, *["/busy"] * 20)
    watched.close(0.1)

    assert {answer.status_code for answer in answers} == {503}
    assert time.monotonic() - begun < 5
    hang.set()


def test_hostile_requests_cost_a_bounded_number_of_series(burnline: Burnline, client: Client) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = type("Route", (), {"path": scope["path"]})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    watched = Requests(app, client)
    ask(watched, *[f"/{n}" for n in range(520)], headers={"traceparent": "\x00" * 50})
    watched.close()

    found = points(burnline.bodies("/v1/metrics")[-1])
    assert len(found) <= 501
    assert found["", 200]["count"] == "20"


def test_methods_that_nobody_knows_are_one_method() -> None:
    tally = Tally("here")

    for method in ("GET", *(f"X{n}" for n in range(1000))):
        tally.add((method, "", 405), 0.1, None)

    [[metric]] = [each["scopeMetrics"][0]["metrics"] for each in tally.as_otlp("shop", "")["resourceMetrics"]]
    told = {each["attributes"][0]["value"]["stringValue"]: each["count"] for each in metric["histogram"]["dataPoints"]}
    assert told == {"GET": "1", "_OTHER": "1000"}


def test_the_end_of_the_application_sends_what_is_left(burnline: Burnline, client: Client) -> None:
    watched = Requests(application(client), client, every_seconds=3600)
    ask(watched, "/busy")

    async def live_and_end() -> None:
        events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:
            return next(events)

        async def send(message: Any) -> None:
            assert message["type"].endswith(".complete")

        await watched({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)

    asyncio.run(live_and_end())

    assert points(burnline.bodies("/v1/metrics")[-1])["/busy", 503]["count"] == "1"


def test_what_is_sent_is_what_the_door_reads(burnline: Burnline, client: Client, tmp_path: Path) -> None:
    watched = Requests(application(client), client)
    ask(watched, "/items/1", "/broken", headers=TRACED)
    watched.close()
    (tmp_path / "shop.yaml").write_text(SERVICE)
    db = open_database(f"sqlite:///{tmp_path}/burnline.db")
    door = OtlpDoor(db, load_services(tmp_path / "shop.yaml"))
    wire, _, _ = WIRES["application/json"]
    body = json.dumps(burnline.bodies("/v1/metrics")[-1]).encode()

    receipts = [door.accept("metrics", wire, body, datetime.now(UTC)) for _ in range(2)]

    assert [receipt.rejected for receipt in receipts] == [0, 0]
    with db.read() as tx:
        kept = {(each.name, each.labels.get("http_route")): each.value for each in series.samples(tx, "shop")}
    db.close()
    assert kept["http_server_request_duration_seconds_count", "/broken"] == 1
