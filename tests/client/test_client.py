"""The client: it never blocks or breaks its caller, says what became of everything, and sends nothing twice."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest

from burnline.client import Client, sender

Reply = Callable[["Burnline"], httpx.Response]


class Burnline:
    """A burnline that keeps what it was sent, and answers as it is told until it has been told nothing more."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.replies: list[Reply] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.open.wait(20)
        self.requests.append(request)
        return self.replies.pop(0)(self) if self.replies else receipt()(self)

    def bodies(self) -> list[dict[str, Any]]:
        """What was sent, decoded."""
        return [body(request) for request in self.requests]

    def events(self) -> list[dict[str, Any]]:
        return [event for each in self.bodies() for event in each.get("events", [])]


def body(request: httpx.Request) -> dict[str, Any]:
    data = request.content
    found: dict[str, Any] = json.loads(gzip.decompress(data) if "content-encoding" in request.headers else data)
    return found


def receipt(**more: Any) -> Reply:
    return lambda _: httpx.Response(202, json={"service": "shop", "refused": [], "refused_count": 0, **more})


def status(code: int, headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
    return lambda _: httpx.Response(code, headers=headers, json={"error": "no", **more})


def broken(_: Burnline) -> httpx.Response:
    raise httpx.ConnectError("nobody is there")


@pytest.fixture
def burnline() -> Burnline:
    return Burnline()


@pytest.fixture
def make(burnline: Burnline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    """Makes clients that are closed at the end; pauses between tries are short."""
    monkeypatch.setattr(sender, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(sender, "LONGEST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(sender, "LONGEST_ASKED_SECONDS", 0.002)
    made: list[Client] = []

    def client(**options: Any) -> Client:
        given = {"version": "7", "every_seconds": 0.01, "transport": httpx.MockTransport(burnline), **options}
        made.append(Client("shop", **given))
        return made[-1]

    yield client
    burnline.open.set()
    for each in made:
        each.close(0.5)


def test_events_go_in_batches_of_their_version(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make(every_seconds=10)
    for number in range(3):
        assert client.prediction({"amount": number}, "fine", 0.9, id=number)
    assert client.prediction({"amount": 9}, version="8")

    assert client.flush()

    found = {each["version"]: each for each in burnline.bodies()}
    assert {each["service"] for each in found.values()} == {"shop"}
    assert [event["id"] for event in found["7"]["events"]] == [0, 1, 2]
    assert found["7"]["events"][0]["features"] == {"amount": 0}
    assert found["8"]["events"][0]["features"] == {"amount": 9}
    assert len({request.headers["idempotency-key"] for request in burnline.requests}) == 2
    assert client.stats.acknowledged == client.stats.taken == 4
    assert client.stats.waiting == client.stats.dropped == 0


def test_an_event_says_when_it_happened(burnline: Burnline, make: Callable[..., Client]) -> None:
    client, before = make(), time.time()
    at = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

    client.prediction({})
    client.prediction({}, at=at)
    client.prediction({}, at=17.5)
    client.flush()

    now, told, number = (event["at"] for event in burnline.events())
    assert before <= now <= time.time()
    assert datetime.fromisoformat(told) == at
    assert number == 17.5


def test_an_embedding_is_packed_as_it_was_handed_over(burnline: Burnline, make: Callable[..., Client]) -> None:
    client, vector = make(), np.array([0.5, -1.25, 3.0])

    assert client.prediction({"a": 1}, embedding=vector)
    vector[:] = 0
    assert not client.prediction({"a": 1}, embedding=["x"])  # type: ignore[list-item]
    assert not client.prediction({"a": 1}, embedding=7)  # type: ignore[arg-type]
    client.flush()

    [event] = burnline.events()
    assert np.frombuffer(base64.b64decode(event["embedding"]), "<f4").tolist() == [0.5, -1.25, 3.0]
    assert client.stats.dropped_invalid == 2


def test_labels_go_to_their_own_door(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make()

    client.label("a", "fraud")
    client.flush()

    (request,) = burnline.requests
    assert request.url.path == "/v1/labels"
    assert body(request)["labels"][0].items() >= {"id": "a", "label": "fraud"}.items()
    assert "version" not in body(request)


def test_a_shadow_is_sent_as_one_and_apart_from_those_that_serve(
    burnline: Burnline, make: Callable[..., Client]
) -> None:
    shadow = make(version="8", shadow=True)
    shadow.prediction({"amount": 1}, "fine", id="a")
    shadow.prediction({"amount": 1}, "fine", id="a", version="7", shadow=False)

    assert shadow.flush()

    assert [(each["version"], each.get("shadow", False)) for each in burnline.bodies()] == [("8", True), ("7", False)]


def test_a_shadow_without_a_version_is_dropped_before_it_costs_others_their_batch(
    burnline: Burnline, make: Callable[..., Client]
) -> None:
    client = make(version="", shadow=True)

    taken = client.prediction({"amount": 1}, "fine", id="a")

    assert not taken
    assert (client.stats.dropped_invalid, burnline.requests) == (1, [])


def test_training_s_features_go_to_the_door_of_samples(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make(version="7")
    client.sample("tx-1", {"amount": np.float32(0.5), "country": None})

    assert client.flush()

    assert burnline.requests[0].url.path == "/v1/samples"
    assert burnline.bodies() == [
        {"service": "shop", "samples": [{"id": "tx-1", "features": {"amount": 0.5, "country": None}}]}
    ]


def test_answers_go_with_their_sources_to_their_door(burnline: Burnline, make: Callable[..., Client]) -> None:
    client, sources = make(version="small"), ["It opened in 1932."]
    client.answer("In 1932.", sources, question="When?", provider="local", toxic=False, logprobs=np.array([-0.5, -1]))
    sources.append("Changed afterwards.")

    assert client.flush()

    assert burnline.requests[0].url.path == "/v1/answers"
    answer = {"answer": "In 1932.", "sources": ["It opened in 1932."], "question": "When?"}
    assert burnline.bodies() == [
        {
            "service": "shop",
            "version": "small",
            "provider": "local",
            "answers": [{**answer, "toxic": False, "logprobs": [-0.5, -1]}],
        }
    ]


def test_sources_that_are_one_text_are_no_list_of_letters(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make()

    assert not client.answer("In 1932.", "It opened in 1932.")  # as somebody may write

    assert client.stats.dropped_invalid == 1


def test_it_is_sent_after_a_while_without_being_asked(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make()

    client.prediction({"amount": 1})

    until = time.monotonic() + 10
    while not client.stats.acknowledged:
        assert time.monotonic() < until
        client._state.thread.join(0.01)  # type: ignore[union-attr]
    assert len(burnline.events()) == 1


def test_the_token_is_sent_and_the_environment_says_where_to(
    burnline: Burnline, make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURNLINE_URL", "http://elsewhere:1")
    monkeypatch.setenv("BURNLINE_TOKEN", "secret")
    client = make()

    client.prediction({})
    client.flush()

    assert burnline.requests[0].headers["authorization"] == "Bearer secret"
    assert burnline.requests[0].url.host == "elsewhere"


@pytest.mark.parametrize(
    "reply",
    [broken, status(503), status(429), status(408), status(500), status(401), status(404)],
    ids=["gone", "503", "429", "408", "500", "401", "404"],
)
def test_what_was_not_taken_is_sent_again_as_it_was(
    burnline: Burnline, make: Callable[..., Client], reply: Reply
) -> None:
    burnline.replies = [reply, reply]
    client = make()

    client.prediction({"amount": 1}, "fine")
    assert client.flush()

    first, *others = burnline.requests
    assert len(others) == 2
    assert {request.content for request in others} == {first.content}
    assert len({request.headers["idempotency-key"] for request in burnline.requests}) == 1
    assert (client.stats.acknowledged, client.stats.retries) == (1, 2)


def test_a_page_of_somebody_else_is_no_acknowledgement(burnline: Burnline, make: Callable[..., Client]) -> None:
    burnline.replies = [lambda _: httpx.Response(200, text="<html>welcome</html>")]
    client = make()

    client.prediction({})
    client.flush()

    assert (client.stats.acknowledged, client.stats.retries) == (1, 1)


@pytest.mark.parametrize("code", [400, 415, 422])
def test_a_batch_that_can_never_be_taken_is_dropped_and_counted(
    burnline: Burnline, make: Callable[..., Client], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    burnline.replies = [status(code)]
    client = make(every_seconds=10)

    client.prediction({"amount": 1})
    client.prediction({"amount": 2})
    client.flush()
    client.prediction({"amount": 3})
    client.flush()

    assert (client.stats.dropped_failed, client.stats.acknowledged) == (2, 1)
    assert [record.message for record in caplog.records if record.name == "burnline.client"] == [
        f'burnline refused a batch: {code} {{"error":"no"}}'
    ]


def test_a_batch_that_is_too_large_is_halved(burnline: Burnline, make: Callable[..., Client]) -> None:
    burnline.replies = [status(413), status(413)]
    client = make(every_seconds=10)
    for number in range(5):
        client.prediction({"amount": number})

    client.flush()

    sizes = [len(each["events"]) for each in burnline.bodies()]
    assert sizes == [5, 2, 1, 1, 3]
    assert client.stats.acknowledged == 5
    assert len({request.headers["idempotency-key"] for request in burnline.requests}) == 5


def test_what_was_refused_is_counted_and_its_reason_logged_once_a_minute(
    burnline: Burnline, make: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"refused_count": 1, "refused": [{"index": 0, "field": "confidence", "reason": "too sure"}]}
    burnline.replies = [receipt(**wrong, duplicates=1, late=2), lambda _: httpx.Response(422, json=wrong)]
    client = make(every_seconds=10)
    for number in range(4):
        client.prediction({"amount": number})
    client.flush()
    client.prediction({})
    client.flush()

    stats = client.stats
    assert (stats.acknowledged, stats.refused, stats.duplicates, stats.late) == (3, 2, 1, 2)
    assert ["too sure" in record.message for record in caplog.records if record.name == "burnline.client"] == [True]


def test_who_sends_features_that_burnline_does_not_know_is_told(
    burnline: Burnline, make: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    burnline.replies = [receipt(unknown_features=["amuont"], unknown_features_count=4)]
    client = make(every_seconds=10)

    client.prediction({"amuont": 1})
    client.flush()

    assert client.stats.acknowledged == 1
    assert ["amuont" in record.message for record in caplog.records if record.name == "burnline.client"] == [True]


def test_a_full_buffer_drops_and_counts_and_blocks_nobody(burnline: Burnline, make: Callable[..., Client]) -> None:
    burnline.open.clear()
    client = make(buffer=100, batch=10)

    start = time.monotonic()
    taken = [client.prediction({"amount": number}) for number in range(1000)]
    took = time.monotonic() - start
    burnline.open.set()
    client.flush()

    assert sum(taken) == 100
    assert taken[:100] == [True] * 100
    assert (client.stats.dropped_full, client.stats.acknowledged) == (900, 100)
    assert took < 5, "it waits for nobody: each of these was 20 s away"


UNUSABLE = [
    {"features": {"amount": object()}},
    {"features": {"amount": float("inf")}},
    {"features": {"amount": [1]}},
    {"features": {"amount": np.array([1, 2])}},
    {"features": 17},
    {"features": [("a",)]},
    {"features": None},
    {"features": {}, "prediction": {1}},
]


@pytest.mark.parametrize("event", UNUSABLE, ids=[str(number) for number in range(len(UNUSABLE))])
def test_what_cannot_be_sent_breaks_nobody_and_is_counted(
    burnline: Burnline, make: Callable[..., Client], event: Any
) -> None:
    client = make()

    client.log({"features": {"amount": 1}})
    client.log(event)
    client.log({"features": {"amount": 2}})
    client.flush()

    lost = client.stats.dropped_invalid + (1 if event == {"features": None} else 0)
    assert lost == 1
    assert [event["features"]["amount"] for event in burnline.events() if event.get("features")] == [1, 2]


def test_what_is_no_mapping_at_all_breaks_nobody(make: Callable[..., Client]) -> None:
    client = make()

    assert [client.log(event) for event in (None, 3, "x", object())] == [False] * 4  # type: ignore[arg-type]
    assert client.stats.dropped_invalid == 4


def test_numbers_of_numpy_and_nan_are_written_as_json_has_them(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make()
    features: dict[Any, Any] = {
        "a": np.float32(0.5),
        "b": np.int64(3),
        "c": np.bool_(True),
        "d": float("nan"),
        "e": Decimal("1.5"),
    }

    features |= {"f": np.nan, 7: "text"}
    client.prediction(features, np.str_("fine"), np.float64(0.25))
    client.flush()

    (event,) = burnline.events()
    assert event["features"] == {"a": 0.5, "b": 3, "c": True, "d": None, "e": 1.5, "f": None, "7": "text"}
    assert (event["prediction"], event["confidence"]) == ("fine", 0.25)


def test_what_the_caller_changes_afterwards_changes_nothing(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make(every_seconds=10)
    features = {"amount": 1}

    client.prediction(features)
    features["amount"] = 2
    client.flush()

    assert burnline.events()[0]["features"] == {"amount": 1}


def test_many_threads_lose_and_double_nothing(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make(batch=50)

    def log(lane: int) -> None:
        for number in range(200):
            client.prediction({"amount": number}, id=f"{lane}-{number}")

    threads = [threading.Thread(target=log, args=(lane,)) for lane in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(20)

    ids = [event["id"] for event in burnline.events()]
    assert len(ids) == len(set(ids)) == client.stats.acknowledged == 1600


def test_closing_sends_what_waits_and_takes_no_more(burnline: Burnline, make: Callable[..., Client]) -> None:
    client = make(every_seconds=60)
    client.prediction({"amount": 1})

    assert client.close(10)

    assert len(burnline.events()) == 1
    assert client.prediction({"amount": 2}) is False
    assert client.stats.dropped_closed == 1
    assert client._state.thread is not None
    assert not client._state.thread.is_alive()


def test_closing_waits_no_longer_than_told_and_counts_what_is_left(
    burnline: Burnline, make: Callable[..., Client]
) -> None:
    burnline.replies = [status(503)] * 100_000
    client = make(batch=2)
    for number in range(5):
        client.prediction({"amount": number})

    start = time.monotonic()
    whole = client.close(0.2)

    assert not whole
    assert time.monotonic() - start < 5
    assert client.stats.dropped_closed + client.stats.waiting == 5


def test_flush_says_when_it_was_not_enough(burnline: Burnline, make: Callable[..., Client]) -> None:
    burnline.open.clear()
    client = make()
    client.prediction({})

    assert client.flush(0.05) is False


def test_a_client_that_sent_nothing_has_no_thread(make: Callable[..., Client]) -> None:
    client = make()

    assert client.flush(0.1)
    assert client.close(0.1)
    assert client._state.thread is None
