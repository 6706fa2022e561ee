"""Signals about answers: refusals, objections, retrieval, length, language, and whether they keep to their sources."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.answers import (
    AnswerLength,
    Consistency,
    Language,
    Logprob,
    Refusal,
    Retrieval,
    Toxicity,
)
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector, Judgement
from burnline.detectors.grounding.calibration import calibrate, save_calibration
from burnline.detectors.grounding.hallucination import Hallucination
from burnline.detectors.profile import VERSION, Reference
from burnline.detectors.sketch import Sketch
from burnline.errors import PayloadError
from burnline.events import PredictionBatch, Verdict
from burnline.spec.answers import (
    AnswerLengthSpec,
    ConsistencySpec,
    HallucinationSpec,
    LanguageSpec,
    LogprobSpec,
    RefusalSpec,
    RetrievalSpec,
    ToxicitySpec,
)

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NOTHING = Reference(VERSION, "", 0, {}, None, None)
READER = ColumnReader(NOTHING)
FEW = 5


def batch(size: int, **columns: Any) -> PredictionBatch:
    return PredictionBatch("bot", "7", NOW, columns, [None] * size, [None] * size, [0] * size)


def judged(detector: Detector, *batches: PredictionBatch) -> Judgement:
    total = detector.empty()
    for each in batches:
        total = total + detector.fold(READER.read(each))
    return detector.judge(total)


@pytest.mark.parametrize(
    ("detector", "column", "bad", "good", "unknown"),
    [
        (Refusal(NOTHING, RefusalSpec(min_events=FEW)), "refused", [True], [False], [None, "yes"]),
        (Toxicity(NOTHING, ToxicitySpec(min_events=FEW)), "toxic", [True], [False], [None]),
        (Toxicity(NOTHING, ToxicitySpec(min_events=FEW)), "guardrail", ["blocked", "UNSAFE"], ["passed"], [None]),
        (Retrieval(NOTHING, RetrievalSpec(min_events=FEW, least=2)), "retrieved", [0, 1], [2, 9], [None, True]),
        (
            AnswerLength(NOTHING, AnswerLengthSpec(min_events=FEW, shortest=3, longest=9)),
            "characters",
            [0, 2, 10],
            [3, 9],
            [None, float("nan")],
        ),
        (Language(NOTHING, LanguageSpec(min_events=FEW, accepted=("en", "de"))), "language", ["fr"], ["EN-gb"], [None]),
        (Consistency(NOTHING, ConsistencySpec(min_events=FEW)), "inconsistent", [0.5, 1.0], [0.0, 0.49], [None]),
        (Logprob(NOTHING, LogprobSpec(min_events=FEW)), "logprob", [-1.01, -9.0], [-1.0, 0.0], [None]),
        (Hallucination(NOTHING, HallucinationSpec(min_events=FEW)), "ungrounded", [0.5, 1.0], [0.0, 0.4], [None, 7]),
    ],
)
def test_each_signal_counts_the_bad_answers_among_those_that_say(
    detector: Detector, column: str, bad: list[Any], good: list[Any], unknown: list[Any]
) -> None:
    values = [*bad * 40, *good * 40, *unknown * 40]

    found = judged(detector, batch(len(values), **{column: values}))

    assert (found.counts.bad, found.counts.total) == (40 * len(bad), 40 * (len(bad) + len(good)))
    assert found.verdict is Verdict.ALARM
    assert found.score is not None
    assert 0 < found.score <= 1


@pytest.mark.parametrize("columns", [{}, {"refused": [None] * 50}])
def test_answers_that_say_nothing_are_no_data(columns: dict[str, Any]) -> None:
    found = judged(Refusal(NOTHING, RefusalSpec()), batch(50, **columns))

    assert found.verdict is Verdict.NO_DATA
    assert "0 answers that say whether they are refusals" in found.reason


def test_a_share_within_its_limit_and_chance_is_no_alarm() -> None:
    detector = Refusal(NOTHING, RefusalSpec(threshold=0.1))

    found = judged(detector, batch(200, refused=[True] * 28 + [False] * 172))

    assert (found.verdict, found.score) == (Verdict.OK, 0.0)


def test_two_versions_are_compared_with_each_other() -> None:
    detector = Hallucination(NOTHING, HallucinationSpec())
    usual, worse = (
        detector.fold(READER.read(batch(400, ungrounded=[0.8] * bad + [0.1] * (400 - bad)))) for bad in (60, 160)
    )

    assert detector.compare(usual, usual).verdict is Verdict.OK
    found = detector.compare(usual, worse)
    assert found.verdict is Verdict.ALARM
    assert [(cell.what, cell.reference, cell.live) for cell in found.contributors[0].cells if cell.live] == [
        ("score 0.10 to 0.15", 0.85, 0.6),
        ("score 0.80 to 0.85", 0.15, 0.4),
    ]
    assert detector.compare(detector.empty(), worse).verdict is Verdict.NO_DATA


def test_counts_by_another_threshold_do_not_add_up() -> None:
    one, other = (Hallucination(NOTHING, HallucinationSpec(above=above)).empty() for above in (0.5, 0.6))

    assert one.of != other.of


@pytest.fixture
def calibrated(tmp_path: Path) -> HallucinationSpec:
    """A scorer that flags 10 % of the grounded answers and 80 % of the ungrounded ones, from 0.5 on."""
    scores = [0.6] * 20 + [0.2] * 180 + [0.6] * 160 + [0.2] * 40
    found = calibrate(scores, [1] * 400, [False] * 200 + [True] * 200, 0.1)
    save_calibration(found, tmp_path / "c.json")
    return HallucinationSpec(calibration=str(tmp_path / "c.json"), threshold=0.1)


@pytest.mark.parametrize(
    ("flagged", "verdict"), [(100, Verdict.OK), (170, Verdict.OK), (200, Verdict.OK), (330, Verdict.ALARM)]
)
def test_with_a_calibration_false_alarms_of_the_scorer_are_no_alarm(
    calibrated: HallucinationSpec, flagged: int, verdict: Verdict
) -> None:
    """Of 1,000 answers 100 are flagged when all are grounded, 170 when 10 % are not."""
    detector = Hallucination(NOTHING, calibrated.model_copy(update={"calibration": calibrated.calibration}))

    found = judged(detector, batch(1000, ungrounded=[0.9] * flagged + [0.1] * (1000 - flagged)))

    assert found.verdict is verdict
    assert found.contributors[0].shown["flagged"] == flagged / 1000
    assert found.contributors[0].shown["ungrounded"] <= found.contributors[0].shown["ungrounded_high"]
    assert "corrected" in found.reason
    assert ("over it, but by no more than" in found.reason) == (flagged / 1000 > 0.17 and verdict is Verdict.OK)


def test_a_calibration_that_cannot_be_read_is_no_data_with_the_reason() -> None:
    found = judged(
        Hallucination(NOTHING, HallucinationSpec(calibration="missing.json")), batch(200, ungrounded=[0.1] * 200)
    )

    assert found.verdict is Verdict.NO_DATA
    assert "missing.json" in found.reason


def test_what_a_judge_said_stands_beside() -> None:
    detector = Hallucination(NOTHING, HallucinationSpec())

    found = judged(
        detector, batch(200, ungrounded=[0.1] * 200), batch(3, judged=[True, False, None]), batch(1, judged=[False])
    )

    assert "A judge calls 1 of 3 ungrounded, so of all 6.1% to 79.2% are (95 % interval)." in found.reason
    shown = found.contributors[0].shown
    assert [shown[f"judged_{each}"] for each in ("ungrounded", "low", "high")] == pytest.approx(
        [1 / 3, 0.061, 0.792], abs=0.001
    )


def test_order_and_sharding_change_no_bit() -> None:
    detector = Hallucination(NOTHING, HallucinationSpec())
    scores = np.random.default_rng(1).random(300).tolist()

    whole = detector.fold(READER.read(batch(300, ungrounded=scores)))
    halves = [detector.fold(READER.read(batch(150, ungrounded=scores[start : start + 150]))) for start in (150, 0)]

    assert (halves[0] + halves[1]).encode() == whole.encode()


def kinds(found: Judgement) -> dict[str, float]:
    """What the finding says of the answers, without what none of them is."""
    (one,) = found.contributors
    assert {cell.reference for cell in one.cells} == {None}
    assert sum(cell.live for cell in one.cells) == pytest.approx(1)
    return {cell.what: cell.live for cell in one.cells if cell.live}


@pytest.mark.parametrize(
    ("detector", "columns", "cells", "detail"),
    [
        (
            Refusal(NOTHING, RefusalSpec()),
            {"refused": [True] * 2 + [False] * 8},
            {"refused": 0.2, "answered": 0.8},
            "refused 20.0%",
        ),
        (
            Toxicity(NOTHING, ToxicitySpec()),
            {
                "guardrail": ["Blocked"] * 3 + ["unsafe", "fine", "fine", 7, None, None, None],
                "toxic": [True, *[None] * 4, True, None, True, False, None],
            },
            {
                "blocked": 3 / 9,
                "unsafe": 1 / 9,
                "fine": 1 / 9,
                "called toxic": 2 / 9,
                "called not toxic": 1 / 9,
                "others": 1 / 9,
            },
            "blocked 33.3%, called toxic 22.2%, unsafe 11.1%",
        ),
        (
            Retrieval(NOTHING, RetrievalSpec(least=2)),
            {"retrieved": [0, 0, 0, 1, 2, 2, 5, 12, 60, 10**400]},
            {
                "0 documents": 0.3,
                "1 document": 0.1,
                "2 documents": 0.2,
                "5 documents": 0.1,
                "10 to 19 documents": 0.1,
                "50 and more documents": 0.2,
            },
            "0 documents 30.0%, 1 document 10.0%",
        ),
        (
            AnswerLength(NOTHING, AnswerLengthSpec(longest=30_000)),
            {"characters": [0, 30, 30_000, 30_001]},
            {
                "0 characters": 0.25,
                "20 to 49 characters": 0.25,
                "20,000 to 30,000 characters": 0.25,
                "30,001 and more characters": 0.25,
            },
            "0 characters 25.0%, 30,001 and more characters 25.0%",
        ),
        (
            Consistency(NOTHING, ConsistencySpec(above=0.55)),
            {"inconsistent": [0.0, 0.52, 0.55, 1.0]},
            {"score below 0.1": 0.25, "score 0.5 to 0.55": 0.25, "score 0.55 to 0.6": 0.25, "score 0.9 and more": 0.25},
            "score 0.55 to 0.6 25.0%, score 0.9 and more 25.0%",
        ),
        (
            Logprob(NOTHING, LogprobSpec()),
            {"logprob": [-9.0, -1.0, -0.01, float("-inf")]},
            {"mean below -5.0": 0.5, "mean -1.0 to -0.75": 0.25, "mean -0.05 and more": 0.25},
            "mean below -5.0 50.0%",
        ),
        (
            Language(NOTHING, LanguageSpec(accepted=("en", "pt-BR"))),
            {"language": ["en", "en-GB", "EN", "pt-br", "pt-PT", "de", "de-CH", "de", "fil", "a\x00\ud800"]},
            {"en": 0.3, "de": 0.3, "pt-br": 0.1, "pt-pt": 0.1, "fil": 0.1, "a??": 0.1},
            "de 30.0%, a?? 10.0%, fil 10.0% and 1 more",
        ),
    ],
    ids=lambda value: getattr(value, "signal", ""),
)
def test_a_finding_says_of_what_kinds_the_answers_are(
    detector: Detector, columns: dict[str, list[Any]], cells: dict[str, float], detail: str
) -> None:
    found = judged(detector, *[batch(len(next(iter(columns.values()))), **columns)] * 50)

    assert kinds(found) == pytest.approx(cells)
    assert found.contributors[0].detail == detail
    assert found.reason.endswith(f"beyond chance): {detail}.")
    assert found.contributors[0].score == found.score


def test_the_score_of_grounding_is_drawn_also_where_nothing_is_compared() -> None:
    found = judged(Hallucination(NOTHING, HallucinationSpec()), batch(200, ungrounded=[0.12] * 150 + [0.97] * 50))

    assert kinds(found) == {"score 0.10 to 0.15": 0.75, "score 0.95 to 1.00": 0.25}


def test_where_no_answer_is_bad_the_most_frequent_kind_is_named() -> None:
    found = judged(Language(NOTHING, LanguageSpec()), batch(200, language=["en"] * 200))

    assert found.contributors[0].detail == "most are en (100.0%)"
    assert found.reason == "0.0% of the answers are in a language that is not accepted (limit 5.0%, beyond chance)."


def test_two_versions_are_drawn_beside_each_other_also_what_one_alone_says() -> None:
    detector = Language(NOTHING, LanguageSpec())
    usual, worse = (
        detector.fold(READER.read(batch(400, language=[other] * bad + ["en"] * (400 - bad))))
        for other, bad in (("fr", 4), ("de", 100))
    )

    (one,) = detector.compare(usual, worse).contributors

    assert {(cell.what, cell.reference, cell.live) for cell in one.cells} == {
        ("en", 0.99, 0.75),
        ("de", 0.0, 0.25),
        ("fr", 0.01, 0.0),
    }


def test_however_many_languages_are_named_the_counts_are_of_one_size_and_the_common_ones_stay_known() -> None:
    detector = Language(NOTHING, LanguageSpec())
    strange = [f"x{number:05}" for number in range(5000)]

    sketch = detector.empty() + detector.fold(READER.read(batch(10_000, language=[*strange, *["de"] * 5000])))

    found = detector.judge(sketch)
    assert len(sketch.encode()) == len(detector.empty().encode()) < 13_000
    assert kinds(found) == {"de": 0.5, "others": 0.5}


@pytest.mark.parametrize("made", [Language(NOTHING, LanguageSpec()), Retrieval(NOTHING, RetrievalSpec())])
def test_counts_that_told_no_kinds_are_refused_and_the_window_starts_again(made: Detector) -> None:
    of = made.empty().of
    for old in (Sketch(of, np.array([9, 9, 1])), Sketch(of.removesuffix(":kinds"), np.array([9, 9, 1]))):
        with pytest.raises(PayloadError, match="counts of"):
            made.empty().decode(old.encode())
