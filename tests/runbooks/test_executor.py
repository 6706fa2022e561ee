"""From a burning service to its rollback, and every way in which that can end."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from burnline.errors import CollectorError
from burnline.events import Counts, Finding, Outcome, RunRequest, RunState, StepState, Verdict
from burnline.metrics import instruments
from burnline.runbooks.approvals import decide
from burnline.runbooks.executor import Executor
from burnline.runbooks.guards import halted_by
from burnline.runbooks.load import Catalogue
from burnline.runbooks.turn import Around
from burnline.settings import read_settings
from burnline.store import approvals, runs
from burnline.store.database import Database
from burnline.store.guards import set_switch
from burnline.store.signals import record_finding
from tests.runbooks.scene import BURN, QUICK, SECOND, T0, Scene, make_recipe, make_spec, write_registry
from tests.runbooks.test_approvals import pending, release, vote


def test_a_bad_release_is_taken_back_and_proved_on_the_same_sli(scene: Scene) -> None:
    run_id = scene.request()

    scene.play()

    ended = scene.run(run_id)
    assert (ended.state, ended.outcome) == (RunState.FINISHED, Outcome.RECOVERED)
    assert scene.serving() == "1"
    assert len(scene.changes()) == 1
    assert set(scene.sli.asked) == {"availability"}
    assert [(row.name, row.state) for row in scene.steps(run_id)] == [
        ("guards", StepState.DONE),
        ("diagnose", StepState.DONE),
        ("ask", StepState.SKIPPED),
        ("roll-back", StepState.DONE),
        ("prove", StepState.DONE),
    ]


def test_every_change_of_state_is_on_the_timeline(scene: Scene) -> None:
    run_id = scene.request()

    scene.play()

    kinds = [kind for kind, _ in scene.told(run_id)]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    assert kinds.count("step_started") == 1, "the change"
    assert "2 -> 1" in scene.story(run_id)
    assert "diagnose: bad share 40.00% over 5m; version 2 serves since 11:50:00 UTC" in scene.story(run_id)


def test_the_timeline_is_short_to_read(scene: Scene) -> None:
    run_id = scene.request()

    scene.play()

    assert "roll-back: registry.json#champion: 2 -> 1" in scene.story(run_id)
    assert str(scene.folder) not in scene.story(run_id)
    assert "+00:00" not in scene.story(run_id)


def test_the_diagnosis_looks_as_far_back_as_the_service_says(scene: Scene) -> None:
    run_id = scene.request(params={**QUICK, "diagnose": "10s"})

    scene.play()

    assert "diagnose: bad share 40.00% over 10s" in scene.story(run_id)


def test_turning_again_after_the_end_changes_nothing(scene: Scene) -> None:
    run_id = scene.request()
    scene.play()
    told = scene.told(run_id)

    done = scene.executor().run_once(scene.now + timedelta(hours=1))

    assert done == 0
    assert scene.told(run_id) == told


def test_a_run_waits_for_its_windows_without_a_worker(scene: Scene) -> None:
    run_id = scene.request()

    scene.executor().run_once(T0)

    waiting = scene.run(run_id)
    assert (waiting.state, waiting.owner, waiting.wake_at) == (RunState.WAITING, None, T0 + 2 * SECOND)


def test_a_rollback_that_does_not_help_escalates_and_is_not_undone(scene: Scene) -> None:
    scene.sli.share = 0.4
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.NOT_RECOVERED
    assert (scene.serving(), len(scene.changes())) == ("1", 1)
    assert scene.steps(run_id)[-1].name == "escalate"
    assert scene.steps(run_id)[-1].state is StepState.SKIPPED
    assert "escalate: the service file names nobody to tell" in scene.story(run_id)
    assert scene.story(run_id).endswith("ended: not_recovered; nobody was told")


def test_a_rollback_that_somebody_undid_is_not_recovery(scene: Scene) -> None:
    run_id = scene.request()
    scene.sli.share = 0.0
    scene.play(3)
    release(scene, "2")

    scene.play()

    assert scene.run(run_id).outcome is Outcome.NOT_RECOVERED
    assert "registry.json#champion was moved from 1 to 2 by another hand" in scene.story(run_id)
    assert scene.steps(run_id)[-1].name == "escalate"


def test_no_data_after_the_rollback_is_not_recovery(scene: Scene) -> None:
    scene.sli.total = 0
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.NO_DATA


def test_too_few_events_are_no_data(scene: Scene) -> None:
    scene.sli.total = 9
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.NO_DATA


def test_an_sli_that_cannot_be_read_is_no_data_and_logged_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def read_sli(self, *_: object) -> Counts | None:
            raise CollectorError("Prometheus is down")

    scene.sli = Broken()  # type: ignore[assignment]  # the part of it that the executor uses
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.NO_DATA
    assert [each.message for each in caplog.records].count("sli unreadable") == 1


def test_what_got_worse_says_so_before_the_deadline(scene: Scene) -> None:
    scene.sli.bad_version = "1"
    run_id = scene.request()

    scene.play(6)

    assert scene.run(run_id).outcome is Outcome.WORSE
    assert "it was 0.00% before the change" in scene.story(run_id)


def test_a_signal_is_proved_on_the_slo_that_counts_it(scene: Scene) -> None:
    labels = {"alertname": "SignalAlarm", "service": "fraud", "signal": "drift"}
    run_id = scene.request(labels=labels)

    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert set(scene.sli.asked) == {"quality"}


def test_a_signal_no_slo_counts_is_proved_on_its_findings(scene: Scene) -> None:
    scene.spec = make_spec(scene.registry, slos=[])
    labels = {"alertname": "SignalAlarm", "service": "fraud", "signal": "drift"}
    run_id = scene.request(labels=labels, params={**QUICK, "min_events": 1})
    for second in range(1, 10):
        start = T0 + second * SECOND
        silent = Finding("fraud", "drift", start, start + SECOND, Verdict.OK, 0.0, Counts(0, 10), "quiet")
        scene.db.write(lambda tx, finding=silent: record_finding(tx, finding))  # type: ignore[misc]  # mypy cannot infer it

    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_a_release_that_is_too_old_is_not_blamed(scene: Scene) -> None:
    write_registry(scene.registry, released=T0 - timedelta(hours=3))
    run_id = scene.request()

    scene.play()

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.SKIPPED, "2")
    assert "over 2h before the alert" in scene.story(run_id)


def test_a_registry_that_is_gone_fails_in_words(scene: Scene) -> None:
    scene.registry.unlink()
    scene.sli.read_sli = lambda *_: None  # type: ignore[method-assign]  # there is no registry to ask
    run_id = scene.request()

    scene.play()

    assert scene.run(run_id).outcome is Outcome.FAILED
    assert "registry.json does not exist" in scene.story(run_id)


def test_a_target_another_run_holds_is_left_alone(scene: Scene) -> None:
    first = scene.request(approval="one")
    second = scene.request(labels={**BURN, "slo": "quality"})

    scene.executor().run_once(T0)

    assert scene.run(first).state is RunState.WAITING
    assert scene.run(second).outcome is Outcome.SKIPPED
    assert f"run {first} holds" in scene.story(second)
    assert all(row.name != "escalate" for row in scene.steps(second))


def test_a_target_cools_down_after_a_change(scene: Scene) -> None:
    scene.request()
    scene.play()
    write_registry(scene.registry, released=scene.now)
    second = scene.request(labels={**BURN, "tier": "page-slow"})

    scene.play()

    assert (scene.run(second).outcome, scene.serving()) == (Outcome.SKIPPED, "2")
    assert "cools down: it was changed within 30m" in scene.story(second)
    assert scene.steps(second)[-1].name == "escalate"


def test_over_the_budget_of_changes_people_are_asked(scene: Scene) -> None:
    params = {**QUICK, "cooldown": "0s"}
    outcomes = []

    for tier in ("a", "b", "c"):
        write_registry(scene.registry, released=scene.now)
        run_id = scene.request(labels={**BURN, "tier": tier}, params=params)
        scene.play()
        outcomes.append(scene.run(run_id).outcome)

    assert outcomes == [Outcome.RECOVERED, Outcome.RECOVERED, None]
    assert "its budget of changes is spent" in scene.story(run_id)
    vote(scene, pending(scene))
    scene.play()
    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_the_switch_stops_every_change(scene: Scene) -> None:
    scene.db.write(lambda tx: set_switch(tx, "actions", "off", actor="ines", now=T0))
    run_id = scene.request()

    scene.play()

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.SKIPPED, "2")
    assert "actions are switched off: ines" in scene.story(run_id)


def test_the_switch_is_asked_again_right_before_the_change(scene: Scene) -> None:
    run_id = scene.request(approval="one")
    scene.executor().run_once(T0)
    with scene.db.read() as tx:
        [(asked, _)] = approvals.pending_approvals(tx)
    scene.db.write(lambda tx: approvals.settle_approval(tx, asked.id, approvals.APPROVED, T0))

    scene.play(executor=scene.executor(around=Around(halted=lambda: "BURNLINE_ACTIONS is off")))

    assert (scene.run(run_id).outcome, scene.serving()) == (Outcome.SKIPPED, "2")


@pytest.mark.parametrize("value", ["off", "file"])
def test_the_environment_stops_every_change(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    (tmp_path / "stop").touch()
    if value == "off":
        monkeypatch.setenv("BURNLINE_ACTIONS", "off")
    else:
        monkeypatch.setenv("BURNLINE_ACTIONS_OFF_FILE", str(tmp_path / "stop"))
    run_id = scene.request()

    scene.play(executor=scene.executor(around=Around(halted=partial(halted_by, read_settings()))))

    assert scene.run(run_id).outcome is Outcome.SKIPPED


def test_hostile_labels_change_nothing_but_what_they_select(scene: Scene) -> None:
    evil = "${settle}'; rm -rf / #"
    run_id = scene.request(labels={**BURN, "slo": evil, "to": evil, "settle": evil, "instance": "$(reboot)"})

    scene.play()

    assert scene.run(run_id).outcome is Outcome.NO_DATA  # no SLO of that name: nothing to prove it on
    assert scene.serving() == "1"


def test_a_label_that_does_not_fit_its_parameter_starts_nothing(scene: Scene) -> None:
    version = {"type": "string", "label": "version", "pattern": "[0-9]+", "example": "1"}
    steps = [
        {"name": "ask", "approve": {}},
        {"name": "go", "act": {"to": "${version}", "irreversible": True}},
        {"name": "prove", "verify": {"settle": "1s", "window": "1s"}},
    ]
    scene.recipe = make_recipe(scene.folder, params={"version": version}, steps=steps, preconditions={}, cooldown="0s")
    fits = scene.request(labels={**BURN, "version": "1"}, params={})
    scene.play()
    hostile = scene.request(labels={**BURN, "version": "../../3"}, params={})

    scene.play()

    assert scene.run(fits).outcome is Outcome.RECOVERED
    assert scene.run(hostile).outcome is Outcome.FAILED
    assert "version: '../../3' does not match [0-9]+" in scene.story(hostile)


def test_a_service_that_is_gone_ends_its_runs(scene: Scene) -> None:
    run_id = scene.request(service="other")

    scene.play(1)

    assert scene.run(run_id).outcome is Outcome.FAILED
    assert "there is no service 'other' any more" in scene.story(run_id)


def test_a_run_keeps_the_runbook_it_was_started_with(scene: Scene) -> None:
    run_id = scene.request()
    scene.recipe = make_recipe(scene.folder, steps=[{"name": "nothing", "note": "edited away"}])

    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert "its file was edited since" in scene.story(run_id)


def test_the_same_alert_starts_a_runbook_once(scene: Scene) -> None:
    run_id = scene.request()
    first = scene.run(run_id)
    again = RunRequest("fraud", first.runbook, first.episode_id, first.incident_id, "none")

    second = scene.db.write(lambda tx: runs.request_run(tx, again, digest="", body="{}", now=T0))

    assert second is None


def test_a_run_on_which_workers_keep_dying_is_buried_and_told(scene: Scene) -> None:
    run_id = scene.request()
    lease = timedelta(seconds=-1)
    for _ in range(7):
        scene.db.write(lambda tx: runs.claim_run(tx, owner="dies", lease=lease, now=T0))

    scene.play(1)

    assert scene.run(run_id).outcome is Outcome.DEAD
    assert (scene.serving(), scene.steps(run_id)[-1].name) == ("2", "escalate")


def test_a_runbook_that_proves_nothing_never_says_recovered(scene: Scene) -> None:
    scene.recipe = make_recipe(
        scene.folder, steps=[{"name": "a", "note": "look"}, {"name": "b", "wait": {"for": "5s"}}]
    )
    run_id = scene.request()

    scene.play(5)
    waiting = scene.run(run_id)
    scene.play(2)

    assert waiting.state is RunState.WAITING
    assert scene.run(run_id).outcome is Outcome.NO_DATA


def test_finished_runs_are_counted(scene: Scene) -> None:
    registry = CollectorRegistry()
    scene.request()

    scene.play(executor=scene.executor(instruments=instruments(registry)))

    labels = {"service": "fraud", "runbook": "bad-release", "outcome": "recovered"}
    assert registry.get_sample_value("burnline_runbook_runs_total", labels) == 1


def test_a_catalogue_without_the_runbook_does_not_stop_the_run(scene: Scene) -> None:
    run_id = scene.request()
    worker = Executor(scene.db, [scene.spec], Catalogue({}), scene.sli, owner="w", elapsed=lambda: 0.0)

    scene.play(executor=worker)

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_the_whole_run_works_on_every_database(any_database: Database, tmp_path: Path) -> None:
    scene = Scene(any_database, tmp_path)
    run_id = scene.request(approval="one")
    scene.executor().run_once(T0)
    with any_database.read() as tx:
        [(asked, _)] = approvals.pending_approvals(tx)
    decide(any_database, asked.id, actor="ines", decision="approve", plan_hash=asked.plan_hash, reason="", now=T0)

    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert len(scene.changes()) == 1
