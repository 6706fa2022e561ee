"""The whole loop in one process: from a bad release to its rollback, and everything that must not happen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.app.wiring import build
from burnline.events import Outcome, SloState
from tests.flow.world import World, world

TIMING = "{settle: 3s, window: 2s}"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[World]:
    """A world whose runbook verifies within seconds."""
    with world(tmp_path, params=TIMING) as made:
        yield made


def test_a_healthy_service_stays_silent(scene: World) -> None:
    scene.live(150)

    assert scene.incidents() == []
    assert {status.state for status in scene.app.statuses(scene.now)} == {SloState.OK}
    assert scene.service.version == "1"


def test_a_short_spike_does_not_page(scene: World) -> None:
    scene.live(70)
    scene.live(1, failing=0.6)
    scene.live(30)

    assert scene.incidents() == []
    assert scene.status("availability").counts.bad == 48
    assert scene.status("availability").burns[0].short_rate == 0


def test_a_bad_release_is_detected_rolled_back_verified_and_closed(scene: World) -> None:
    scene.live(70)
    scene.service.release("2", scene.now)
    scene.live(110)

    assert scene.service.version == "1", scene.story()
    assert [change["to"] for change in scene.service.history] == ["1", "2", "1"]
    [incident] = scene.incidents()
    assert [run.outcome for run in incident.runs] == [Outcome.RECOVERED], scene.story()
    assert incident.state == "closed", scene.story()
    assert incident.chain_holds
    assert {status.state for status in scene.app.statuses(scene.now)} <= {SloState.OK, SloState.AT_RISK}


def test_the_page_comes_when_theory_says(scene: World) -> None:
    scene.live(70)
    released = scene.now
    scene.service.release("2", scene.now)
    scene.live(40)

    [incident] = scene.incidents()
    page = next(entry for entry in incident.entries if "availability page-fast fires" in entry.text)
    # 0.01 / 0.4 x 14.4 x 60 s = 21.6 s, seen by the first scrape and evaluation after it
    assert 21.6 <= (page.at - released).total_seconds() <= 23, scene.story()
    drift = next(entry for entry in incident.entries if "drift detector raises an alarm" in entry.text)
    assert drift.at < page.at, "drift speaks before the page"
    assert "spends its error budget" in incident.title, "which then gives the incident its name"


def test_availability_latency_and_drift_all_speak_in_one_incident(scene: World) -> None:
    scene.service.bad_versions = {"2", "1"}
    scene.live(100)

    [incident] = scene.incidents()
    story = scene.story()
    assert incident.state == "open"
    for name in ("availability", "latency", "drift"):
        assert name in story


def test_a_rollback_that_does_not_help_escalates_and_says_so(scene: World) -> None:
    scene.live(70)
    scene.service.release("2", scene.now)
    scene.service.bad_versions = {"1", "2"}
    scene.live(200)

    [incident] = scene.incidents()
    assert incident.state == "open"
    assert incident.runs[0].outcome in (Outcome.NOT_RECOVERED, Outcome.WORSE), scene.story()
    assert [change["to"] for change in scene.service.history] == ["1", "2", "1"], "nothing is undone twice"
    assert scene.pager.received, scene.story()
    assert scene.pager.received[0]["path"] == "/page"


def test_a_rollback_after_which_nothing_is_seen_never_counts_as_recovered(scene: World) -> None:
    scene.live(70)
    scene.service.release("2", scene.now)
    while scene.service.version == "2":
        scene.live(1)
    scene.pager.up = False
    scene.live(150, traffic=False)

    [incident] = scene.incidents()
    assert incident.runs[0].outcome == Outcome.NO_DATA, scene.story()
    assert incident.state == "open"
    assert scene.status("availability").state is SloState.UNKNOWN


def test_with_approval_nothing_changes_until_a_person_says_so(tmp_path: Path) -> None:
    with world(tmp_path, approval="one", params=TIMING) as scene:
        scene.live(70)
        scene.service.release("2", scene.now)
        scene.live(60)

        [incident] = scene.incidents()
        [asked] = incident.approvals
        assert scene.service.version == "2"
        assert asked.runbook == "bad-release"


def test_a_restart_in_the_middle_forgets_nothing(scene: World, tmp_path: Path) -> None:
    scene.live(70)
    scene.service.release("2", scene.now)
    scene.live(15)
    before = scene.app.statuses(scene.now)

    scene.app.stop()
    scene.app = build(scene.app.settings)

    after = scene.app.statuses(scene.now)
    assert [(status.slo, status.counts) for status in after] == [(status.slo, status.counts) for status in before]
    scene.live(90)
    assert scene.service.version == "1", scene.story()
