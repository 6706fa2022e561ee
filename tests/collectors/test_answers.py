"""The door for answers: what is kept of them, what is refused and with which words, and that no text stays."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from burnline.collectors.answers.door import AnswerReceipt, accept_answers
from burnline.collectors.answers.read import MOST_ANSWERS
from burnline.collectors.predictions.events import Asked, Sent
from burnline.collectors.predictions.rules import Rules
from burnline.detectors.grounding.answer import inconsistency, score_answer
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported
from burnline.events import PredictionBatch, Source
from burnline.metrics import answers as names
from burnline.spec.events import EventsSpec
from burnline.store.database import Database
from burnline.store.inbox import waiting
from burnline.store.series import samples

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KNOWN = {"bot": Rules(events=EventsSpec(slices=("country",)))}
SOURCE = "The Sydney Harbour Bridge opened in March 1932."
JSON, NDJSON = "application/json", "application/x-ndjson"


class Door:
    """The door of one database; `offered` are those that a judge was shown."""

    def __init__(self, db: Database) -> None:
        self.db, self.offered = db, list[tuple[Any, ...]]()

    def send(
        self, body: bytes, kind: str = JSON, *, encoding: str = "", service: str = "", key: str = ""
    ) -> AnswerReceipt:
        return accept_answers(
            self.db,
            Sent(body, kind, encoding, Asked(service), key),
            now=NOW,
            known=KNOWN,
            contents={"bot": None},
            scorer=score_answer,
            consistency=inconsistency,
            offer=lambda *case: self.offered.append(case),
        )

    def kept(self) -> list[PredictionBatch]:
        with self.db.read() as tx:
            return [msgspec.msgpack.decode(row.body, type=PredictionBatch) for row in waiting(tx, Source.ANSWERS, 100)]

    def told(self) -> dict[str, float]:
        with self.db.read() as tx:
            return {each.name: each.value for each in samples(tx, "bot")}


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def envelope(*answers: Any, **more: Any) -> bytes:
    return json.dumps({"service": "bot", "version": "7", "answers": answers} | more).encode()


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"answer": text, "question": "When?", "sources": [SOURCE]} | more


def test_an_answer_becomes_numbers_and_its_sender_learns_the_score(door: Door) -> None:
    receipt = door.send(envelope(answer("It opened in March 1932."), answer("It opened in 1954.")))

    (batch,) = door.kept()
    assert (receipt.accepted, receipt.refused_count) == (2, 0)
    assert receipt.ungrounded[0] is not None
    assert receipt.ungrounded[0] < 0.1
    assert receipt.ungrounded[1] is not None
    assert receipt.ungrounded[1] > 0.4
    assert batch.version == "7"
    assert batch.features["ungrounded"] == list(receipt.ungrounded)
    assert batch.features["characters"] == [24, 18]
    assert batch.features["retrieved"] == [1, 1]
    assert batch.features["refused"] == [False, False]


def test_what_the_sender_knows_stands_beside_and_what_it_does_not_say_is_unknown(door: Door) -> None:
    known = {"toxic": True, "guardrail": "blocked", "language": "de", "logprobs": [-1.0, -3.0], "retrieved": 4}
    door.send(
        envelope(
            answer("It opened in 1932.", others=["It opened in 1932.", "It opened in 1950."], **known),
            {"answer": "Hm."},
            {"answer": "Sorry.", "sources": [], "refused": True},
        )
    )

    features = door.kept()[0].features
    assert features["toxic"] == [True, None, None]
    assert features["guardrail"] == ["blocked", None, None]
    assert features["logprob"] == [-2.0, None, None]
    assert features["retrieved"] == [4, None, 0]
    assert features["refused"] == [False, False, True]
    assert features["ungrounded"][1:] == [None, None]
    assert features["inconsistent"][0] == pytest.approx(0.3, abs=0.2)


def test_a_word_that_is_no_language_tag_costs_its_answer_alone(door: Door) -> None:
    tags = ["en", "de-CH", "zh-Hant-TW", "english", "en_GB", "", "x" * 36, "en\u0000"]

    receipt = door.send(envelope(*({"answer": "Yes.", "language": tag} for tag in tags)))

    assert (receipt.accepted, [each.index for each in receipt.refused]) == (3, [3, 4, 5, 6, 7])
    assert {each.field for each in receipt.refused} == {"language"}
    assert receipt.refused[0].reason == "'english' is no language tag; send one such as en or de-CH"


@pytest.mark.parametrize("field", ["sources", "others"])
def test_a_number_that_no_character_has_costs_no_answer_beside_it(door: Door, field: str) -> None:
    odd = answer("It opened in 1932.", **{field: ["It opened in &#" + "9" * 5000 + "; 1932."]})

    receipt = door.send(envelope(answer("It opened in 1932."), odd, answer("It opened in 1932.")))

    assert receipt.accepted == 3
    assert None not in receipt.ungrounded


def test_no_text_is_kept_anywhere(door: Door) -> None:
    door.send(
        envelope(answer("It opened in 1954, said Wilberforce.", features={"country": "DE", "user": "Wilberforce"}))
    )

    with door.db.read() as tx:
        bodies = [row.body for row in waiting(tx, Source.ANSWERS, 100)]
    assert door.kept()[0].features["country"] == ["DE"]
    assert not any(word in body for body in bodies for word in (b"Wilberforce", b"Sydney", b"When", b"opened"))


def test_answers_are_counted_in_the_series_they_always_were(door: Door) -> None:
    door.send(envelope(answer("It opened in March 1932."), answer("Paris has towers."), {"answer": ""}))

    told = door.told()
    assert told[names.TOTAL] == 3
    assert told[names.SOURCED] == 2
    assert told[names.UNSUPPORTED] == 1
    assert told[names.EMPTY] == 1


def test_a_batch_that_comes_again_under_its_key_counts_once(door: Door) -> None:
    body = envelope(answer("It opened in March 1932."))

    first, second = door.send(body, key="monday"), door.send(body, key="monday")

    assert (first.accepted, first.duplicates) == (1, 0)
    assert (second.accepted, second.duplicates) == (0, 1)
    assert second.ungrounded == first.ungrounded
    assert len(door.kept()) == len(door.offered) == 1


def test_a_judge_is_shown_the_texts(door: Door) -> None:
    door.send(envelope(answer("It opened in 1954.")))

    assert door.offered == [("bot", "7", [SOURCE], "When?", "It opened in 1954.")]


def test_lines_and_packed_bodies_give_the_same(door: Door) -> None:
    line = json.dumps(answer("It opened in 1954.")).encode()

    door.send(line + b"\n\n" + line, NDJSON, service="bot")
    door.send(gzip.compress(envelope(answer("It opened in 1954."), answer("It opened in 1954."))), encoding="gzip")

    first, second = door.kept()
    assert first.features == second.features


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        (17, "", "Expected `object`, got `int`"),
        ({}, "", "missing required field `answer`"),
        ({"answer": 3}, "answer", "Expected `str`, got `int`"),
        ({"answer": "x", "sources": "y"}, "sources", "Expected `array`, got `str`"),
        ({"answer": "x", "sources": [None]}, "sources", "Expected `str`, got `null`"),
        ({"answer": "x", "logprobs": [0.5]}, "logprobs", "Expected `float` <= 0"),
        ({"answer": "x", "toxic": 1}, "toxic", "Expected `bool"),
        ({"answer": "x", "logprobs": [-1.0, -1e308]}, "logprobs", "Expected `float` >= -1000000000.0"),
        ({"answer": "x", "retrieved": -1}, "retrieved", "Expected `int` >= 0"),
        ({"answer": "x", "retrieved": 10**18}, "retrieved", "Expected `int` <= 1000000000"),
        ({"answer": "x", "retrieved": 10**30}, "retrieved", "Expected `int"),
        ({"answer": "x", "wrong": 1}, "", "unknown field `wrong`"),
        ({"answer": "x", "features": {"a": [1]}}, "features", "Expected"),
    ],
)
def test_a_faulty_answer_costs_itself_alone(door: Door, item: Any, field: str, reason: str) -> None:
    receipt = door.send(envelope(answer("It opened in 1932."), item))

    assert (receipt.accepted, receipt.refused_count) == (1, 1)
    assert receipt.refused[0].index == 1
    assert receipt.refused[0].field.startswith(field)
    assert reason in receipt.refused[0].reason


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"", JSON, PayloadError),
        (b"nope", JSON, PayloadError),
        (b'{"service": "bot"}', JSON, PayloadError),
        (b'{"service": "bot", "answers": 3}', JSON, PayloadError),
        (b'{"service": "other", "answers": []}', JSON, PayloadError),
        (b'{"answer": "x"}', NDJSON, PayloadError),
        (b"{}", "text/plain", PayloadUnsupported),
        (envelope(*[{"answer": ""}] * (MOST_ANSWERS + 1)), JSON, PayloadTooLarge),
        (envelope(*[answer("x", sources=["y" * 1_000_000])] * 5), JSON, PayloadTooLarge),
        (b"[" * 100_000, JSON, PayloadError),
    ],
)
def test_a_body_that_cannot_be_used_is_refused(door: Door, body: bytes, kind: str, error: type[PayloadError]) -> None:
    with pytest.raises(error):
        door.send(body, kind)

    assert door.kept() == []


def test_nul_and_half_a_surrogate_pair_are_read(door: Door) -> None:
    receipt = door.send(b'{"service": "bot", "answers": [{"answer": "It \\u0000 opened \\ud800.", "sources": ["x"]}]}')

    assert receipt.accepted == 1


def test_answers_full_of_braces_are_few_answers(door: Door) -> None:
    code = answer("{" * 20_000)

    receipt = door.send(envelope(code, code))

    assert (receipt.accepted, receipt.refused_count) == (2, 0)
