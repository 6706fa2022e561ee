"""A judge over HTTP: sampled, bounded, in its own time; whatever becomes of it, nobody waits."""

from __future__ import annotations

import gzip
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from burnline.detectors.grounding.judge import Case
from burnline.detectors.grounding.judging import Judges
from burnline.events import PredictionBatch, Source
from burnline.metrics import answers as names
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.inbox import waiting
from burnline.store.series import samples
from tests.fakes.web import Request, dripping, serving

NOW = datetime(2026, 1, 5, tzinfo=UTC)
CASE = Case("bot", "7", ["The bridge opened in 1932."], "When?", "It opened in 1954.")
GROUNDED = '{"ungrounded": false}'


class Api:
    """An OpenAI-compatible API: gives the `said` answers in turn, the last one for ever."""

    def __init__(self, *said: tuple[int, Any] | None) -> None:
        self.said, self.asked = list(said), list[Request]()

    def __call__(self, request: Request) -> tuple[int, Any] | None:
        self.asked.append(request)
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]


def verdict(content: str = '{"ungrounded": true}', *tokens: Any) -> tuple[int, Any]:
    inputs, outputs = tokens or (1000, 10)
    usage = {"prompt_tokens": inputs, "completion_tokens": outputs}
    return 200, {"choices": [{"message": {"content": content}}], "usage": usage}


@contextmanager
def judging(database: Database, api: Api, *, sample: str = "100%", **judge: Any) -> Iterator[Judges]:
    with serving(api) as url:
        yield Judges(database, [spec(f"{url}/v1", sample, **judge)])


def spec(url: str, sample: str = "100%", **judge: Any) -> ServiceSpec:
    section = {"sample": sample, "judge": {"url": url, "model": "small", **judge}}
    head = {"apiVersion": "burnline/v1", "service": "bot", "owner": "team"}
    return ServiceSpec.model_validate({**head, "signals": {"hallucination": section}})


def told(database: Database) -> dict[str, float]:
    """The series, by name and the labels' values."""
    with database.read() as tx:
        return {" ".join([each.name, *each.labels.values()]): each.value for each in samples(tx, "bot")}


def kept(database: Database) -> list[PredictionBatch]:
    with database.read() as tx:
        return [msgspec.msgpack.decode(row.body, type=PredictionBatch) for row in waiting(tx, Source.ANSWERS, 100)]


def test_a_verdict_is_kept_as_a_number_about_the_answer_with_what_it_cost(database: Database) -> None:
    api = Api(verdict())
    with judging(database, api, price={"input": 2.0, "output": 10.0}) as judges:
        assert judges.offer(CASE)
        done = judges.run_once(NOW)

    found = told(database)
    assert done == 1
    assert [(each.version, each.features) for each in kept(database)] == [("7", {"judged": [True]})]
    assert found[f"{names.JUDGED} small ungrounded"] == 1
    assert found[f"{names.JUDGE_TOKENS} input"] == 1000
    assert found[f"{names.JUDGE_COST} USD"] == pytest.approx(0.0021)
    assert api.asked[0].path == "/v1/chat/completions"
    assert json.loads(api.asked[0].body["messages"][1]["content"])["answer"] == CASE.answer


def test_no_text_of_an_answer_is_kept(database: Database) -> None:
    with judging(database, Api(verdict())) as judges:
        judges.offer(CASE)
        judges.run_once(NOW)

    with database.read() as tx:
        assert all(b"1954" not in row.body and b"bridge" not in row.body for row in waiting(tx, Source.ANSWERS, 100))


def test_the_key_goes_in_the_header_and_one_that_is_missing_is_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "s3cret")
    api = Api(verdict())
    with judging(database, api, key="env:JUDGE_KEY") as judges:
        judges.offer(CASE)
        judges.run_once(NOW)
        monkeypatch.delenv("JUDGE_KEY")
        judges.offer(CASE)
        judges.run_once(NOW)

    assert [each.headers["authorization"] for each in api.asked] == ["Bearer s3cret"]
    assert told(database)[f"{names.JUDGE_FAILURES} secret"] == 1


def test_a_reply_that_is_no_verdict_counts_as_unreadable_and_says_nothing_of_the_answer(database: Database) -> None:
    with judging(database, Api(verdict("Sure! It is grounded."))) as judges:
        judges.offer(CASE)
        judges.run_once(NOW)

    assert told(database)[f"{names.JUDGED} small unreadable"] == 1
    assert kept(database) == []


@pytest.mark.parametrize(
    ("reply", "reason", "asked"),
    [((429, {}), "busy", 2), ((503, {}), "failed", 2), (None, "unreachable", 2), ((401, {}), "refused", 1)],
)
def test_a_failure_is_asked_again_where_that_can_help_and_then_counted(
    database: Database, reply: tuple[int, Any] | None, reason: str, asked: int
) -> None:
    api = Api(reply)
    with judging(database, api, retries=1) as judges:
        judges.offer(CASE)
        turns = [judges.run_once(NOW + timedelta(seconds=seconds)) for seconds in (0, 1, 2, 60)]

    assert turns == [0, 0, 0, 0]
    assert len(api.asked) == asked
    assert told(database) == {f"{names.JUDGE_FAILURES} {reason}": 1}


def test_an_api_that_comes_back_gives_its_verdict_the_second_time(database: Database) -> None:
    with judging(database, Api((503, {}), verdict())) as judges:
        judges.offer(CASE)
        turns = [judges.run_once(NOW), judges.run_once(NOW + timedelta(seconds=2))]

    assert turns == [0, 1]


def test_one_that_does_not_answer_in_time_is_given_up(database: Database) -> None:
    judges = Judges(database, [spec("http://127.0.0.1:9", timeout="100ms", retries=0)])
    judges.offer(CASE)

    assert judges.run_once(NOW) == 0
    assert sum(told(database).values()) == 1


@pytest.mark.parametrize(
    "reply",
    [
        (200, b'{"x": ' + b"[" * 400_000),
        (200, b"<html>"),
        (200, b" " * 1_100_000),
        (200, gzip.compress(json.dumps(verdict()[1]).encode())),
        *(
            verdict(GROUNDED, *tokens)
            for tokens in [(10**400, 1), (1, 10**30), (-1, 1), (1, -(10**400)), (math.nan, 1)]
        ),
    ],
    ids=["deep", "html", "long", "packed", "input", "output", "negative", "very negative", "nan"],
)
def test_a_reply_that_nobody_can_read_is_counted_and_the_next_answer_is_judged(
    database: Database, reply: tuple[int, Any]
) -> None:
    with judging(database, Api(reply, verdict(GROUNDED)), tokens_per_hour=2_000) as judges:
        taken = [judges.offer(CASE), judges.offer(CASE)]
        done = judges.run_once(NOW)

    found = told(database)
    assert (taken, done) == ([True, True], 1)
    assert found.pop(f"{names.JUDGE_FAILURES} unreadable") == 1
    assert found[f"{names.JUDGED} small grounded"] == 1
    assert found[f"{names.JUDGE_TOKENS} input"] == 1000


def test_a_judge_cannot_spend_the_budget_by_what_it_says(database: Database) -> None:
    with judging(database, Api(verdict(GROUNDED, 10**8, 10**8)), tokens_per_hour=10_000) as judges:
        for _ in range(3):
            judges.offer(CASE)
        done = judges.run_once(NOW)

    found = told(database)
    assert done == 3
    assert found[f"{names.JUDGE_TOKENS} input"] < 3 * 2_000
    assert found[f"{names.JUDGE_TOKENS} output"] == 3 * 50


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
    ids=["status", "headers", "interim", "body"],
)
def test_one_that_comes_drop_by_drop_is_given_up_in_time(database: Database, start: bytes, drop: bytes) -> None:
    with dripping(start, drop) as url:
        judges = Judges(database, [spec(url, timeout="200ms", retries=0)])
        judges.offer(CASE)
        begun = time.monotonic()
        done = judges.run_once(NOW)
        took = time.monotonic() - begun

    assert (done, told(database)) == (0, {f"{names.JUDGE_FAILURES} timeout": 1})
    assert took < 3


def test_what_is_over_the_budget_or_the_queue_is_not_judged_and_counted(database: Database) -> None:
    api = Api(verdict())
    cases = [Case("bot", "7", ["x"], "", str(number)) for number in range(5)]
    with judging(database, api, requests_per_hour=2, queue=3) as judges:
        taken = [judges.offer(case) for case in cases]
        done = judges.run_once(NOW)
        judges.offer(CASE)
        later = judges.run_once(NOW + timedelta(hours=1))

    assert taken == [True, True, True, False, False]
    assert (done, later) == (2, 1)
    assert told(database)[f"{names.JUDGE_FAILURES} queue"] == 2
    assert told(database)[f"{names.JUDGE_FAILURES} budget"] == 1


def test_the_sample_is_the_same_answers_each_time_and_about_as_many_as_asked(database: Database) -> None:
    judges = Judges(database, [spec("http://127.0.0.1:9", "10%", queue=1000)])
    cases = [Case("bot", "7", ["x"], "", str(number)) for number in range(2000)]

    first, second = [[judges.offer(case) for case in cases] for _ in "ab"]

    assert first == second
    assert 150 < sum(first) < 250


@pytest.mark.parametrize("case", [Case("other", "7", ["x"], "", "y"), Case("bot", "7", [" "], "", "y")])
def test_a_service_without_a_judge_and_an_answer_without_sources_are_not_judged(database: Database, case: Case) -> None:
    assert not Judges(database, [spec("http://127.0.0.1:9")]).offer(case)
