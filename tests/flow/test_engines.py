"""Where Prometheus evaluates the compiled rules, burnline itself speaks of signals only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.app import views
from burnline.app.wiring import build
from burnline.events import SloState
from tests.flow.world import START, World, world

NOWHERE = "http://127.0.0.1:9"  # a Prometheus that does not answer


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[World]:
    """A world in which nothing is rolled back."""
    with world(tmp_path, approval="one") as made:
        yield made


def hand_over(scene: World) -> None:
    """Restart burnline with a Prometheus."""
    scene.app.stop()
    scene.app = build(scene.app.settings.model_copy(update={"prometheus_url": NOWHERE}))


def test_signals_alarm_and_slos_do_not(scene: World) -> None:
    hand_over(scene)
    scene.live(30)
    scene.service.release("2", scene.now)
    scene.live(60)

    fired = [entry.text for view in scene.incidents() for entry in view.entries if entry.type == "episode_opened"]
    assert fired == ["SignalAlarm drift fires"]
    assert scene.service.version == "2"


def test_without_an_answer_nothing_is_known_and_nothing_is_ok(scene: World) -> None:
    scene.live(30)
    assert scene.status("availability").state is SloState.OK

    hand_over(scene)
    scene.live(5)

    assert {status.state for status in scene.app.statuses(scene.now)} == {SloState.UNKNOWN}


def test_a_burn_that_fired_before_prometheus_took_over_is_resolved(scene: World) -> None:
    scene.live(70)
    scene.service.release("2", scene.now)
    scene.live(40)
    assert "ErrorBudgetBurn availability page-fast fires" in scene.story()

    hand_over(scene)
    scene.live(2)

    assert "ErrorBudgetBurn availability page-fast is resolved" in scene.story()
    assert "SignalAlarm drift is resolved" not in scene.story()


def test_charts_show_what_burnline_itself_measured(scene: World) -> None:
    hand_over(scene)
    scene.live(30)

    spec = scene.app.spec("scoring")
    assert spec is not None

    chart = views.history(scene.app, "scoring", spec.slos[0], START)

    assert len(chart.at) > 20
    assert chart.sli[-1] == 1
