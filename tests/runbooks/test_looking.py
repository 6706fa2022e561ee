"""Steps that only look put on record what a person would look up first."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from burnline.errors import ActionError
from burnline.events import Contributor, Counts, Finding, Outcome, StepState, Verdict
from burnline.runbooks.probes import MOST, look
from burnline.spec.probe import ProbeSpec
from burnline.store.releases import record_release
from burnline.store.runs import StepRow
from burnline.store.signals import record_finding
from tests.runbooks.receiver import receiving
from tests.runbooks.scene import T0, Scene, make_recipe, make_spec


def played(scene: Scene, *steps: dict[str, Any]) -> list[StepRow]:
    """The steps of a run that only looks."""
    scene.recipe = make_recipe(scene.folder, id="look", steps=list(steps), preconditions={}, cooldown="0s", params={})
    run_id = scene.request(params={})
    scene.play(5)
    return [row for row in scene.steps(run_id) if row.name != "guards"]


def result(row: StepRow) -> dict[str, Any]:
    assert row.result is not None
    return dict(row.result)


def test_releases_findings_alerts_and_the_sli_are_put_on_record(scene: Scene) -> None:
    worst = (Contributor("amount", 0.4), Contributor("country", 0.2))
    alarm = Finding("fraud", "drift", T0, T0 + timedelta(minutes=10), Verdict.ALARM, 0.4, Counts(1, 1), "drifts", worst)
    scene.db.write(lambda tx: record_finding(tx, alarm))
    for version, ago in (("1", 200), ("2", 5)):
        at = T0 - timedelta(minutes=ago)
        scene.db.write(lambda tx, v=version, at=at: record_release(tx, service="fraud", version=v, now=at, source="t"))  # type: ignore[misc]

    [row] = played(
        scene, {"name": "look", "collect": {"what": ["releases", "findings", "alerts", "sli"], "over": "2h"}}
    )

    found = result(row)
    assert (found["released"], found["alarms"], found["firing"]) == (1, 1, 1)
    assert found["releases"] == ["2 took over from 1 at 11:55:00 UTC"]
    assert found["findings"] == ["drift: alarm, drifts (amount, country)"]
    assert found["alerts"] == ["ErrorBudgetBurn availability page: fires"]
    assert found["shares"] == [0.4] * 10


def test_where_there_is_nothing_it_says_so(scene: Scene) -> None:
    scene.sli.total = 0

    [row] = played(scene, {"name": "look", "collect": {"what": ["releases", "findings", "sli"]}})

    found = result(row)
    assert found["releases"] == ["no release within 2h"]
    assert found["findings"] == ["no signal has a finding"]
    assert found["shares"] == [None] * 10


def test_a_probe_is_put_on_record(scene: Scene) -> None:
    probe = {"command": {"argv": ["/bin/echo", "last line of ${service}"]}}
    scene.spec = make_spec(scene.registry, probes={"logs": probe})

    [row] = played(scene, {"name": "look", "collect": {"probe": "logs"}})

    assert result(row)["said"] == "last line of fraud\n"


def test_a_probe_that_the_service_has_not_is_said_to_be_missing(scene: Scene) -> None:
    [row] = played(scene, {"name": "look", "collect": {"probe": "logs"}})

    assert (row.state, result(row)["text"]) == (StepState.DONE, "the service has no probe logs")


def test_a_probe_that_fails_does_not_hold_up_the_run(scene: Scene) -> None:
    scene.spec = make_spec(scene.registry, probes={"logs": {"command": {"argv": ["/bin/false"]}}})
    look_at = {"name": "look", "retry": {"times": 0}, "collect": {"probe": "logs"}}

    failed, note = played(scene, look_at, {"name": "go-on", "note": "here"})

    assert (failed.state, note.state) == (StepState.FAILED, StepState.DONE)
    assert "/bin/false ended with 1" in result(failed)["text"]


def test_what_a_probe_prints_is_cut_and_never_steers_a_terminal() -> None:
    noisy = ProbeSpec.model_validate({"command": {"argv": ["/usr/bin/printf", "\\033[2J%09000d\\nlast"]}})
    escape = ProbeSpec.model_validate({"command": {"argv": ["/usr/bin/printf", "\\033[2Jx"]}})

    assert (len(look(noisy, "s")), look(noisy, "s")[-4:]) == (MOST, "last")
    assert look(escape, "s") == "\N{REPLACEMENT CHARACTER}[2Jx"


def test_a_page_is_a_probe_too() -> None:
    with receiving() as receiver:
        receiver.answers = [(200, {}, b"up"), (500, {}, b"")]
        probe = ProbeSpec.model_validate({"http": {"url": f"{receiver.url}/status"}})

        assert look(probe, "fraud") == "up"
        with pytest.raises(ActionError, match="500"):
            look(probe, "fraud")


def test_a_run_that_did_not_help_escalates_with_the_timeline(scene: Scene) -> None:
    with receiving() as receiver:
        scene.spec = make_spec(scene.registry, escalation={"page": [f"webhook:{receiver.url}"]})
        scene.sli.share = 0.4
        run_id = scene.request()
        scene.play()
        [body] = [json.loads(body) for _, _, _, body in receiver.received]

    assert scene.run(run_id).outcome is Outcome.NOT_RECOVERED
    assert body["text"].startswith("bad-release ended not_recovered:")
    assert any("roll-back: registry.json#champion: 2 -> 1" in line for line in body["timeline"])


def test_a_step_may_escalate_and_go_on(scene: Scene) -> None:
    with receiving() as receiver:
        scene.spec = make_spec(scene.registry, escalation={"business": [f"webhook:{receiver.url}"]})
        escalate = {"name": "tell", "escalate": {"text": "take over", "to": "business"}}

        told, note = played(scene, escalate, {"name": "go-on", "note": "here"})
        [body] = [json.loads(body) for _, _, _, body in receiver.received]

    assert (told.state, note.state, body["text"]) == (StepState.DONE, StepState.DONE, "take over")
    assert body["timeline"]


def test_an_alert_about_no_sli_is_not_said_to_have_no_events(scene: Scene) -> None:
    steps = [{"name": "look", "check": {}}, {"name": "history", "collect": {"what": ["sli"]}}]
    scene.recipe = make_recipe(scene.folder, id="look", steps=steps, preconditions={}, cooldown="0s", params={})
    run_id = scene.request(params={}, labels={"alertname": "VersionMismatch", "service": "fraud"})

    scene.play(5)

    looked, history = [result(row) for row in scene.steps(run_id) if row.name != "guards"]
    assert looked["text"].startswith("the alert is about no SLI; version 2 serves since ")
    assert history["sli"] == ["the alert is about no SLI"]
