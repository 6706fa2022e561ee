"""Spans into rate, errors and duration, and into what generative AI cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.collectors.otlp import labels
from burnline.store import traces
from burnline.store.database import Database
from tests.collectors.otlp.bodies import NANO, START, attributes, span_body, spans
from tests.collectors.otlp.scene import NOW, Scene, spec

SERVER = {"kind": 2}
FAILED = {"kind": 2, "status": {"code": 2}}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "llama-3"}


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def genai(*, kind: int = 3, **given: Any) -> dict[str, Any]:
    return {"kind": kind, "attributes": attributes(given["attributes"]), **given.get("more", {})}


def test_server_and_consumer_spans_are_counted_and_no_others(scene: Scene) -> None:
    receipt = scene.post("traces", span_body("shop", [{"kind": kind} for kind in range(6)]))

    assert scene.values(prefix="burnline_otlp_spans_total") == {
        'burnline_otlp_spans_total{kind="server",status="ok"}': 1,
        'burnline_otlp_spans_total{kind="consumer",status="ok"}': 1,
    }
    assert receipt.accepted == {"shop": 6}


def test_a_duration_is_in_every_bucket_that_holds_it(scene: Scene) -> None:
    scene.post("traces", span_body("shop", [SERVER], seconds=0.25))
    scene.post("traces", span_body("shop", [SERVER], seconds=20))

    found = scene.values(prefix="burnline_otlp_span_duration_seconds")
    assert found['burnline_otlp_span_duration_seconds_bucket{kind="server",le="0.1"}'] == 0
    assert found['burnline_otlp_span_duration_seconds_bucket{kind="server",le="0.25"}'] == 1
    assert found['burnline_otlp_span_duration_seconds_bucket{kind="server",le="10.0"}'] == 1
    assert found['burnline_otlp_span_duration_seconds_bucket{kind="server",le="+Inf"}'] == 2
    assert found['burnline_otlp_span_duration_seconds_count{kind="server"}'] == 2
    assert found['burnline_otlp_span_duration_seconds_sum{kind="server"}'] == pytest.approx(20.25)


def test_the_buckets_are_those_of_the_service_file(database: Database) -> None:
    scene = Scene(database, spec(durations=["50ms", "1s"]))

    scene.post("traces", span_body("shop", [SERVER]))

    assert [key for key in scene.values() if "_bucket" in key] == [
        'burnline_otlp_span_duration_seconds_bucket{kind="server",le="+Inf"}',
        'burnline_otlp_span_duration_seconds_bucket{kind="server",le="0.05"}',
        'burnline_otlp_span_duration_seconds_bucket{kind="server",le="1.0"}',
    ]


def test_a_span_is_counted_once_in_whatever_body_it_comes(scene: Scene) -> None:
    ids = {"traceId": "a" * 32, "spanId": "b" * 16}

    first = scene.post("traces", span_body("shop", [{**SERVER, **ids}]))
    second = scene.post("traces", span_body("shop", [{**SERVER, **ids}, SERVER]))

    assert (first.repeated, second.repeated) == (0, 1)
    assert scene.values()['burnline_otlp_spans_total{kind="server",status="ok"}'] == 2


def test_a_body_is_counted_once_even_over_a_restart(scene: Scene) -> None:
    body = spans("shop", 5)

    scene.post("traces", body)
    scene.restart()
    again = scene.post("traces", body)

    assert again.repeated == 5
    assert scene.values()['burnline_otlp_spans_total{kind="server",status="ok"}'] == 5


@pytest.mark.parametrize(("start", "end"), [(START, START - NANO), (START, START + 8 * 86_400 * NANO), (START, 0)])
def test_a_span_of_an_impossible_time_is_refused_alone(scene: Scene, start: int, end: int) -> None:
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}

    receipt = scene.post("traces", span_body("shop", [{**SERVER, **times}, SERVER]))

    assert (receipt.accepted, receipt.refused) == ({"shop": 1}, {"time": 1})
    assert receipt.message == "a span ends before it starts, or more than 7d after (1)"


def test_a_span_with_too_many_attributes_is_refused_alone(scene: Scene) -> None:
    many = attributes({f"k{n}": n for n in range(513)})

    receipt = scene.post("traces", span_body("shop", [{**SERVER, "attributes": many}, SERVER]))

    assert receipt.refused == {"attributes": 1}
    assert scene.values()['burnline_otlp_spans_total{kind="server",status="ok"}'] == 1


def test_an_alias_of_the_service_file_is_the_service(database: Database) -> None:
    scene = Scene(database, spec(service_name=["shop-api", "shop-worker"]), spec("cart"))

    scene.post("traces", span_body("shop-worker", [SERVER]))

    assert scene.values()['burnline_otlp_spans_total{kind="server",status="ok"}'] == 1
    assert scene.values("cart") == {}


def test_a_resource_without_a_name_is_nobodys(scene: Scene) -> None:
    receipt = scene.post("traces", span_body("", [SERVER]))

    assert (receipt.refused, receipt.message) == ({"unknown_service": 1}, "a resource has no service.name (1)")


@pytest.mark.parametrize(
    "names",
    [
        ("gen_ai.system", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"),
        ("gen_ai.system", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        ("gen_ai.provider.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    ],
    ids=["until 1.26", "until 1.36", "since"],
)
def test_three_generations_of_names_give_the_same_series(scene: Scene, names: tuple[str, str, str]) -> None:
    provider, read, wrote = names

    scene.post("traces", span_body("shop", [genai(attributes={**CHAT, provider: "openai", read: 900, wrote: 50})]))

    whose = '{model="llama-3",provider="openai"}'
    assert scene.values(prefix="burnline_genai_input") == {f"burnline_genai_input_tokens_total{whose}": 900}
    assert scene.values(prefix="burnline_genai_output") == {f"burnline_genai_output_tokens_total{whose}": 50}
    operations = 'burnline_genai_operations_total{model="llama-3",operation="chat",provider="openai"}'
    assert scene.values()[operations] == 1


def test_the_first_token_and_those_after_it_are_timed(scene: Scene) -> None:
    given = {**CHAT, "gen_ai.response.time_to_first_chunk": 0.1, "gen_ai.usage.output_tokens": 11}

    scene.post("traces", span_body("shop", [genai(attributes=given)], seconds=2.1))

    whose = '{model="llama-3",provider="unknown"}'
    found = scene.values(prefix="burnline_genai_time")
    assert found[f"burnline_genai_time_to_first_token_seconds_sum{whose}"] == pytest.approx(0.1)
    assert found[f"burnline_genai_time_per_output_token_seconds_sum{whose}"] == pytest.approx(0.2)
    assert found[f"burnline_genai_time_per_output_token_seconds_count{whose}"] == 1


def test_vllms_own_names_are_read(scene: Scene) -> None:
    given = {
        "gen_ai.response.model": "qwen",
        "gen_ai.usage.prompt_tokens": 7,
        "gen_ai.latency.time_to_first_token": 0.5,
        "gen_ai.latency.time_in_queue": 0.1,
    }

    receipt = scene.post("traces", span_body("shop", [genai(kind=2, attributes=given)]))

    assert scene.values()['burnline_genai_input_tokens_total{model="qwen",provider="unknown"}'] == 7
    assert receipt.unknown_names == {}


def test_an_agents_sum_of_tokens_is_not_counted_again(scene: Scene) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 900}

    scene.post("traces", span_body("shop", [genai(attributes=agent)]))

    assert scene.values(prefix="burnline_genai_input") == {}
    assert len(scene.values(prefix="burnline_genai_operations_total")) == 1


def test_a_failed_operation_is_an_error_and_an_operation(scene: Scene) -> None:
    scene.post("traces", span_body("shop", [genai(attributes=CHAT, more={"status": {"code": 2}})]))

    whose = '{model="llama-3",operation="chat",provider="unknown"}'
    assert scene.values()[f"burnline_genai_errors_total{whose}"] == 1
    assert scene.values()[f"burnline_genai_operations_total{whose}"] == 1


def test_a_name_of_no_generation_is_counted_as_unknown(scene: Scene) -> None:
    given = {**CHAT, "gen_ai.usage.thinking_units": 5, "gen_ai.input.messages": "[]", "http.route": "/"}

    receipt = scene.post("traces", span_body("shop", [genai(attributes=given)]))

    assert receipt.unknown_names == {"shop": 1}


def test_where_metrics_count_generative_ai_its_spans_do_not(database: Database) -> None:
    scene = Scene(database, spec(genai="metrics"))

    scene.post("traces", span_body("shop", [genai(attributes=CHAT)]))

    assert scene.values(prefix="burnline_genai") == {}


@pytest.mark.parametrize("value", [-1, "many", True, 1e308 * 10, float("nan")])
def test_a_number_of_tokens_that_cannot_be_is_not_counted(scene: Scene, value: Any) -> None:
    written = str(value) if isinstance(value, float) else value
    kind = {"doubleValue": "NaN" if value != value else "Infinity"} if isinstance(value, float) else None
    usage = {"key": "gen_ai.usage.input_tokens", "value": kind or attributes({"k": written})[0]["value"]}

    scene.post("traces", span_body("shop", [{"kind": 3, "attributes": [*attributes(CHAT), usage]}]))

    assert scene.values(prefix="burnline_genai_input") == {}
    assert len(scene.values(prefix="burnline_genai_operations_total")) == 1


def test_a_flood_of_models_is_counted_together(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_SETS", 3)
    monkeypatch.setattr("burnline.collectors.otlp.door.MOST_SETS", 3)
    monkeypatch.setattr("burnline.collectors.otlp.door.MOST_HISTOGRAMS", 3)
    made = [genai(attributes={**CHAT, "gen_ai.request.model": f"m{n}"}) for n in range(10)]

    scene.post("traces", span_body("shop", made))
    scene.restart()
    scene.post("traces", span_body("shop", made))

    found = scene.values(prefix="burnline_genai_operations_total")
    assert sum(found.values()) == 20
    assert found['burnline_genai_operations_total{model="__other__",operation="__other__",provider="__other__"}'] == 14
    buckets = [key for key in scene.values() if "duration_seconds_bucket" in key and "__other__" in key]
    assert len(buckets) == 15, "bounds stay bounds"


def test_hostile_text_is_data(scene: Scene) -> None:
    evil = '"} 1\nforged 1 \0 \u202e' + "x" * 5000
    given = {"gen_ai.operation.name": evil, "gen_ai.system": evil, "gen_ai.request.model": evil}

    scene.post("traces", span_body("shop", [genai(kind=2, attributes=given, more={"name": evil})]))

    with scene.db.read() as tx:
        (kept, *_) = traces.notable(tx, "shop", since=NOW - timedelta(hours=1), until=NOW)
    assert len(kept.name) == 200
    assert "\0" not in kept.name
    assert all("\0" not in key for key in scene.values())
    assert any('operation="other"' in key for key in scene.values())


def test_traces_worth_a_look_are_kept(scene: Scene) -> None:
    failed = {**FAILED, "traceId": "f" * 32, "name": "POST /pay"}
    slow = {**SERVER, "traceId": "5" * 32}

    scene.post("traces", span_body("shop", [SERVER, failed]))
    scene.post("traces", span_body("shop", [slow], seconds=3))

    with scene.db.read() as tx:
        found = traces.notable(tx, "shop", since=NOW - timedelta(hours=1), until=NOW + timedelta(hours=1))
    assert [(each.kind, each.trace_id[0]) for each in found][:2] == [("error", "f"), ("slow", "5")]
    assert found[0].name == "POST /pay"
    assert found[0].at == NOW, "no clock of a sender is ahead"


def test_what_is_kept_of_a_service_is_bounded(scene: Scene) -> None:
    made = [{**FAILED, "name": f"GET /{n}", "kind": 2} for n in range(500)]

    scene.post("traces", span_body("shop", made))

    with scene.db.read() as tx:
        found = traces.notable(
            tx, "shop", since=NOW - timedelta(hours=1), until=NOW + timedelta(hours=1), errors=1000, slow=1000
        )
    assert 5 <= len(found) <= 9
