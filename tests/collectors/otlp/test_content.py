"""Texts of prompts, documents and answers: looked at only where a service file asks for it, and never kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from burnline.collectors.otlp.door import OtlpDoor
from burnline.collectors.otlp.json_body import Json
from burnline.detectors.grounding.answer import score_answer
from burnline.events import AnswerScore
from burnline.store.database import Database
from tests.collectors.otlp.bodies import NANO, START, attributes, log_body, span_body
from tests.collectors.otlp.scene import NOW, Scene, spec

ALL = {"sample": "100%"}
WHO = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "vllm", "gen_ai.request.model": "llama"}
DOCUMENT = "The bridge opened in 1932."
QUESTION, ANSWER = "When did the bridge open?", "It opened in 1932."
USER = {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
TOOL = {"role": "tool", "parts": [{"type": "tool_call_response", "response": DOCUMENT}]}


class Watched:
    """Scores as burnline does, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Sequence[str], str]] = []

    def __call__(self, prompt: str, sources: Sequence[str], answer: str) -> AnswerScore:
        self.given.append((prompt, list(sources), answer))
        return score_answer(prompt, sources, answer)


class Looking(Scene):
    """Doors that look at texts as the service file says."""

    def __init__(self, db: Database, content: Any = ALL, **more: Any) -> None:
        self.scorer = Watched()
        super().__init__(db, spec(**({"content": content} if content else {}), **more))

    def restart(self) -> None:
        super().restart()
        self.door = OtlpDoor(self.db, self.specs, self.exemplars, self.scorer)

    def counted(self) -> dict[str, float]:
        """The counters of answers, by the middle of their names."""
        found = self.values(prefix="burnline_answers_")
        assert all('model="llama",provider="vllm"' in name for name in found if "_total" in name)
        plain = {name.partition("{")[0]: value for name, value in found.items() if "_total" in name}
        return {name.removeprefix("burnline_answers_"): value for name, value in plain.items()}


def chat(**given: Any) -> dict[str, Any]:
    """A span of an inference with these attributes and events."""
    events = [{"name": name, "attributes": attributes(values)} for name, values in given.pop("events", ())]
    return {"kind": 3, "attributes": attributes({**WHO, **given}), "events": events}


def messages(*parts: dict[str, Any]) -> str:
    return json.dumps([{"role": "assistant", "parts": list(parts), "finish_reason": "stop"}])


YOUNG = {"gen_ai.input.messages": json.dumps([USER, TOOL]), "gen_ai.output.messages": messages({"content": ANSWER})}
OLD = {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": QUESTION, "gen_ai.completion.0.content": ANSWER}
EVENTS = [
    ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps([{"role": "user", "content": QUESTION}])}),
    ("gen_ai.content.completion", {"gen_ai.completion": json.dumps([{"role": "assistant", "content": ANSWER}])}),
]


@pytest.mark.parametrize(
    ("span", "sources"), [(chat(**YOUNG), [DOCUMENT]), (chat(**OLD), []), (chat(events=EVENTS), [])], ids=str
)
def test_every_generation_of_spans_is_read(database: Database, span: dict[str, Any], sources: list[str]) -> None:
    scene = Looking(database)

    scene.post("traces", span_body("shop", [span]))

    assert scene.scorer.given == [(QUESTION, sources, ANSWER)]
    assert scene.counted() == {"total": 1, **({"with_sources_total": 1} if sources else {})}


def record(event: str, body: Any, **more: Any) -> dict[str, Any]:
    """A log record of a message; `body` as an AnyValue."""
    ids = {"traceId": "ab" * 16, "spanId": "cd" * 8, "timeUnixNano": str(START)}
    return {"eventName": event, "body": body, "attributes": attributes({**WHO, **more}), **ids}


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": any_value(each)} for key, each in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    return {"stringValue": value}


def test_messages_that_come_as_log_records_are_read(database: Database) -> None:
    scene = Looking(database)
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}

    scene.post(
        "logs",
        log_body(
            "shop",
            [
                record("gen_ai.user.message", any_value({"content": QUESTION})),
                record("gen_ai.tool.message", any_value({"content": DOCUMENT, "id": "1"})),
                record("gen_ai.choice", any_value(choice)),
            ],
        ),
    )

    assert scene.scorer.given == [(QUESTION, [DOCUMENT], ANSWER)]


def test_an_event_with_the_whole_of_an_inference_is_read(database: Database) -> None:
    scene = Looking(database)
    details = record("gen_ai.client.inference.operation.details", None)
    given = {
        "gen_ai.input.messages": [USER, TOOL],
        "gen_ai.output.messages": [{"role": "a", "parts": [{"content": ANSWER}]}],
    }
    details["attributes"] += [{"key": key, "value": any_value(value)} for key, value in given.items()]

    scene.post("logs", log_body("shop", [details]))

    assert scene.scorer.given == [(QUESTION, [DOCUMENT], ANSWER)]


def test_protobuf_says_the_same_as_json(database: Database) -> None:
    scene, request = Looking(database), ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = "shop"
    span = part.scope_spans.add().spans.add(start_time_unix_nano=START, end_time_unix_nano=START + NANO)
    span.trace_id, span.span_id = b"\1" * 16, b"\1" * 8
    for key, value in WHO.items():
        span.attributes.add(key=key).value.string_value = value
    listed = span.attributes.add(key="gen_ai.output.messages").value.array_value.values.add().kvlist_value
    listed.values.add(key="role").value.string_value = "assistant"
    inner = listed.values.add(key="parts").value.array_value.values.add().kvlist_value
    inner.values.add(key="content").value.string_value = ANSWER

    scene.post("traces", request.SerializeToString())

    assert scene.scorer.given == [("", [], ANSWER)]


def test_documents_of_another_span_of_the_trace_are_sources(database: Database) -> None:
    scene, trace = Looking(database), {"traceId": "ab" * 16}
    documents = json.dumps([{"id": "1", "score": 0.9, "content": DOCUMENT}])
    found = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": documents}
    retrieval = {"kind": 3, "attributes": attributes(found), **trace}

    scene.post("traces", span_body("shop", [chat(**OLD) | trace, retrieval, chat(**OLD)]))

    assert [sources for _, sources, _ in scene.scorer.given] == [[DOCUMENT], []]


def test_an_answer_is_counted_by_what_is_wrong_with_it(database: Database) -> None:
    scene = Looking(database, {"sample": "100%", "min_support": "60%"})
    calls = messages({"type": "tool_call", "name": "look"})
    spans = [
        chat(**YOUNG | {"gen_ai.output.messages": messages({"content": text})})
        for text in (
            "",
            "I'm sorry, but I can't help with that.",
            "It opened in 1999 in Paris.",
            ANSWER,
            '{"year": 1932}',
        )
    ]

    scene.post("traces", span_body("shop", [*spans, chat(**YOUNG | {"gen_ai.output.messages": calls})]))

    expected = {"total": 5, "empty_total": 1, "refused_total": 1, "with_sources_total": 3, "unsupported_total": 2}
    assert scene.counted() == expected
    assert scene.values(prefix="burnline_answers_length_characters_count") != {}
    assert len(scene.exemplars.by_service()["shop"]) > 5


def test_what_a_model_thought_and_what_an_agent_repeats_is_no_answer(database: Database) -> None:
    scene = Looking(database)
    thought = messages({"type": "reasoning", "content": "hm"}, {"type": "text", "content": ANSWER})
    agent = {**YOUNG, "gen_ai.operation.name": "invoke_agent"}

    scene.post("traces", span_body("shop", [chat(**{"gen_ai.output.messages": thought}), chat(**agent)]))

    assert [answer for *_, answer in scene.scorer.given] == [ANSWER]


def test_an_answer_that_comes_on_its_span_and_as_an_event_counts_once(database: Database) -> None:
    scene = Looking(database)
    ids = {"traceId": "ab" * 16, "spanId": "cd" * 8}

    scene.post("traces", span_body("shop", [chat(**YOUNG) | ids]))
    scene.post("logs", log_body("shop", [record("gen_ai.choice", any_value({"message": {"content": ANSWER}}))]))

    assert scene.counted()["total"] == 1


def test_a_share_of_the_traces_is_looked_at_and_always_the_same(database: Database) -> None:
    bodies = [span_body("shop", [chat(**OLD) | {"traceId": f"{n:032x}"}]) for n in range(1, 201)]
    found = []
    for _ in range(2):
        scene = Looking(database, {"sample": "25%"})
        merged = [part for body in bodies for part in json.loads(body)["resourceSpans"]]
        scene.post("traces", json.dumps({"resourceSpans": merged}))
        found.append(len(scene.scorer.given))
        database.write(lambda tx: tx.exec_driver_sql("DELETE FROM accepted_key"))

    assert found[0] == found[1]
    assert 30 <= found[0] <= 70


class Refusing(Json):
    """A wire that cannot give a text."""

    def value(self, value: Any) -> Any:
        raise AssertionError("a text was looked at")


@pytest.mark.parametrize("content", [None, {"sample": "0%"}])
def test_off_no_text_is_even_decoded(database: Database, content: Any) -> None:
    scene = Looking(database, content)
    choice = record("gen_ai.choice", any_value({"message": {"content": ANSWER}}))

    taken = [
        scene.door.accept("traces", Refusing(), span_body("shop", [chat(**YOUNG), chat(**OLD)]).encode(), NOW),
        scene.door.accept("logs", Refusing(), log_body("shop", [choice]).encode(), NOW),
    ]

    assert [receipt.accepted for receipt in taken] == [{"shop": 2}, {"shop": 1}]
    assert (scene.scorer.given, scene.values(prefix="burnline_answers_")) == ([], {})


@pytest.mark.parametrize(
    "odd",
    [
        {"stringValue": "[" * 100_000},
        {"stringValue": "[" + '{"role":"a","parts":' * 500 + "7"},
        {"stringValue": '[{"content": 7}, 3]'},
        {"intValue": "7"},
        {"arrayValue": {"values": [{"kvlistValue": {"values": None}}]}},
        {"arrayValue": 7},
        {"kvlistValue": {"values": [{"key": 7}]}},
        {},
    ],
)
def test_odd_texts_cost_nothing_but_themselves(database: Database, odd: dict[str, Any]) -> None:
    scene = Looking(database)
    span = chat(**OLD)
    span["attributes"].append({"key": "gen_ai.output.messages", "value": odd})

    receipt = scene.post("traces", span_body("shop", [span]))

    assert (receipt.accepted, receipt.rejected) == ({"shop": 1}, 0)
    assert ANSWER in [answer for *_, answer in scene.scorer.given]


def test_long_texts_are_cut(database: Database) -> None:
    scene = Looking(database, {"sample": "100%", "longest": 100})

    scene.post("traces", span_body("shop", [chat(**{"gen_ai.completion.0.content": "word " * 1000})]))

    assert len(scene.scorer.given[0][2]) == 100
