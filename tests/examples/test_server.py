"""The model server, asked in process: what it answers, what it counts, and that it follows the registry."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from screening import server as module
from screening.data import Screening
from screening.registry import set_alias
from screening.server import EventSender, Server, create_app


@pytest.fixture
def server(registry: Path, screening: Screening, monkeypatch: pytest.MonkeyPatch) -> Server:
    """On version 1, its sender not started: events wait in its queue."""
    monkeypatch.setattr(module, "Screening", lambda: screening)
    monkeypatch.setattr(EventSender, "start", lambda _self: None)
    return Server(registry, "http://127.0.0.1:1/v1/predictions", "")


@pytest.fixture
def row(screening: Screening) -> dict[str, float]:
    """One held-out row."""
    return dict(zip(screening.features, map(float, screening.held_out[0]), strict=True))


def ask(server: Server, *bodies: Any) -> list[httpx.Response]:
    """The answers to these bodies, one after another."""

    async def go() -> list[httpx.Response]:
        transport = httpx.ASGITransport(create_app(server))
        async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
            return [await client.post("/predict", json=body) for body in bodies]

    return asyncio.run(go())


def counted(server: Server, name: str) -> dict[tuple[str, ...], float]:
    """One metric of its page, by label values."""
    page = bytes(server.page(None).body).decode()  # type: ignore[arg-type]  # it does not look at the request
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return {tuple(sample.labels.values()): sample.value for sample in samples if sample.name == name}


def test_version_1_predicts_and_tells_burnline_what_it_predicted(server: Server, row: dict[str, float]) -> None:
    (answer,) = ask(server, {"features": row})

    assert answer.json()["version"] == "1"
    assert answer.json()["prediction"] in ("benign", "malignant")
    version, event = server.sender.waiting.get_nowait()
    assert (version, event["features"]) == ("1", row)


@pytest.mark.parametrize("body", [{}, [], {"features": {}}, {"features": {"mean radius": "wide"}}, {"features": None}])
def test_a_request_it_cannot_read_is_answered_400(server: Server, body: Any) -> None:
    (answer,) = ask(server, body)

    assert answer.status_code == 400
    assert counted(server, "http_requests_total") == {("1", "400"): 1}


def test_version_2_reads_lengths_in_the_wrong_unit(server: Server, row: dict[str, float]) -> None:
    server.version, server.settings = "2", {"scale": {"mean radius": 10.0}, "lookup": server.settings["lookup"]}

    ask(server, {"features": row})

    _, event = server.sender.waiting.get_nowait()
    assert event["features"]["mean radius"] == pytest.approx(10 * row["mean radius"])


def test_a_failed_lookup_is_answered_503_and_predicts_nothing(server: Server, row: dict[str, float]) -> None:
    server.settings = {"scale": {}, "lookup": {"delay_seconds": 0.0, "failure_share": 1.0}}

    answers = ask(server, {"features": row}, {"features": row})

    assert [answer.status_code for answer in answers] == [503, 503]
    assert counted(server, "http_requests_total") == {("1", "503"): 2}
    assert server.sender.waiting.empty()


def test_a_client_that_goes_away_is_counted_and_raises_nothing(server: Server) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        """Nobody listens."""

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "query_string": b""}
    asyncio.run(create_app(server)(scope, receive, send))

    assert counted(server, "http_requests_total") == {("1", "499"): 1}


def test_it_serves_what_the_alias_names(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    set_alias(server.registry, "champion", "2")

    follow(server, monkeypatch, turns=1)

    assert server.version == "2"
    assert counted(server, "model_info") == {("2",): 1}


def test_a_registry_it_cannot_read_changes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.registry.write_text("{")

    follow(server, monkeypatch, turns=2)

    assert server.version == "1"


def test_events_that_burnline_did_not_take_are_counted() -> None:
    dropped = Counter("dropped", "", registry=CollectorRegistry())
    sender = EventSender("http://burnline/v1/predictions", "", dropped)

    with httpx.Client(transport=httpx.MockTransport(lambda _request: httpx.Response(503))) as client:
        sender._send(client, "1", [{}, {}, {}])

    assert dropped._value.get() == 3


def test_events_that_do_not_fit_are_counted() -> None:
    dropped = Counter("dropped", "", registry=CollectorRegistry())
    sender = EventSender("http://burnline/v1/predictions", "", dropped)

    for _ in range(sender.waiting.maxsize + 2):
        sender.add("1", {})

    assert dropped._value.get() == 2


def follow(server: Server, monkeypatch: pytest.MonkeyPatch, *, turns: int) -> None:
    """Let it look at the registry so often, without the waiting."""
    left = iter(range(turns))

    async def no_wait(_seconds: float) -> None:
        if next(left, None) is None:
            raise asyncio.CancelledError

    monkeypatch.setattr("screening.server.asyncio.sleep", no_wait)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(server.follow_registry())
