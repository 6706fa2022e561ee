"""The library from the alert on: a stored webhook goes through the inbox to an executor that changes real files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from burnline.events import Outcome, StepState
from burnline.runbooks.lint import lint
from burnline.store import runs
from burnline.store.database import Database
from tests.fakes.kubernetes.server import Served, serving
from tests.runbooks.answers import BINDINGS, LIBRARY, Answers

# runbook: what each hook says in the end
ENDS: Mapping[str, Mapping[str, str]] = {
    "model-degradation": {"training": "off", "release": "1"},
    "data-outage": {"training": "off", "data": "1", "fallback": "off"},
    "inference-crash": {"release": "1", "scale": "8", "fallback": "off"},
    "gpu-failure": {"reset": "gpu-7", "node": "schedulable", "restart": ""},
    "queue-saturation": {"shed": "on", "scale": "8", "fallback": "on"},
    "hallucination-spike": {"guardrail": "strict", "prompt": "1", "data": "1"},
    "feature-skew": {"training": "off", "data": "1"},
    "bad-canary": {"traffic": "0", "release": "1"},
    "cost-spike": {"cap": "on", "route": "cheap"},
    "prompt-injection": {"tools": "off", "guardrail": "strict", "quarantine": "acme-2"},
    "region-failover": {"region": "100"},
}
# the steps that change something, in order
STEPS: Mapping[str, list[str]] = {
    "model-degradation": ["hold-training", "roll-back"],
    "data-outage": ["hold-training", "last-good-data"],
    "inference-crash": ["take-back", "add-replicas"],
    "gpu-failure": ["drain", "reset", "put-back"],
    "queue-saturation": ["shed-load", "add-replicas", "smaller-model"],
    "hallucination-spike": ["stricter", "prompt-back", "index-back"],
    "feature-skew": ["hold-training", "features-back"],
    "bad-canary": ["take-traffic", "abort"],
    "cost-spike": ["cap", "cheaper"],
    "prompt-injection": ["tools-off", "stricter", "keep-out"],
    "region-failover": ["a-fifth", "half", "all"],
}
every = pytest.mark.parametrize("name", ENDS)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


def ends(answers: Answers, name: str) -> dict[str, str]:
    return {hook: answers.state(hook) for hook in ENDS[name]}


def made(answers: Answers) -> list[str]:
    """The steps that changed something, in order."""
    with answers.db.read() as tx:
        rows = runs.steps(tx, answers.run().id)
    return [row.name for row in rows if row.kind == "act" and (row.result or {}).get("made")]


@every
def test_its_alert_starts_one_run_that_changes_the_service_and_proves_it(
    database: Database, tmp_path: Path, served: Served, name: str
) -> None:
    answers = Answers(database, tmp_path, served, mended=lambda each: ends(each, name) == dict(ENDS[name]))

    answers.replay(name)
    answers.play()

    assert (answers.run().runbook, answers.run().outcome) == (name, Outcome.RECOVERED)
    assert (ends(answers, name), made(answers)) == (dict(ENDS[name]), STEPS[name])
    told = [entry.type for entry in answers.record()]
    assert told[:4] == ["incident_opened", "episode_opened", "run_requested", "run_started"]
    assert told[-1] == "run_finished"
    assert [entry.data["step"] for entry in answers.record() if entry.type == "step_started"] == STEPS[name]


@every
def test_an_sli_that_stays_bad_is_never_called_recovered(
    database: Database, tmp_path: Path, served: Served, name: str
) -> None:
    answers = Answers(database, tmp_path, served, mended=lambda _: False)

    answers.replay(name)
    answers.play()

    assert answers.run().outcome is Outcome.NOT_RECOVERED
    with answers.db.read() as tx:
        last = runs.steps(tx, answers.run().id)[-1]
    assert (last.name, last.state) == ("escalate", StepState.SKIPPED)  # the service file names nobody
    assert "nobody was told" in answers.record()[-1].text


def test_two_people_said_yes_to_the_failover_though_the_binding_asks_nobody(
    database: Database, tmp_path: Path, served: Served
) -> None:
    answers = Answers(database, tmp_path, served, mended=lambda each: each.state("region") == "100")

    answers.replay("region-failover")
    answers.play()

    people = [entry.actor for entry in answers.record() if entry.source == "person"]
    assert people == ["ana", "ben"]


def test_what_nobody_changed_lately_is_left_alone_with_the_reason(
    database: Database, tmp_path: Path, served: Served
) -> None:
    answers = Answers(database, tmp_path, served, mended=lambda each: each.state("guardrail") == "strict")
    old = (tmp_path / "prompt").read_text().replace("2026-01-05T11:50:00", "2025-12-20T11:50:00")
    (tmp_path / "prompt").write_text(old)

    answers.replay("hallucination-spike")
    answers.play()

    assert made(answers) == ["stricter", "index-back"]
    told = [entry.text for entry in answers.record() if entry.data.get("step") == "prompt-back"]
    assert "over 2d before the alert: left alone" in told[-1]


def test_a_hostile_label_ends_the_run_before_anything_is_changed(
    database: Database, tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "bodies"
    hostile.mkdir()
    body = (Path(__file__).parent / "bodies" / "gpu-failure.json").read_text()
    (hostile / "gpu-failure.json").write_text(body.replace("gpu-7", "gpu-7; rm -rf /"))
    monkeypatch.setattr("tests.runbooks.answers.BODIES", hostile)
    answers = Answers(database, tmp_path, served, mended=lambda _: False)

    answers.replay("gpu-failure")
    answers.play()

    assert (answers.run().outcome, answers.state("node"), answers.state("reset")) == (
        Outcome.FAILED,
        "schedulable",
        "",
    )
    assert any("node: 'gpu-7; rm -rf /' does not match" in entry.text for entry in answers.record())


def test_every_binding_of_the_service_can_run(database: Database, tmp_path: Path, served: Served) -> None:
    answers = Answers(database, tmp_path, served, mended=lambda _: False)

    assert lint(LIBRARY, [answers.spec]) == []
    assert set(BINDINGS) == set(ENDS)


def test_fewer_approvers_than_a_runbook_needs_are_refused(database: Database, tmp_path: Path, served: Served) -> None:
    spec = Answers(database, tmp_path, served, mended=lambda _: False).spec
    bound = [
        each.model_copy(update={"approval": "one", "approvers": {"ana": None}})
        if each.run == "region-failover"
        else each
        for each in spec.runbooks
    ]

    [problem] = lint(LIBRARY, [spec.model_copy(update={"runbooks": tuple(bound)})])

    assert (problem.field, problem.message) == ("runbooks[10].approvers", "region-failover needs 2 people; found 1")
