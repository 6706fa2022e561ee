"""Log records into counts by severity, verdicts and security events; their texts are not read."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.collectors.otlp.logs import severity
from burnline.collectors.otlp.verdicts import is_bad
from burnline.spec.telemetry import EvaluationSpec
from burnline.store.database import Database
from tests.collectors.otlp.bodies import attributes, log_body, span_body
from tests.collectors.otlp.scene import Scene, spec

EVALUATION = "gen_ai.evaluation.result"
LOGIN_FAILED = {"attributes": attributes({"event.category": "authentication", "event.outcome": "failure"})}
SECRET = "my card is 4111 1111 1111 1111"


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def verdict(name: str, label: str | None = None, score: float | None = None) -> dict[str, Any]:
    """An evaluation event."""
    given = {"gen_ai.evaluation.name": name}
    given |= {} if label is None else {"gen_ai.evaluation.score.label": label}
    found = attributes(given)
    if score is not None:
        found.append({"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": score}})
    return {"eventName": EVALUATION, "attributes": found}


SEVERITIES = {0: "unset", 1: "trace", 5: "debug", 9: "info", 12: "info", 13: "warn", 17: "error", 24: "fatal"}


@pytest.mark.parametrize(("number", "word"), [*SEVERITIES.items(), (25, "unset"), (-1, "unset")])
def test_a_severity_has_a_word(number: int, word: str) -> None:
    assert severity(number) == word


def test_verdicts_are_good_bad_or_neither_and_neither_is_not_good(scene: Scene) -> None:
    scene.post("logs", log_body("shop", [verdict("grounding", label) for label in ("Pass", "FAIL", "yes", None)]))

    name = '{evaluation="grounding"}'
    assert scene.values(prefix="burnline_genai") == {
        f"burnline_genai_evaluations_total{name}": 2,
        f"burnline_genai_bad_evaluations_total{name}": 1,
        f"burnline_genai_unjudged_evaluations_total{name}": 2,
    }


def test_scores_are_added_up_and_judge_only_by_the_service_file(database: Database) -> None:
    scene = Scene(database, spec(evaluations={"relevance": {"bad_below": 0.5}}))

    scene.post("logs", log_body("shop", [verdict("relevance", score=n / 10) for n in range(10)]))
    scene.post("logs", log_body("shop", [verdict("fluency", score=0.1)]))

    found = scene.values(prefix="burnline_genai")
    assert found['burnline_genai_evaluations_total{evaluation="relevance"}'] == 10
    assert found['burnline_genai_bad_evaluations_total{evaluation="relevance"}'] == 5
    assert found['burnline_genai_evaluation_score_sum{evaluation="relevance"}'] == pytest.approx(4.5)
    assert found['burnline_genai_unjudged_evaluations_total{evaluation="fluency"}'] == 1


@pytest.mark.parametrize(
    ("label", "score", "bad"),
    [
        ("yes", None, True),
        ("YES ", None, True),
        ("no", None, False),
        ("", 0.95, True),
        ("", 0.1, True),
        ("", 0.5, False),
        ("no", 0.95, False),
        ("safe", None, False),
        ("toxic", None, True),
        ("maybe", None, None),
        ("", None, None),
    ],
)
def test_the_service_file_says_what_a_verdict_means(label: str, score: float | None, bad: bool | None) -> None:
    means = EvaluationSpec(bad=("yes",), good=("no",), bad_below=0.2, bad_above=0.9)

    assert is_bad(label, score, means) is bad


def test_a_score_that_is_no_number_judges_nothing(database: Database) -> None:
    scene = Scene(database, spec(evaluations={"r": {"bad_below": 0.5}}))
    nan = {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": "NaN"}}
    record = {"eventName": EVALUATION, "attributes": [*attributes({"gen_ai.evaluation.name": "r"}), nan]}

    scene.post("logs", log_body("shop", [record]))

    assert scene.values(prefix="burnline_genai") == {'burnline_genai_unjudged_evaluations_total{evaluation="r"}': 1}


def test_a_verdict_on_a_span_counts_as_one_in_a_log(scene: Scene) -> None:
    event = verdict("grounding", "hallucinated")
    events = [{"name": EVALUATION, "attributes": event["attributes"]}, {"name": "exception"}]

    scene.post("traces", span_body("shop", [{"kind": 3, "events": events}]))

    assert scene.values() == {
        'burnline_genai_evaluations_total{evaluation="grounding"}': 1,
        'burnline_genai_bad_evaluations_total{evaluation="grounding"}': 1,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("prompt_injection", "prompt_injection"),
        ("Prompt Attack", "prompt_injection"),
        ("jail-break", "jailbreak"),
        ("PII leak", "pii"),
        ("personal_data", "pii"),
    ],
)
def test_a_bad_verdict_of_a_guardrail_is_a_security_event(scene: Scene, name: str, kind: str) -> None:
    scene.post("logs", log_body("shop", [verdict(name, "flagged"), verdict(name, "pass")]))

    assert scene.values(prefix="burnline_security") == {f'burnline_security_events_total{{kind="{kind}"}}': 1}


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"eventName": "authn_login_fail:bob"}, "authentication_failure"),
        ({"eventName": "excess_rate_limit_exceeded:bob,5"}, "rate_limited"),
        ({"attributes": attributes({"event.name": "jailbreak"})}, "jailbreak"),
        (
            {"attributes": attributes({"event.category": "authentication", "event.outcome": "failure"})},
            "authentication_failure",
        ),
        ({"eventName": "authz_fail"}, "authorization_failure"),
        ({"attributes": attributes({"event.category": "authentication", "event.outcome": "success"})}, ""),
        ({"eventName": "user_created"}, ""),
        ({"body": {"stringValue": "jailbreak"}}, ""),
    ],
)
def test_security_events_are_counted_by_kind(scene: Scene, record: dict[str, Any], kind: str) -> None:
    scene.post("logs", log_body("shop", [record]))

    wanted = {f'burnline_security_events_total{{kind="{kind}"}}': 1} if kind else {}
    assert scene.values(prefix="burnline_security") == wanted


def test_no_text_of_a_record_or_a_span_is_kept_anywhere(scene: Scene) -> None:
    content = {"gen_ai.input.messages": SECRET, "gen_ai.output.messages": SECRET, "gen_ai.prompt": SECRET}
    content |= {"gen_ai.system": "x", "gen_ai.evaluation.explanation": SECRET, "user": SECRET}
    record = {**verdict("pii", "fail"), "body": {"stringValue": SECRET}}
    record["attributes"] += attributes(content)
    scene.post("logs", log_body("shop", [record]))
    scene.post("traces", span_body("shop", [{"kind": 2, "attributes": attributes(content), "events": [record]}]))

    with scene.db.read() as tx:
        tables = [name for (name,) in tx.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = " ".join(str(row) for name in tables for row in tx.exec_driver_sql(f'SELECT * FROM "{name}"'))

    assert "burnline_security_events_total" in kept
    assert "4111" not in kept


def test_a_log_record_of_nobody_is_refused(scene: Scene) -> None:
    receipt = scene.post("logs", log_body("nobody", [{}, {}]))

    assert receipt.refused == {"unknown_service": 2}
    assert scene.values() == {}
